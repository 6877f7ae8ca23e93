"""Names of columns: rows with names are added to those of the same names only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["check_names", "column_names"]


def column_names(blocks: Blocks) -> NDArray[Any] | None:
    """Of the columns, where all are strings."""
    names = blocks.feature_names
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(names, dtype=object)


def check_names(ours: NDArray[Any] | None, names: NDArray[Any] | None, whose: str) -> None:
    """Refuse other names; columns without names go by their places."""
    if ours is None or names is None:
        return
    for j, (name, other) in enumerate(zip(ours, names, strict=False)):
        if name != other:
            raise ValueError(
                f"expected the columns in the order of feature_names_in_, {name!r} in place {j} (from 0), got {other!r} "
                f"of {whose}; put them in that order"
            )
