"""What a decomposition is given, as Blocks without targets: arrays checked by scikit-learn, data sets as they stream."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import validate_data

from esker.blocks import ArrayBlocks, Block, Blocks
from esker.linear_model._input import check_indices, fitted_blocks, learn_width, refuse_records

if TYPE_CHECKING:
    pass

__all__ = ["MORE_CONSTRAINTS", "as_rows", "check_width", "refuse_empty"]

#: What esker's classes have beside scikit-learn's parameters.
MORE_CONSTRAINTS: dict[str, Any] = {
    "max_memory": [None, Integral, float, str],
    "n_threads": [None, Integral],
}


def as_rows(estimator: Any, X: Any, *, reset: bool = True, **checks: Any) -> Blocks:
    """The rows to learn from, as Blocks without targets.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_`` (``reset=True``), or has X compared with them.
    X : array-like, CSR or CSC of shape (n, d); or Blocks
        float32 and float64 are kept, the rest becomes float64.
    **checks
        Further arguments of scikit-learn's `validate_data`.

    Notes
    -----
    Arrays are not searched for NaN and infinity: the result has ``finite_later`` set, and sums will show them.
    """
    memory = estimator.max_memory
    if not isinstance(X, Blocks):
        check_indices(X)
        given = X
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            **checks,
        )
        rows = ArrayBlocks(X, max_memory=memory, check_finite=False, bounded=X is given)
        rows.finite_later = True
        return rows
    refuse_records(estimator, X)
    if X.n_rows == 0:
        refuse_empty(estimator, 0, X)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                delattr(estimator, name)
        learn_width(estimator, X.n_columns, None if X.from_step else X.feature_names)
    else:
        X = fitted_blocks(estimator, X)
    bare: Blocks = X.map(_bare, keeps_x=True, n_targets=0)
    bare.budget = X.budget.within(memory, X)
    return bare


def _bare(block: Block) -> Block:
    return block if block.y is None else replace(block, y=None)


def refuse_empty(estimator: Any, rows: int, blocks: Blocks, weight: float = 1.0) -> None:
    """Rows there must be, and one of them must count."""
    if rows == 0:
        raise ValueError(
            f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required by {type(estimator).__name__}."
        )
    if weight == 0:
        raise ValueError(
            f"sample_weight is zero in every row of {blocks.source}; at least one row needs a positive weight"
        )


def check_width(estimator: Any, d: int) -> None:
    """A width that only the walk told."""
    if not hasattr(estimator, "n_features_in_"):
        learn_width(estimator, d, None)
