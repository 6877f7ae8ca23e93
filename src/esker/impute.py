"""Filling in missing values: scikit-learn's `SimpleImputer`, which also takes Blocks and learns from them in one pass."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import sklearn.impute
from numpy.typing import NDArray
from scipy import sparse

from esker._native import core
from esker._steps import StreamingStep, check_fitted, fold_columns
from esker.blocks import Block, Blocks
from esker.blocks.memory import empty
from esker.folds import ColumnMoments

__all__ = ["SimpleImputer"]

#: Different values of a column that ``strategy="most_frequent"`` counts in a stream.
MOST_VALUES = 1 << 20


class _Filling(StreamingStep):
    """`transform` of Blocks, in a class of its own: scikit-learn wraps what a step itself defines in DataFrames, where asked to."""

    def transform(self, X: Any) -> Any:
        """Fill in what is missing.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks

        Returns
        -------
        array or sparse matrix; or lazy Blocks
        """
        if not isinstance(X, Blocks):
            return super().transform(X)  # type: ignore[misc]  # scikit-learn's, which comes next in SimpleImputer
        check_fitted(self)
        return self._fill(X)  # type: ignore[attr-defined]  # SimpleImputer's own


class SimpleImputer(_Filling, sklearn.impute.SimpleImputer):  # type: ignore[misc]  # it has no types
    """Missing values replaced, column by column.

    Parameters
    ----------
    missing_values : number or nan
        What stands for a missing value.
    strategy : {"mean", "median", "most_frequent", "constant"} or callable
        The median and callables need all of a column at once: arrays only.
    fill_value : number, optional
        What ``strategy="constant"`` puts in; 0 by default.
    copy : bool
        Whether `transform` of an array leaves it as it is.
    add_indicator : bool
        Whether columns are added that say where values were missing.
    keep_empty_features : bool
        Whether columns without any value are kept, as zeros (or the constant); else they are left out.

    Attributes
    ----------
    statistics_ : ndarray of shape (d,)
    indicator_ : MissingIndicator or None
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Notes
    -----
    Blocks refuse missing values where no step fills them in. This one asks its source for them (`Blocks.with_missing`), in `fit`
    and in `transform`, so it takes the blocks that ``open_blocks`` gives, and stands in ``features=`` or a Pipeline. Weights do
    not count, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np, esker
    >>> X = np.array([[1.0, 5.0], [np.nan, 7.0]])
    >>> blocks = esker.open_blocks(X, target=np.array([0, 1]))
    >>> imputer = SimpleImputer().fit(blocks)
    >>> [block.X.tolist() for block in imputer.transform(blocks)]
    [[[1.0, 5.0], [1.0, 7.0]]]
    """

    #: Sources give it missing values as NaN.
    accepts_missing = True

    def fit(self, X: Any, y: Any = None) -> SimpleImputer:
        """Learn what to fill in.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d), or Blocks
            Blocks are walked once.
        y : ignored

        Returns
        -------
        self
        """
        if not isinstance(X, Blocks):
            super().fit(X, y)
            self._plain_statistics()
            return self
        self._validate_params()
        if self.strategy == "median" or callable(self.strategy):
            raise ValueError(
                f"strategy={self.strategy!r} needs all values of a column at once; for Blocks use 'mean', 'most_frequent' or "
                "'constant', or fit on a sample that fits in memory: imputer.fit(blocks.with_missing().sample(10_000).take_all().X)"
            )
        if self.missing_values == 0 and X.is_sparse:
            raise ValueError(
                "Imputation not possible when missing_values == 0 and input is sparse. Provide a dense array instead."
            )
        counts = _Counts() if self.strategy == "most_frequent" else None

        def marked(block: Block) -> Block:
            x = self._marked(block.X)
            if counts is not None:
                counts.add(x)
            return Block(x, None, None, first_key=block.first_key, row_keys=block.row_keys)

        state = fold_columns(self, self._source(X).map(marked), ColumnMoments(), reset=True)
        weight, mean, _, _ = state.finish()
        found = mean if counts is None else counts.modes(len(mean))
        seen = weight > 0
        gone = weight < state.rows
        # Two rows with these statistics and these gaps teach scikit-learn's own fit the same.
        fill = self.fill_value if self.strategy == "constant" and self.fill_value is not None else 0.0
        known = np.where(seen, fill if self.strategy == "constant" else found, np.nan)
        rows = np.vstack([known, np.where(gone, np.nan, known)]).astype(X.dtype)
        if not (isinstance(self.missing_values, float) and np.isnan(self.missing_values)):
            rows = np.where(np.isnan(rows), np.asarray(self.missing_values, X.dtype), rows)
        names = getattr(self, "feature_names_in_", None)
        super().fit(rows)
        self._plain_statistics()
        if names is not None:
            self.feature_names_in_ = names
        return self

    def _fill(self, X: Blocks) -> Blocks:
        statistics = np.asarray(self.statistics_, np.float64)
        empty_ones = np.isnan(statistics)
        keep = np.flatnonzero(~empty_ones)
        if empty_ones.any():
            names = getattr(self, "feature_names_in_", np.arange(len(statistics)))
            warnings.warn(
                f"Skipping features without any observed values: {names[empty_ones]}. At least one non-missing value is needed "
                f"for imputation with strategy={self.strategy!r}.",
                stacklevel=3,
            )
        flags = self.indicator_.features_ if self.add_indicator else np.zeros(0, np.intp)
        named = hasattr(self, "feature_names_in_")
        names = [str(n) for n in self.get_feature_names_out()] if named else None
        values = np.where(empty_ones, 0.0, statistics)
        return self._stream(
            self._source(X),
            lambda x: _filled(self._marked(x), values, keep, flags),
            n_columns=len(keep) + len(flags),
            feature_names=names,
            nnz=None,
        )

    def inverse_transform(self, X: Any) -> Any:
        """The values as they were before `transform`, with ``add_indicator=True``; of arrays only.

        Parameters
        ----------
        X : array-like of shape (n, features and indicators)

        Returns
        -------
        ndarray of shape (n, d)
        """
        if isinstance(X, Blocks):
            raise TypeError(
                "inverse_transform of SimpleImputer takes arrays: blocks.map(...) applies it to each block's X"
            )
        return super().inverse_transform(X)

    def _plain_statistics(self) -> None:
        """Numbers as numbers; scikit-learn keeps a constant as Python objects."""
        if self.statistics_.dtype.kind == "O" and self._fit_dtype.kind in "fiu":
            self.statistics_: Any = self.statistics_.astype(np.float64)

    def _source(self, blocks: Blocks) -> Blocks:
        """The rows with their gaps: NaN, or numbers that stand for them."""
        nan = isinstance(self.missing_values, float | np.floating) and np.isnan(self.missing_values)
        if nan:
            return blocks.with_missing()
        if not isinstance(self.missing_values, int | float | np.number):
            raise ValueError(
                f"missing_values of Blocks is a number or nan, got {self.missing_values!r}; texts are for TableHasher"
            )
        return blocks

    def _marked(self, x: Any) -> Any:
        """NaN where a value is missing."""
        if np.isnan(self.missing_values):
            return x
        values = x.data if sparse.issparse(x) else x
        if not (values == self.missing_values).any():
            return x
        values = np.where(values == self.missing_values, np.asarray(np.nan, values.dtype), values)
        return (
            sparse.csr_array((values, x.indices, x.indptr), shape=x.shape) if sparse.issparse(x) else values
        )


def _filled(x: Any, values: NDArray[Any], keep: NDArray[Any], flags: NDArray[Any]) -> Any:
    """A block's X without gaps, without columns that are left out, with the flags of those chosen."""
    same = len(keep) == x.shape[1]
    if sparse.issparse(x):
        gaps = np.isnan(x.data)
        data = np.where(gaps, values[x.indices].astype(x.dtype), x.data)
        made = sparse.csr_array((data, x.indices, x.indptr), shape=x.shape)
        made = made if same else made[:, keep]
        if not len(flags):
            return made
        marks = sparse.csr_array((gaps.astype(x.dtype), x.indices, x.indptr), shape=x.shape)[:, flags]
        marks.eliminate_zeros()
        return sparse.csr_array(sparse.hstack([made, marks], format="csr"))
    made = empty(x.shape, x.dtype)
    core.fill_missing(made, x, values)
    if same and not len(flags):
        return made
    pieces = [made if same else made[:, keep]]
    pieces += [np.isnan(x[:, flags]).astype(x.dtype)] if len(flags) else []
    return np.ascontiguousarray(np.hstack(pieces))


class _Counts:
    """How often each value of each column occurs."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        self._stored: dict[int, int] = {}
        self._rows = 0
        self._sparse = False

    def add(self, x: Any) -> None:
        self._rows += x.shape[0]
        if sparse.issparse(x):
            self._sparse = True
            x = x.tocsc()
            columns = [
                (j, x.data[x.indptr[j] : x.indptr[j + 1]]) for j in np.flatnonzero(np.diff(x.indptr)).tolist()
            ]
        else:
            columns = [(j, x[:, j]) for j in range(x.shape[1])]
        for j, column in columns:
            self._stored[j] = self._stored.get(j, 0) + len(column)
            values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            if j in self._values:
                before, times = self._values[j]
                joined = np.concatenate([before, values])
                values, place = np.unique(joined, return_inverse=True)
                counts = np.bincount(place, np.concatenate([times, counts])).astype(np.int64)
            if len(values) > MOST_VALUES:
                raise ValueError(
                    f"strategy='most_frequent' counts each value, and column {j} has more than {MOST_VALUES:,}; "
                    "use strategy='mean'"
                )
            self._values[j] = values, counts

    def modes(self, width: int) -> NDArray[np.float64]:
        """The most frequent value of each column, the smallest of those as frequent; NaN where there is none."""
        out = np.full(width, np.nan)
        for j in range(width):
            values, counts = self._values.get(j, (np.zeros(0), np.zeros(0, np.int64)))
            zeros = self._rows - self._stored.get(j, 0) if self._sparse else 0
            if zeros:
                values, place = np.unique(np.concatenate([values, [0.0]]), return_inverse=True)
                counts = np.bincount(place, np.concatenate([counts, [zeros]]))
            if len(values):
                out[j] = values[int(np.argmax(counts))]
        return out
