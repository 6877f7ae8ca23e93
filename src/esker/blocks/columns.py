"""Which columns of a table with names are features, which the target and the weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Roles"]


@dataclass(frozen=True)
class Roles:
    """Columns by their position in the table."""

    features: list[int]
    targets: list[int]
    weight: int | None
    flat: bool  # whether y has one dimension

    @classmethod
    def of(cls, names: Sequence[Any], target: Any, weight: Any, columns: Any) -> Roles:
        """Look names up; a number is a position. `columns` may be a function of the names that are left (`features=` passes one).

        >>> Roles.of(["a", "b", "y"], "y", None, None)
        Roles(features=[0, 1], targets=[2], weight=None, flat=True)
        """
        targets = [] if target is None else [find(names, t, "target") for t in _several(target)]
        weights = [] if weight is None else [find(names, weight, "weight")]
        taken = targets + weights
        if len(set(taken)) < len(taken):
            raise ValueError("target and weight name the same column twice")
        if callable(columns):
            columns = columns([name for j, name in enumerate(names) if j not in taken])
        if columns is None:
            features = [j for j in range(len(names)) if j not in taken]
        else:
            features = [find(names, c, "columns") for c in _several(columns)]
            if set(features) & set(taken):
                raise ValueError("columns= names the target or the weight as a feature")
            if len(set(features)) < len(features):
                raise ValueError("columns= names a column twice")
        if not features:
            raise ValueError("no column is left for the features")
        return cls(features, targets, weights[0] if weights else None, not isinstance(target, list | tuple))


def find(names: Sequence[Any], wanted: Any, what: str) -> int:
    """The position of a column, by name or by number."""
    found = [j for j, name in enumerate(names) if isinstance(name, type(wanted)) and name == wanted]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise ValueError(f"{what}={wanted!r}: {len(found)} columns have this name")
    if (
        isinstance(wanted, int | np.integer)
        and not isinstance(wanted, bool)
        and -len(names) <= wanted < len(names)
    ):
        return int(wanted) % len(names)
    known = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    raise ValueError(f"{what}={wanted!r} is no column; the columns are {known}")


def _several(value: Any) -> list[Any]:
    return (
        list(value) if isinstance(value, list | tuple | np.ndarray) or hasattr(value, "tolist") else [value]
    )
