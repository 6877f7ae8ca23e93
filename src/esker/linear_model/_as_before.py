"""Learning as a whole or not at all: what goes wrong on the way leaves a model as it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["or_as_before"]


@contextmanager
def or_as_before(model: Any) -> Iterator[dict[str, Any]]:
    """What goes wrong leaves the attributes that were there; yields those, of which the caller may give up ``state_``."""
    kept = dict(vars(model))
    had = "state_" in kept
    try:
        yield kept
    except BaseException as error:
        model.__dict__.clear()
        model.__dict__.update(kept)
        if had and "state_" not in kept:
            error.add_note("there was no memory for a second X'X, so that the sums were dropped: learn anew")
        raise
