"""One walk that sums a centred Gram, for the decompositions that learn from it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.decomposition._input import check_width, refuse_empty
from esker.decomposition._spectrum import reserve_gram
from esker.folds import Gram
from esker.linear_model._gram_walk import sum_rows
from esker.linear_model._input import check_finite, check_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["at_origin", "sum_gram"]

NARROWER = (
    "select or hash columns, or take svd_solver='randomized', whose memory is in proportion to the columns"
)


def sum_gram(estimator: Any, blocks: Blocks, way_out: str = NARROWER) -> Gram:
    """Sums of products of all rows; memory is claimed first, and what is not finite refused."""
    claimed = blocks.n_columns
    if claimed is not None:
        reserve_gram(blocks, claimed, way_out)
    state = Gram()

    def update(block: Any) -> None:
        nonlocal claimed
        if claimed is None:
            claimed = block.X.shape[1]
            reserve_gram(blocks, claimed, way_out)
        state.update(block)

    sum_rows(blocks, update, long=True)
    refuse_empty(estimator, state.rows, blocks, state.weight)
    check_width(estimator, state.cols)
    if not state.finite:
        check_finite(estimator, blocks)
    check_sums(state, True)
    return state


def at_origin(weight: float, mean: NDArray[np.float64], S: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centred products S become those about zero, in place."""
    for own, level in zip(S, mean, strict=True):
        own += weight * level * mean
    return S
