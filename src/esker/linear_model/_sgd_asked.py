"""What fit of SGDClassifier and SGDRegressor is given beside the rows: a schedule, first weights, groups."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import core
from esker.blocks.block import ROW_BITS
from esker.blocks.chosen import row_counts
from esker.blocks.groups import Groups, names_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks
    from esker.folds import Sgd

__all__ = ["Asked", "RowGroups", "initial_weights"]


@dataclass(frozen=True)
class Asked:
    """What fit is given beside the rows, and when it was called; and what the first of several walks `raced`."""

    started: float
    schedule: Any = None
    coef_init: Any = None
    intercept_init: Any = None
    groups: Any = None
    raced: list[dict[str, Any]] | None = None

    @property
    def begins(self) -> bool:
        """Are there weights to begin with?"""
        return self.coef_init is not None or self.intercept_init is not None

    def told(self) -> dict[str, Any]:
        """What a checkpoint must agree on, of the first weights."""
        pairs = (("coef_init", self.coef_init), ("intercept_init", self.intercept_init))
        return {
            name: None if value is None else zlib.crc32(np.asarray(value, dtype=np.float64).tobytes())
            for name, value in pairs
        }


# --- groups ---


@dataclass(frozen=True)
class RowGroups:
    """Called with a block and places of it, the groups of those rows, as whole numbers.

    Attributes
    ----------
    at : callable
    known : ndarray or None
        All groups, where they are known before the rows are read.
    told : str
        What a checkpoint must agree on.
    """

    at: Callable[[Block, NDArray[np.int64]], NDArray[np.int64]]
    known: NDArray[np.int64] | None
    told: str

    def __call__(self, block: Block, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.at(block, rows)

    @classmethod
    def of(cls, blocks: Blocks, groups: Any) -> RowGroups:
        """What `groups` of fit means for these blocks."""
        if isinstance(groups, str | int | np.integer) and not isinstance(groups, bool):
            return cls._of_column(blocks, groups if isinstance(groups, str) else int(groups))
        counts = row_counts(blocks)
        if counts is None:
            raise ValueError(
                f"groups= as an array needs a source whose rows are counted, and those of {blocks.source} are not; "
                "name a column of X, or convert the source to a block file"
            )
        n = sum(rows for _, rows in counts)
        names = names_of(groups)
        if names.shape != (n,):
            raise ValueError(
                f"groups= must give one group for each of the {n:,} rows, got shape {names.shape}"
            )
        if len(np.unique(names)) < 2:
            raise ValueError("groups= must name at least two groups, one to learn from and one to hold out")
        parts = np.array([part for part, _ in counts], dtype=np.int64)
        begins = np.cumsum([0, *(rows for _, rows in counts)])[:-1]

        def at(block: Block, rows: NDArray[np.int64]) -> NDArray[np.int64]:
            keys = block.raw_keys()
            key = keys[rows] if isinstance(keys, np.ndarray) else keys + rows
            row = key & ((1 << ROW_BITS) - 1)
            if len(parts) > 1:
                row = row + begins[np.searchsorted(parts, key >> ROW_BITS)]
            return np.ascontiguousarray(names[row])

        return cls(at, np.unique(names), f"crc {zlib.crc32(np.ascontiguousarray(names).tobytes())}")

    @classmethod
    def _of_column(cls, blocks: Blocks, wanted: int | str) -> RowGroups:
        found = Groups.of(blocks, wanted, row_counts)
        if found.reads is not blocks or blocks.holds_records:
            raise ValueError(
                f"groups={wanted!r} is no column of X but of what X is made of; pass groups= as an array with a group for "
                "each row"
            )
        names = blocks.feature_names
        column = names.index(wanted) if names is not None and isinstance(wanted, str) else wanted
        assert isinstance(column, int)

        def at(block: Block, rows: NDArray[np.int64]) -> NDArray[np.int64]:
            x = block.X
            if isinstance(x, np.ndarray):
                return np.ascontiguousarray(names_of(x[rows, column]))
            return np.ascontiguousarray(names_of(x[rows][:, [column]].toarray()[:, 0]))

        return cls(at, None, f"column {column}")

    def share(self, seed: int, wanted: float) -> float:
        """The share of groups to hold out: of few known ones at least one, and not all."""
        if self.known is None:
            return wanted
        low, high, share = 0.0, 1.0, wanted
        for _ in range(64):  # of a few tries, but for the rarest of ties
            held = int(np.count_nonzero(core.holdout_mask(seed, self.known, share)))
            if 0 < held < len(self.known):
                break
            low, high = (share, high) if held == 0 else (low, share)
            share = (low + high) / 2
        return share


# --- first weights ---


def initial_weights(model: Any, asked: Asked, state: Sgd, blocks: Blocks, models: int) -> None:
    """Begin a state with ``coef_init`` and ``intercept_init``, each model's for all of its raced rates."""
    if np.ndim(getattr(model, "quantile", 0.5)):
        raise ValueError(
            "coef_init and intercept_init are for one quantile, not for several; leave them None"
        )
    if model.learning_rate in ("auto", "coin", "normalized"):
        raise ValueError(
            f"coef_init and intercept_init are not for learning_rate={model.learning_rate!r}, whose first rows tell the units of its "
            "weights; use 'adagrad', 'ftrl' or one of scikit-learn's, or warm_start=True to go on from an earlier fit"
        )
    if blocks.is_sparse is None or (asked.coef_init is None and blocks.n_columns is None):
        raise ValueError(
            f"coef_init and intercept_init need the layout and width of {blocks.source} before it is read, which it does not tell; "
            "convert it to a block file first (esker convert)"
        )
    if asked.coef_init is None:
        coef = np.zeros((models, blocks.n_columns or 0))
    else:
        coef = np.atleast_2d(np.asarray(asked.coef_init, dtype=np.float64))
    columns = coef.shape[-1] if blocks.n_columns is None else blocks.n_columns
    if coef.shape != (models, columns):
        raise ValueError(
            f"coef_init must have shape {(models, columns) if models > 1 else (columns,)}, got {np.shape(asked.coef_init)}"
        )
    given = 0.0 if asked.intercept_init is None else asked.intercept_init
    intercept = np.asarray(given, dtype=np.float64).ravel()
    if intercept.shape not in ((1,), (models,)):
        raise ValueError(f"intercept_init must have shape ({models},), got {np.shape(asked.intercept_init)}")
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ValueError("coef_init and intercept_init must be finite numbers")
    if not model.fit_intercept and intercept.any():
        raise ValueError("intercept_init has no effect with fit_intercept=False; leave it None")
    each = state.lanes // models
    intercept = np.broadcast_to(intercept, (models,))
    state.start_from(np.repeat(coef, each, axis=0), np.repeat(intercept, each), dense=not blocks.is_sparse)
