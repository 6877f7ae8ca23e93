"""A fit that ended but is of no use: it predicts no better than a constant, as after one absurd value in a row. That is said."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from esker.blocks import Block
from esker.blocks.arrays import ArrayBlocks
from esker.folds import Sgd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.learning import Learned

__all__ = ["warn_useless"]

#: More models than this are not looked at: of many classes most are rare, and their models little better than constants.
MOST = 8
#: Rows to look at where none were held out, and walks over their targets to find the best constant.
ROWS, WALKS = 4096, 10
#: A loss above this share of a constant's is no use where a value stands out: by so many standard deviations, squared, of a column's sum.
USELESS, ALONE = 0.98, 0.5


def warn_useless(model: Any, blocks: Blocks, learned: Learned) -> None:
    """Of a fit that has converged, warn where the loss exceeds a constant's by two standard errors, or is no lower and one value makes a column's scale."""
    state: Any = learned.state
    known = isinstance(state, Sgd) and state.lanes <= MOST and model.fit_intercept
    # The perceptron's loss is 0 of scores that are.
    if not known or model.loss in ("softmax", "perceptron") or learned.stop_reason != "converged":
        return
    rows = learned.held
    if not rows and isinstance(blocks, ArrayBlocks) and blocks.y is not None:
        n = min(ROWS, blocks.n_rows or 0)
        weight = None if blocks.sample_weight is None else blocks.sample_weight[:n]
        rows = [Block(blocks.X[:n], np.ascontiguousarray(blocks.y[:n], dtype=np.float64), weight)]
    if not rows or sum(len(block) for block in rows) < 50:
        return
    mine, constant, error = _losses(model, state, rows)
    if not mine > USELESS * constant:
        return
    where = _alone(blocks)
    if where is None and not mine > constant + 2 * error:
        return
    hint = (
        "either the columns say little of it, or absurd values spoil them, which learning_rate='auto' and scaled columns bear better"
        if where is None
        else f"the value {where[2]:.3g} in row {where[0]}, column {where[1]}, stands out of its column, whose scale it makes alone: "
        "mend or clip such values"
    )
    warnings.warn(
        f"{type(model).__name__} predicts no better than a constant: its loss is {mine:.4g}, and a constant's {constant:.4g}; {hint}",
        ConvergenceWarning,
        stacklevel=4,
    )


def _losses(model: Any, state: Sgd, rows: list[Block]) -> tuple[float, float, float]:
    """The mean loss of the models and of the best constants on these rows, and the standard error of their difference."""
    name, parameter = state.loss
    constants = Sgd(
        name,
        state.targets,
        np.full(state.lanes, 0.5),
        classes=is_classifier(model),
        loss_parameter=parameter,
    )
    blank = []
    for block in rows:
        nothing = sparse.csr_array((len(block), 1), dtype=np.float32)
        blank.append(Block(nothing, block.y, block.sample_weight))
    for _ in range(WALKS):
        for block in blank:
            constants.update(block)
    each, weights = [], []
    for block, empty in zip(rows, blank, strict=True):
        each.append(
            [s.row_losses(b, apart=False)[2].ravel() for s, b in ((state, block), (constants, empty))]
        )
        weights.append(np.ones(len(block)) if block.sample_weight is None else block.sample_weight)
    mine, constant = (np.concatenate([pair[i] for pair in each]) / state.lanes for i in range(2))
    weight = np.concatenate(weights)
    if not weight.sum() > 0:
        return 0.0, 0.0, 0.0
    share = weight / weight.sum()
    differs = mine - constant
    error = np.sqrt(np.sum((share * (differs - share @ differs)) ** 2))
    return float(share @ mine), float(share @ constant), float(error)


def _alone(blocks: Blocks) -> tuple[int, int, float] | None:
    """The row, column and value that makes half of a column's sum of squares about its mean, or more; of dense rows in memory."""
    X: Any = getattr(blocks, "X", None)
    if not isinstance(blocks, ArrayBlocks) or not isinstance(X, np.ndarray) or len(X) < 50:
        return None
    best: tuple[float, int, int] = (ALONE, 0, 0)
    for j in range(X.shape[1]):
        column = np.asarray(X[:, j], dtype=np.float64)
        square: NDArray[np.float64] = (column - np.median(column)) ** 2
        total = square.sum()
        i = int(square.argmax())
        # Columns that are nearly always 0 are sparse features, and no value of them stands out.
        if total > 0 and square[i] / total > best[0] and np.count_nonzero(square) > len(X) // 2:
            best = (float(square[i] / total), i, j)
    return None if best[0] == ALONE else (best[1], best[2], float(X[best[1], best[2]]))
