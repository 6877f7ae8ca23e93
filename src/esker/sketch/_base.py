"""RowSketcher: what every sketch of rows shares, from the first block to the sketch, its merging and its error."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import _get_feature_names

from esker._native import core
from esker._parameters import check_integer
from esker.blocks import Blocks, open_blocks
from esker.blocks.arrays import ArrayBlocks
from esker.blocks.memory import show_size
from esker.sketch._keys import KeyRanges
from esker.sketch._names import check_names, column_names
from esker.sketch._probes import Probes, SketchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["RowSketcher", "Rows"]


class Rows(NamedTuple):
    """A sketch: rows that stand for all, with their targets."""

    X: NDArray[Any]
    y: NDArray[Any]  # (size, targets)
    finite: bool | None = None  # whether X is; None: not looked at


class RowSketcher(BaseEstimator):  # type: ignore[misc]
    """Base of the sketches of rows; `_start`, `_absorb`, `_join` and `_rows` are a family's own.

    Fitted attributes are those of the class: see there.
    """

    n_rows_: int
    sum_of_weights_: float
    n_targets_: int
    n_features_in_: int
    seed_: int
    feature_names_in_: NDArray[Any]
    _state: Any
    _cached: Rows | None
    _dtype: Any
    _flat: bool
    _keys: KeyRanges
    _probes: Probes | None

    #: Of the family: whether a sketch of more rows than there are makes no sense.
    _needs_more_rows = True
    #: Whether every row is added up, so that NaN in any shows in the sketch.
    _shows_gaps = True

    def __init__(self, size: int, *, random_state: Any = 0, n_probes: int = 0) -> None:
        self.size, self.random_state, self.n_probes = size, random_state, n_probes

    # --- a family's own ---

    def _start(self) -> Any:
        """A fresh state."""
        raise NotImplementedError

    def _absorb(self, block: Block) -> None:
        self._state.update(block)

    def _join(self, other: Self) -> None:
        self._state.merge(other._state)

    def _rows(self) -> Rows:
        raise NotImplementedError

    def _describe(self) -> str:
        """What two sketches must share to be added."""
        return f"{type(self).__name__}(size={self.size}, seed={self.seed_})"

    # --- the interface ---

    def fit_resample(self, X: Any, y: Any = None, sample_weight: Any = None) -> tuple[NDArray[Any], Any]:
        """Sketch the rows of X and y.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, d), or Blocks
            A Blocks brings its own target and weights.
        y : array of shape (n,) or (n, targets), optional
            Numbers.
        sample_weight : array of shape (n,), optional
            Each row and its target are multiplied by the root of its weight: the sketch is fitted without weights.

        Returns
        -------
        X_sketch : ndarray of shape (size, d)
            `sketch_`.
        y_sketch : ndarray of shape (size,) or (size, targets); None without y
            `y_sketch_`.
        """
        self._reset()
        try:
            self._walk(self._blocks(X, y, sample_weight), 0, later=True)
            if self.n_rows_ <= self.size and self._needs_more_rows:
                warnings.warn(
                    f"a sketch of {self.size} rows gains nothing on {self.n_rows_} rows of data; fit the data itself",
                    stacklevel=2,
                )
            return self.sketch_, self.y_sketch_
        except BaseException:
            self._forget()
            raise

    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, first_row: int | None = None
    ) -> Self:
        """Add rows to the sketch.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit_resample`.
        first_row : int, optional
            The number of X's first row among all rows, shards' included: it decides what the rows are multiplied with. By
            default they follow those before. Where several sketches are merged, each needs numbers of its own.

        Returns
        -------
        self
        """
        if not hasattr(self, "_state"):
            self._reset()
        blocks = self._blocks(X, y, sample_weight)
        first = self._keys.next if first_row is None else check_integer("first_row", first_row, 0, 2**62)
        before = self.n_rows_
        try:
            self._walk(blocks, first, later=False)
        except BaseException as error:
            if self.n_rows_ == 0:
                self._forget()
            elif self.n_rows_ > before:
                error.add_note(
                    f"{self.n_rows_ - before} rows of {blocks.source} are in the sketch already; go on after them, not from the start"
                )
            raise
        return self

    def merge(self, other: Self) -> Self:
        """Add the sketch of other rows, made with the same arguments.

        Raises
        ------
        ValueError
            The other sketch is of another family, size, seed or dtype, of other columns or targets, or of rows that are
            in this one already.

        Returns
        -------
        self
        """
        self._check_fitted()
        if not isinstance(other, RowSketcher):
            raise TypeError(f"expected a fitted {type(self).__name__} to merge, got {type(other).__name__}")
        other._check_fitted()
        ours, theirs = self._full_name(), other._full_name()
        if ours != theirs:
            raise ValueError(
                f"{ours} cannot absorb {theirs}: sketches add only under one map; make both with the same arguments, "
                "from rows of the same dtype, columns and targets"
            )
        if other is self:
            raise ValueError("a sketch cannot absorb itself: its rows would count twice")
        names = [getattr(one, "feature_names_in_", None) for one in (self, other)]
        check_names(names[0], names[1], "the other sketch")
        common = self._keys.merge(other._keys)
        if common is not None:
            raise ValueError(
                f"both sketches have seen the row of key {common}; give the shards' rows numbers of their own, "
                "partial_fit(..., first_row=)"
            )
        self._join(other)
        if self._probes is not None and other._probes is not None:
            self._probes.merge(other._probes)
        self.n_rows_ += other.n_rows_
        self.sum_of_weights_ += other.sum_of_weights_
        self._cached = None
        return self

    @property
    def sketch_(self) -> NDArray[Any]:
        """The rows of the sketch, shape (size, d), in the dtype of X."""
        return self._result().X

    @property
    def y_sketch_(self) -> NDArray[Any] | None:
        """Their targets: (size,) or (size, targets), float64; None without y."""
        y = self._result().y
        if self.n_targets_ == 0:
            return None
        return y[:, 0] if self._flat else y

    @property
    def error_estimate_(self) -> SketchError:
        """How far the sketch's Gram matrix is from that of the rows, from `n_probes` random vectors.

        See `SketchError` for what its numbers say; the probability is 0.95.
        """
        self._check_fitted()
        if self._probes is None:
            raise AttributeError(
                "error_estimate_ needs a test sketch, which was not asked for: make the sketch with n_probes=10; that costs "
                "4 n d n_probes more operations"
            )
        return self._probes.judge(self.sketch_, 0.95)

    # --- how ---

    def _result(self) -> Rows:
        self._check_fitted()
        if not self.sum_of_weights_ > 0:
            raise ValueError("the weights are zero in every row; at least one row needs a positive weight")
        if self._cached is None:
            rows = self._rows()
            finite = bool(np.isfinite(rows.X).all()) if rows.finite is None else rows.finite
            if not finite or not np.isfinite(rows.y).all():
                raise ValueError(
                    "the sketch is not finite: X, y or the weights contain NaN, infinity, or numbers whose sums overflow; "
                    "fill missing values in first (esker.impute), or scale the numbers down"
                )
            self._cached = Rows(rows.X.astype(self._dtype, copy=False), rows.y)
        return self._cached

    def _check_fitted(self) -> None:
        if not hasattr(self, "_state"):
            name = type(self).__name__
            raise NotFittedError(
                f"This {name} instance has seen no rows yet; call fit_resample or partial_fit first"
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def _full_name(self) -> str:
        probes = ""
        if self._probes is not None:
            probes = f", n_probes={self._probes.count} of seed {self._probes.seed}"
        return f"{self._describe()[:-1]}{probes}) of {self._dtype} rows with {self.n_features_in_} columns and {self.n_targets_} targets"

    def _reset(self) -> None:
        check_integer("size", self.size, 1, 2**30 - 1)
        probes = check_integer("n_probes", self.n_probes, 0)
        self._forget()
        self.seed_ = self._draw_seed()
        self._keys, self._dtype = KeyRanges(), np.dtype(np.float64)
        self._cached = None
        self.n_rows_ = 0
        self.sum_of_weights_ = 0.0
        self.n_targets_ = 0
        self._probes = Probes(probes, self.seed_) if probes else None
        self._state = self._start()

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_") or name.startswith("_")]:
            delattr(self, name)

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, int | np.integer) and not isinstance(self.random_state, bool):
            return check_integer("random_state", int(self.random_state), 0, 2**64 - 1)
        return int(check_random_state(self.random_state).randint(0, 2**63 - 1, dtype=np.int64))

    def _blocks(self, X: Any, y: Any, sample_weight: Any) -> Blocks:
        if isinstance(X, Blocks):
            if y is not None or sample_weight is not None:
                raise ValueError(
                    "a Blocks brings its own target and weights: give them to open_blocks, and leave y and sample_weight out"
                )
            if X.holds_records:
                raise ValueError(f"{X.source} holds records; a feature step must make numbers of them first")
            return X
        names = _get_feature_names(X)
        if isinstance(X, np.ndarray) or hasattr(X, "tocsr"):
            blocks: Blocks = ArrayBlocks(X, y, sample_weight, check_finite=False)
        else:
            X = X if hasattr(X, "shape") else np.asarray(X)
            blocks = open_blocks(X, target=y, weight=sample_weight)
        if names is not None and blocks.feature_names is None:
            blocks.feature_names = list(names)
        return blocks

    def _walk(self, blocks: Blocks, offset: int, *, later: bool) -> None:
        """Absorb all rows; `later`: NaN in arrays shows in the sums."""
        for block in self._long(blocks):
            if len(block) == 0:
                continue
            if offset:
                moved = None if block.row_keys is None else block.row_keys + offset
                block = replace(block, first_key=block.first_key + offset, row_keys=moved)
            self._take(blocks, block, later)
        if self.n_rows_ == 0:
            raise ValueError(f"{blocks.source} has no rows to sketch")

    def _long(self, blocks: Blocks) -> Iterator[Block]:
        """Blocks as long as they may be: a sketch larger than a cache is read and written for each."""
        whole = blocks.whole() if isinstance(blocks, ArrayBlocks) and blocks.max_memory is None else None
        yield from blocks.read_long() if whole is None else (whole,)

    def _take(self, blocks: Blocks, block: Block, later: bool) -> None:
        if block.y is not None and block.y.dtype.kind not in "fiub":
            raise ValueError(
                f"the target of {blocks.source} must be numbers to be added up, got {block.y.dtype}; encode labels first"
            )
        X: Any = block.X
        targets = 0 if block.y is None else 1 if block.y.ndim == 1 else block.y.shape[1]
        if self.n_rows_ == 0:
            self._first(blocks, X, targets)
            self._flat = block.y is not None and block.y.ndim == 1
        elif X.dtype != self._dtype or targets != self.n_targets_:
            raise ValueError(
                f"expected {self._dtype} rows with {self.n_targets_} targets as before, got {X.dtype} with {targets}"
            )
        elif X.shape[1] != self.n_features_in_:
            if blocks.n_columns is not None:
                raise ValueError(
                    f"X has {X.shape[1]} columns, but {type(self).__name__} is expecting {self.n_features_in_} columns as before"
                )
            self.n_features_in_ = max(self.n_features_in_, X.shape[1])
        if self.n_rows_ > 0:
            check_names(getattr(self, "feature_names_in_", None), column_names(blocks), blocks.source)
        if not (later and self._shows_gaps):
            self._check_finite(block)
        if block.sample_weight is not None:
            good = (block.sample_weight >= 0) & (block.sample_weight < np.inf)
            if not good.all():
                bad = int(np.argmin(good))
                raise ValueError(
                    f"weights must be finite and at least 0, got {block.sample_weight[bad]} in row {bad} of {blocks.source}"
                )
        common = self._keys.add_block(block)
        if common is not None:
            raise ValueError(
                f"the row of key {common} is in the sketch already; leave first_row out to go on after it"
            )
        self._cached = None
        self._absorb(block)
        if self._probes is not None:
            self._probes.update(block)
        self.n_rows_ += len(block)
        self.sum_of_weights_ += (
            len(block) if block.sample_weight is None else float(block.sample_weight.sum())
        )

    def _first(self, blocks: Blocks, X: Any, targets: int) -> None:
        self._check_room(X.shape[1], targets, blocks.max_memory)
        self._dtype, self.n_targets_ = X.dtype, targets
        self.n_features_in_ = X.shape[1]
        names = column_names(blocks)
        if names is not None:
            self.feature_names_in_ = names

    def _check_room(self, columns: int, targets: int, memory: int | None) -> None:
        need = self._bytes(columns + targets)
        if memory is not None and 2 * need > memory:
            raise ValueError(
                f"a sketch of {self.size} rows of {columns} columns takes {show_size(need)}, more than half of "
                f"max_memory={show_size(memory)}; choose a smaller size, or grant {show_size(2 * need)}"
            )

    def _bytes(self, columns: int) -> int:
        """Of the state and the result."""
        return 2 * 8 * (self.size + 1) * (columns + 32)

    def _check_finite(self, block: Block) -> None:
        for what, numbers in (("X", block.raw_x()), ("y", block.raw_y())):
            found = None if numbers is None else core.first_nonfinite(numbers)
            if found is not None:
                raise ValueError(
                    f"{what} contains NaN or infinity in row {found[0]}, column {found[1]} (from 0); fill missing values in "
                    "first (esker.impute), or drop the row"
                )
