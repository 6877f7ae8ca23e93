"""What a linear model is given, as Blocks: arrays checked by scikit-learn, data sets as they stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, validate_data

from esker.blocks import ArrayBlocks, Block, Blocks
from esker.blocks.arrays import check_sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.folds import Gram

__all__ = [
    "as_blocks",
    "check_finite",
    "check_indices",
    "check_rows",
    "check_squares",
    "check_sums",
    "check_weights",
    "fitted_blocks",
    "learn_width",
    "narrowed",
    "refuse_records",
]

#: Sums of a target's squares may be so large; their own products with a column's squares must not overflow.
LARGEST = 1e290


def as_blocks(
    estimator: Any,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    multi_output: bool = False,
    classifier: bool = False,
    reset: bool = True,
    finite_later: bool = False,
    idle: bool = False,
) -> Blocks:
    """The rows to learn from, as Blocks.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_`` (``reset=True``), or has X compared with them. For a
        Blocks whose width is unknown before the walk, call `learn_width` after it.
    X : array-like, CSR or CSC of shape (n, d); or Blocks
        float32 and float64 are kept, the rest becomes float64. A Blocks brings its own target and weights.
    y : array-like of shape (n,) or (n, targets)
        Numbers; for a classifier labels, which the returned blocks hold as they came.
    sample_weight : array-like of shape (n,) or number, optional
    multi_output : bool
        Whether y may have several columns.
    classifier : bool
        Whether y are labels.
    finite_later : bool
        Do not read X for NaN and infinity where the caller's sums will show them: the result then has
        ``finite_later`` set, and `check_finite` makes the search when it is wanted. Targets keep their dtype.
    idle : bool
        Whether weights may be zero in every row.

    Raises
    ------
    ValueError
        What is wrong with the input, and the way out.
    """
    if isinstance(X, Blocks):
        return _check_blocks(estimator, X, y, sample_weight, multi_output, classifier, reset)
    check_indices(X)
    given, later = X, finite_later
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse="csr",
        accept_large_sparse=True,
        dtype=[np.float64, np.float32],
        multi_output=multi_output,
        y_numeric=not classifier,
        ensure_all_finite=not later,
    )
    if classifier:
        if y.dtype.kind not in "biu":  # which can be labels only; to look took longer than to learn from them
            check_classification_targets(y)
    elif not finite_later:
        y = np.ascontiguousarray(y, dtype=np.float64)
    weight = None if sample_weight is None else check_weights(sample_weight, X, idle)
    memory = getattr(estimator, "max_memory", None)
    blocks = ArrayBlocks(X, y, weight, max_memory=memory, check_finite=False, bounded=X is given)
    blocks.finite_later = later
    if weight is not None and not weight.all():
        check_finite(estimator, blocks)  # sums never see the rows of weight 0
    return blocks


def check_finite(estimator: Any, blocks: Blocks) -> None:
    """scikit-learn's error where an array holds NaN or infinity, if that was not yet looked for."""
    if isinstance(blocks, ArrayBlocks) and blocks.finite_later:
        check_array(blocks.X, accept_sparse=True, dtype=None, input_name="X", estimator=estimator)
        blocks.finite_later = False


def check_squares(squares: NDArray[np.float64]) -> None:
    """Targets whose squares overflow, or would in the next product, are refused before anything is made of them."""
    bad = ~(squares <= LARGEST)
    if bad.any():
        raise ValueError(
            f"the sum of squares of target {int(np.argmax(bad))} is beyond {LARGEST:g}: its values (or the weights) are too large "
            "for their products; scale it down"
        )


def narrowed(coef: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """Coefficients in X's dtype; refused where they are beyond it, as those of tiny numbers may be."""
    with np.errstate(over="ignore"):
        rounded = coef.astype(dtype)
    if not np.isfinite(rounded).all() and np.isfinite(coef).all():
        raise ValueError(
            f"coefficients of up to {np.abs(coef).max():.0e} are beyond {np.dtype(dtype).name}, which they share with X: "
            "scale its columns up, or give X as float64"
        )
    return rounded


def check_sums(state: Gram, centred: bool) -> None:
    """Refuse sums that overflowed: of a column's squares, about the origin where not `centred`, or of a target's."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = state._state.diagonal + (0.0 if centred else state.weight * state.mean_x**2)
    bad = ~np.isfinite(squares)
    if bad.any():
        raise ValueError(
            f"the sums of products of column {int(np.argmax(bad))} are not finite: its values (or the weights) are too large for "
            "their products; scale it down"
        )
    check_squares(state.squares_y)


def check_indices(X: Any) -> None:
    """Sparse rows of arrays lead to columns that exist; kernels and SciPy would read beyond their ends."""
    if sparse.issparse(X):
        check_sparse(X)


def check_weights(sample_weight: Any, X: Any, idle: bool = False) -> NDArray[np.float64]:
    """Weights of rows: as many as rows, finite, not negative, not all zero unless `idle`."""
    if idle and np.shape(sample_weight) == (X.shape[0],) and not np.any(sample_weight):
        return np.zeros(X.shape[0])
    weight: NDArray[np.float64] = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight must not be negative, got {weight[row]:g} in row {row}; "
            "to leave a row out, give it weight 0"
        )
    if not weight.any():
        raise ValueError("sample_weight is zero in every row; at least one row needs a positive weight")
    return weight


def _check_blocks(
    estimator: Any,
    blocks: Blocks,
    y: Any,
    sample_weight: Any,
    multi_output: bool,
    classifier: bool,
    reset: bool,
) -> Blocks:
    """A data set to fit: it has a target, every block of it is finite; widths are compared unless `reset`."""
    name = type(estimator).__name__
    refuse_records(estimator, blocks)
    if y is not None:
        raise ValueError(
            f"{name} got Blocks as X and also y; a data set brings its target with it: "
            "open_blocks(..., target=...) names the column, and y stays None"
        )
    if sample_weight is not None:
        raise ValueError(
            f"{name} got Blocks as X and also sample_weight; a data set brings its weights with it: "
            "open_blocks(..., weight=...) names the column, and sample_weight stays None"
        )
    if blocks.n_targets == 0:
        raise ValueError(
            f"{name} needs a target, and {blocks.source} has none; name it: open_blocks(..., target=...)"
        )
    if not multi_output and blocks.n_targets is not None and blocks.n_targets > 1:
        raise ValueError(
            f"{name} learns one target, and {blocks.source} has {blocks.n_targets}; name one as target"
        )
    if blocks.n_rows == 0:
        raise ValueError(
            f"Found array with 0 sample(s) in {blocks.source} while a minimum of 1 is required by {name}."
        )
    if reset:
        _forget_width(estimator)
        learn_width(estimator, blocks.n_columns, None if blocks.from_step else blocks.feature_names)
    else:
        _check_names(estimator, blocks)
    width = None if reset else int(estimator.n_features_in_)
    # A source whose width only reading tells may turn out too wide for any model.
    refuse = getattr(estimator, "_refuse_width", None) if reset and blocks.n_columns is None else None

    def check(block: Block) -> Block:
        if refuse is not None:
            refuse(block.X.shape[1])
        if block.y is None:
            raise ValueError(
                f"{name} needs a target, and {blocks.source} has none; name it: open_blocks(..., target=...)"
            )
        if not multi_output and block.y.ndim > 1 and block.y.shape[1] > 1:
            raise ValueError(
                f"{name} learns one target, and {blocks.source} has {block.y.shape[1]}; name one as target"
            )
        if not classifier:
            if block.y.dtype.kind not in "fiub":
                raise ValueError(
                    f"the target of {blocks.source} must be numbers, got {block.y.dtype}; labels are for a classifier, such as "
                    "RidgeClassifier (esker fit --task classification)"
                )
            block = replace(block, y=np.ascontiguousarray(block.y, dtype=np.float64))
        return block if width is None else check_rows(estimator, block, blocks)

    known = {} if width is None else {"n_columns": width}
    checked = blocks.map(check, keeps_targets=classifier, keeps_x=width is None, **known)
    checked.budget = blocks.budget.within(getattr(estimator, "max_memory", None), blocks)
    return checked


def refuse_records(estimator: Any, blocks: Blocks) -> None:
    """Texts and tables must become numbers first."""
    if blocks.holds_records:
        raise ValueError(
            f"{type(estimator).__name__} takes rows of numbers, and {blocks.source} gives tables with texts; let a feature step "
            "make numbers of them: open_blocks(..., features=esker.feature_extraction.TableHasher(...)), or put the step "
            "before the estimator in a Pipeline"
        )


def _forget_width(estimator: Any) -> None:
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            delattr(estimator, name)


def learn_width(estimator: Any, n_columns: int | None, feature_names: list[str] | None) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_`` from what is known of the columns."""
    if n_columns is not None:
        if n_columns == 0:
            raise ValueError(
                f"0 feature(s) (shape=(n, 0)) while a minimum of 1 is required by {type(estimator).__name__}."
            )
        estimator.n_features_in_ = int(n_columns)
    if feature_names is not None:
        estimator.feature_names_in_ = np.asarray(feature_names, dtype=object)


def _check_names(estimator: Any, blocks: Blocks) -> None:
    """Names at predict are those at fit, as scikit-learn has it."""
    seen, now = getattr(estimator, "feature_names_in_", None), blocks.feature_names
    if seen is None or now is None or list(seen) == list(now):
        return
    message = "The feature names should match those that were passed during fit.\n"
    new, gone = sorted(set(now) - set(seen)), sorted(set(seen) - set(now))
    if new:
        message += (
            "Feature names unseen at fit time:\n"
            + "".join(f"- {n}\n" for n in new[:5])
            + "- ...\n" * (len(new) > 5)
        )
    if gone:
        message += "Feature names seen at fit time, yet now missing:\n"
        message += "".join(f"- {n}\n" for n in gone[:5]) + "- ...\n" * (len(gone) > 5)
    if not new and not gone:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(f"{message}(in {blocks.source})")


def fitted_blocks(estimator: Any, blocks: Blocks) -> Blocks:
    """Blocks to predict: as wide as the model, sparse rows being widened with zeros."""
    refuse_records(estimator, blocks)
    _check_names(estimator, blocks)
    return blocks.map(
        lambda block: check_rows(estimator, block, blocks),
        keeps_targets=True,
        n_columns=int(estimator.n_features_in_),
    )


def check_rows(estimator: Any, block: Block, blocks: Blocks) -> Block:
    """The block at the width of the model: a narrower sparse one gains empty columns, the rest is refused."""
    have, want = block.X.shape[1], int(estimator.n_features_in_)
    if have == want:
        return block
    name = type(estimator).__name__
    how = (
        "has columns that the model never saw"
        if have > want
        else "lacks columns that the model was fitted on"
    )
    if have > want or not sparse.issparse(block.X):
        raise ValueError(
            f"X has {have} features, but {name} is expecting {want} features as input: {blocks.source} {how}"
        )
    X = block.X
    return replace(block, X=sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], want)))
