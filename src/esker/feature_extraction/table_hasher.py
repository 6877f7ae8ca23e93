"""TableHasher: mixed tables as hashed sparse rows, without a dictionary of what was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from esker._native import core
from esker._parameters import check_choice, check_flag, check_integer
from esker.blocks import Block, Blocks
from esker.blocks.buffer import csr
from esker.blocks.made import Made
from esker.blocks.memory import empty
from esker.blocks.records import Records, Strings
from esker.feature_extraction._records import column_of, records_of

__all__ = ["TableHasher"]


class TableHasher(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns of a table, and crosses of them, as hashed sparse features.

    Stateless: categories never seen before need nothing, and every row is made by itself, so the same step serves an array, a
    DataFrame and a stream of any length.

    Parameters
    ----------
    numeric, categorical : list of str, optional
        The columns that are numbers and those that are categories. Where both are None, a column's type decides: texts are
        categorical, numbers (and booleans and dates, which are seconds) numeric. Where one is given, nothing else is used.
    crosses : list of tuples of str, optional
        Columns whose values together make a feature, such as ``[("site", "hour")]``: two or more, each taken as a category.
    n_features : int
        The width of the result; two columns' values may share a feature, which 2**20 makes rare for up to some 100,000 values.
    numeric_bins : {None, "log"}
        None gives a number as it is, at the feature of its column; ``"log"`` makes a category of floor(4 log2 \\|x\\|) and the
        sign, four bins for each doubling, which lets a linear model learn any curve of a number of any scale.
    alternate_sign : bool
        Whether the sign of a feature's value follows another bit of its hash, so that features that share a place do not
        add up on average. False leaves all categories at 1, which block files need no bytes for.
    dtype : {float32, float64}

    See Also
    --------
    sklearn.feature_extraction.FeatureHasher : the same places for ``{"column": "value"}`` and ``{"column": number}``.

    Notes
    -----
    Let h be MurmurHash3_x86_32 with seed 0. A category has the hash h("column=value") of its UTF-8 text, a number that of its
    column's name, h("column"). Whole numbers and booleans read as decimal integers (14.0 is "14", True is "1"), other numbers as
    Python writes them. A missing value, in a column of either kind, is the empty text: h("column="). A cross has the hash h of
    its columns' hashes, four little-endian bytes each, in the order given. With s the hash as a signed number, the place is
    \\|s\\| mod `n_features` and the sign that of s. Ids ascend within a row and equal ones are summed. A number that is 0 makes no
    entry; infinity is refused.

    Examples
    --------
    >>> hasher = TableHasher(numeric=["price"], categorical=["site"], crosses=[("site", "hour")], n_features=2**10)
    >>> rows = hasher.transform({"price": [2.5, 0.0], "site": ["a", None], "hour": [14, 15]})
    >>> rows.toarray().sum(axis=1).tolist()
    [4.5, 2.0]
    """

    #: open_blocks(..., features=) gives it rows of texts and numbers.
    reads_records = True

    def __init__(
        self,
        *,
        numeric: Any = None,
        categorical: Any = None,
        crosses: Any = None,
        n_features: int = 2**20,
        numeric_bins: Any = None,
        alternate_sign: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.crosses = crosses
        self.n_features = n_features
        self.numeric_bins = numeric_bins
        self.alternate_sign = alternate_sign
        self.dtype = dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.categorical = tags.input_tags.string = tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # --- which columns ---

    def _names(self) -> tuple[list[str] | None, list[str] | None, list[tuple[str, ...]]]:
        """The parameters, checked."""
        check_integer("n_features", self.n_features, 1)
        if self.n_features >= 2**31:
            raise ValueError(f"n_features must be below 2**31, got {self.n_features}")
        check_choice("numeric_bins", self.numeric_bins, (None, "log"))
        check_flag("alternate_sign", self.alternate_sign)
        if np.dtype(self.dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype!r}")
        numeric, categorical = _listed("numeric", self.numeric), _listed("categorical", self.categorical)
        crosses = [tuple(_listed("crosses", cross) or ()) for cross in self.crosses or ()]
        for cross in crosses:
            if len(cross) < 2 or len(set(cross)) < len(cross):
                raise ValueError(f"crosses= takes tuples of two or more different columns, got {cross!r}")
        if numeric is not None or categorical is not None:
            numeric, categorical = numeric or [], categorical or []
            twice = [c for c in (*numeric, *categorical) if (*numeric, *categorical).count(c) > 1]
            if twice:
                raise ValueError(f"column {twice[0]!r} is listed twice in numeric= and categorical=")
            if self.numeric_bins is not None and not numeric:
                raise ValueError("numeric_bins= has no effect without numeric= columns")
            if not numeric and not categorical and not crosses:
                raise ValueError("numeric=, categorical= and crosses= name no column")
        return numeric, categorical, crosses

    def input_columns(self, names: Sequence[str] | None = None) -> list[str] | None:
        """The columns that are needed, or None for all of `names`: what a source reads for this step.

        >>> TableHasher(categorical=["a"], crosses=[("a", "b")]).input_columns(["a", "b", "c"])
        ['a', 'b']
        """
        numeric, categorical, crosses = self._names()
        if numeric is None or categorical is None:
            if names is not None:
                _find([c for cross in crosses for c in cross], names)
            return None
        wanted = list(dict.fromkeys([*numeric, *categorical, *(c for cross in crosses for c in cross)]))
        if names is not None:
            _find(wanted, names)
        return wanted

    def text_columns(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that are categories and nothing else, which text files give as they are written.

        >>> TableHasher(numeric=["n"], categorical=["a"], crosses=[("n", "b")]).text_columns(["a", "b", "n", "y"])
        ['a', 'b']
        """
        numeric, categorical, crosses = self._names()
        if numeric is None or categorical is None:
            return []
        wanted = {*categorical, *(c for cross in crosses for c in cross)} - {*numeric}
        return [name for name in names if name in wanted]

    def _plan(self, records: Records) -> _Plan:
        numeric, categorical, crosses = self._names()
        if numeric is None or categorical is None:
            numeric = getattr(self, "numeric_", None)
            categorical = getattr(self, "categorical_", None)
            if numeric is None or categorical is None:
                numeric, categorical = _infer(records)
        return _Plan(numeric, categorical, crosses, self.numeric_bins == "log")

    # --- scikit-learn ---

    def fit(self, X: Any, y: Any = None) -> TableHasher:
        """Check the parameters and the columns' names; where the columns' types decide, remember what they said.

        Parameters
        ----------
        X : table or Blocks
            As for `transform`. Of Blocks the first block is read, where the columns' types decide.
        y : ignored

        Returns
        -------
        self
        """
        for name in ("numeric_", "categorical_", "n_features_in_"):
            if hasattr(self, name):
                delattr(self, name)
        numeric, _, crosses = self._names()
        if isinstance(X, Blocks):
            if numeric is None and X.rereadable:
                first = next(iter(X.read(X.parts[0])), None)
                if first is not None:
                    self.numeric_, self.categorical_ = _infer(_records_of_block(first, X))
            elif X.feature_names is not None:
                self.input_columns(X.feature_names)
            return self
        records = records_of(X, self.text_columns)
        self.n_features_in_ = records.shape[1]
        if numeric is None:
            self.numeric_, self.categorical_ = _infer(records)
            _find([c for cross in crosses for c in cross], list(records.columns))
        else:
            self.input_columns(list(records.columns))
        return self

    def transform(self, X: Any) -> Any:
        """The rows hashed.

        Parameters
        ----------
        X : pandas or polars DataFrame, pyarrow Table, dict of columns, structured array, 2-d array; or Blocks
            The columns of a 2-d array are called ``x0``, ``x1``, ... Blocks of a table come from
            ``open_blocks(..., features=hasher)``, which does this by itself.

        Returns
        -------
        csr_array of shape (n, n_features); or Blocks, each made as it is read
        """
        if isinstance(X, Blocks):
            self._names()
            known = {"n_columns": int(self.n_features), "is_sparse": True, "dtype": self.dtype, "nnz": None}
            return Made(X, partial(self._make, X), {**known, "feature_names": None, "holds_records": False})
        records = records_of(X, self.text_columns)
        if isinstance(X, np.ndarray) and X.dtype.names is None:  # names by position say nothing
            seen = getattr(self, "n_features_in_", records.shape[1])
            if seen != records.shape[1]:
                raise ValueError(
                    f"X has {records.shape[1]} features, but TableHasher is expecting {seen} features as input"
                )
        return self._hash(records)

    def _make(self, blocks: Blocks, block: Block, empty: Callable[..., Any]) -> Block:
        return replace(block, X=self._hash(_records_of_block(block, blocks), empty))

    def _hash(self, records: Records, empty: Callable[..., Any] = empty) -> Any:
        plan = self._plan(records)
        columns, features = plan.native(records)
        n, width, dtype = len(records), len(features), np.dtype(self.dtype)
        pieces = []
        step = max(1, min(n, (2**31 - 1) // width))
        for begin in range(0, n, step):
            end = min(begin + step, n)
            some = columns if step >= n else [(name, _cut(values, begin, end)) for name, values in columns]
            data, indices = empty(((end - begin) * width,), dtype), empty(((end - begin) * width,), np.int32)
            indptr = np.empty(end - begin + 1, np.int32)
            size = core.table_hash(
                data, indices, indptr, some, features, int(self.n_features), bool(self.alternate_sign)
            )
            made = csr(data[:size], indices[:size], indptr, int(self.n_features))
            made.has_sorted_indices = made.has_canonical_format = True
            pieces.append(made)
        return pieces[0] if len(pieces) == 1 else sparse.vstack(pieces, format="csr")


class _Plan:
    """Which columns make which features, in their order: numbers, categories, crosses."""

    def __init__(
        self, numeric: list[str], categorical: list[str], crosses: list[tuple[str, ...]], binned: bool
    ) -> None:
        self.numeric, self.categorical, self.crosses, self.binned = numeric, categorical, crosses, binned
        self.names = list(dict.fromkeys([*numeric, *categorical, *(c for cross in crosses for c in cross)]))

    def native(self, records: Records) -> tuple[list[Any], list[Any]]:
        """Columns and features as the kernel takes them."""
        _find(self.names, list(records.columns))
        columns = [(name, self._values(name, records.columns[name])) for name in self.names]
        at = {name: j for j, name in enumerate(self.names)}
        bins = set(self.numeric) if self.binned else set()
        features = [(not self.binned, [(at[c], self.binned)]) for c in self.numeric]
        features += [(False, [(at[c], False)]) for c in self.categorical]
        features += [(False, [(at[c], c in bins) for c in cross]) for cross in self.crosses]
        return columns, features

    def _values(self, name: str, column: Any) -> Any:
        values = column if isinstance(column, Strings) else column_of(column)
        if isinstance(values, Strings):
            if name in self.numeric:
                raise ValueError(
                    f"could not convert string to float: column {name!r} of numeric= holds texts; list it in categorical="
                )
            offsets = np.ascontiguousarray(values.offsets)
            return np.ascontiguousarray(values.data), offsets, values.missing, values.codes
        return values


def _cut(values: Any, begin: int, end: int) -> Any:
    """Some rows of a column as the kernel takes it."""
    if not isinstance(values, tuple):
        return values[begin:end]
    some = Strings(*values)[begin:end]
    return some.data, some.offsets, some.missing, some.codes


def _records_of_block(block: Block, blocks: Blocks) -> Records:
    """A block's columns: Records as they are, dense numbers by their names."""
    X = block.X
    if isinstance(X, Records):
        return X
    if not isinstance(X, np.ndarray):
        raise TypeError(
            f"a table has named columns, and {blocks.source} has sparse rows: its features are made already"
        )
    names = blocks.feature_names or [f"x{j}" for j in range(X.shape[1])]
    return Records({name: np.ascontiguousarray(X[:, j]) for j, name in enumerate(names)})


def _infer(records: Records) -> tuple[list[str], list[str]]:
    """Numeric and categorical columns by their types."""
    text = [name for name, column in records.columns.items() if isinstance(column, Strings)]
    return [name for name in records.columns if name not in text], text


def _find(wanted: list[str], names: Sequence[str]) -> None:
    absent = [name for name in wanted if name not in names]
    if absent:
        known = ", ".join(repr(n) for n in names[:20]) + (", ..." if len(names) > 20 else "")
        raise ValueError(f"TableHasher needs column {absent[0]!r}, and the columns are {known}")


def _listed(what: str, value: Any) -> list[str] | None:
    """Names of columns as a list."""
    if value is None:
        return None
    names = [value] if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{what}= takes names of columns, got {name!r}")
    return names
