"""Blocks: where rows live. Parts in a fixed order, `read(part)`, and what is known of columns and rows; no more.

A source defines `_read` (and, where it can be read anywhere, `read_rows`); reading ahead, epoch order and the checks of
every block are here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from esker.blocks.ahead import ahead
from esker.blocks.block import UNIT, Block
from esker.blocks.buffer import RowBuffer
from esker.blocks.choices import Choices
from esker.blocks.memory import Budget, show_size, walking_bytes
from esker.blocks.walks import closing

if TYPE_CHECKING:
    from esker.blocks.mixing import Mixing
    from esker.blocks.pool import Pool
    from esker.folds import Fold

    S = TypeVar("S", bound=Fold)

__all__ = ["Blocks", "Part"]


@dataclass(frozen=True)
class Part:
    """A piece of a source, readable by itself: an array, a file.

    Attributes
    ----------
    index : int
        Its number, the upper bits of its rows' keys.
    name : str
        What messages call it: the file, or what kind of array.
    rows : int or None
        None where only reading tells.
    """

    index: int
    name: str
    rows: int | None = None


class Blocks(Choices, ABC):
    """Rows that are read a block at a time; what `open_blocks` returns and every estimator takes.

    Iterating gives `Block` objects with ``X``, ``y``, ``sample_weight`` and ``keys``.

    Attributes
    ----------
    parts : tuple of Part
    n_rows, n_columns, n_targets, nnz : int or None
        None where only reading tells. ``n_targets`` is 0 where there is no y; ``nnz`` counts stored numbers of sparse rows.
    dtype : dtype
        Of X: float32 or float64.
    is_sparse : bool or None
    random_access : bool
        Whether any rows can be read at about the cost of those rows.
    sequential_first : bool
        Whether epoch 0 of a learner that steps comes in sequence even so.
    rereadable : bool
        Whether the source can be read more than once.
    feature_names : list of str or None
    max_memory : int or None
    block_bytes : int
    source : str
        What is read, for messages.
    """

    n_rows: int | None = None
    n_columns: int | None = None
    n_targets: int | None = None
    nnz: int | None = None
    is_sparse: bool | None = None
    random_access = False
    sequential_first = True
    rereadable = True
    feature_names: list[str] | None = None
    #: Read on a thread of its own; not for views of memory, nor for a caller's own objects, which may be bound to a thread.
    threaded = True
    #: Every block is searched for NaN and infinity.
    checked = True
    #: Whether NaN in X is a missing value, for a step that fills it in, and not an error: see `with_missing`.
    allows_missing = False
    #: Bytes of max_memory that the learner has claimed, see `reserve`.
    reserved = 0
    #: Whether the parts' rows, where known, are exactly what reading gives.
    keeps_rows = True
    #: Whether `fill` is the way to read in sequence, too.
    fills = False
    #: What learners that step know of the order of labels.
    mixing: Mixing | None = None
    #: Whether X of the blocks are Records, which a feature step must make numbers of before a learner takes them.
    holds_records = False
    #: Whether a step made the columns: learners take no names from those, as scikit-learn's take none from a step's arrays.
    from_step = False
    #: Threads that reading may use; None: as many as this process may use.
    n_threads: int | None = None
    #: What y's columns stand for, where rows have several labels.
    label_names: NDArray[Any] | None = None
    #: The files that are read, where there are any.
    files: tuple[Path, ...] = ()
    #: The feature steps that the rows came through, as text.
    steps: tuple[str, ...] = ()

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        source: str,
        dtype: Any = np.float64,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        self.parts: tuple[Part, ...] = tuple(parts)
        self.source = source
        self.dtype = np.dtype(dtype)
        self.budget = Budget.of(max_memory, block_size)

    @property
    def max_memory(self) -> int | None:  # bytes
        return self.budget.max_memory

    @property
    def block_bytes(self) -> int:
        return self.budget.block_bytes

    # --- what a source defines ---

    @abstractmethod
    def _read(self, part: Part, start: int) -> Iterator[Block]:
        """Blocks of `part` from row `start` (a multiple of UNIT) on, cut at multiples of UNIT rows, or of 256."""

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        """Rows begin..end-1 of a part as one block. Sources with random access only."""
        from esker.blocks.taken import take_rows

        return take_rows(self, part, begin, end)

    def read_unit(self, part: Part, begin: int, end: int, scratch: Pool) -> Block:
        """`read_rows` for a caller that copies them at once: in memory of `scratch`, where the source can use it."""
        return self.read_rows(part, begin, end)

    def fill(
        self,
        buffer: RowBuffer,
        part: Part,
        begin: int,
        end: int,
        scratch: Pool,
        numbers: int | None = None,
    ) -> int:
        """Read rows from `begin` on, before `end`, into their place behind those of `buffer`; how many that were.

        As many pieces of the source as are whole and, together, hold fewer than `numbers`; 0 where not even one is or the
        source cannot: then the caller takes the rows up to `piece_end` from `read_unit`.
        """
        return 0

    def piece_end(self, part: Part, row: int, end: int) -> int:
        """Where rows end, at `end` at most, that are read together with `row`."""
        return end

    def whole(self) -> Block | None:
        """All rows as one block of views, where they lie in memory in a kernel's layout; None elsewhere."""
        return None

    # --- reading ---

    def read(self, part: Part, start: int = 0) -> Generator[Block, None, None]:
        """Blocks of one part from row `start` on, in order, each checked.

        Parameters
        ----------
        part : Part
            One of ``parts``.
        start : a multiple of `UNIT`
        """
        if start % UNIT:
            raise ValueError(f"reading starts at a multiple of {UNIT} rows, got {start}")

        def checked(block: Block) -> Block:
            self._check(part, block)
            return block

        with closing(self._read(part, start)) as blocks:
            yield from map(checked, blocks)  # which holds none while the next one is read

    def read_pieces(self, part: Part, start: int = 0) -> Iterator[Block]:
        """The same rows for a caller that copies them at once: cut at multiples of 256 rows of the part, as they lie."""
        return self.read(part, start)

    def read_later(self, part: Part, start: int = 0) -> Generator[Callable[[], Block], None, None]:
        """`read_pieces`, each as a function that makes it: what need not be done in sequence, any thread may do."""
        with closing(self.read_pieces(part, start)) as pieces:
            for piece in pieces:
                yield iter([piece]).__next__  # called once: the function then keeps nothing

    def read_ahead(
        self, parts: Sequence[Part] | None = None, start: tuple[int, int] = (0, 0)
    ) -> Iterator[Block]:
        """Blocks of `parts`, filled by a thread while the caller works on those before.

        Parameters
        ----------
        parts : sequence of Part, optional
            All of them by default.
        start : (int, int)
            Position in `parts` and row within that part (a multiple of `UNIT`) at which to begin.
        """
        chosen = self.parts if parts is None else tuple(parts)
        first, row = start

        def walk() -> Iterator[Block]:
            for i, part in enumerate(chosen[first:]):
                yield from self.read(part, row if i == 0 else 0)

        return ahead(walk, self.budget.depth if self.threaded else 0)

    def read_long(self, start: tuple[int, int] = (0, 0)) -> Iterator[Block]:
        """`read_ahead` of all parts for a caller whose memory does not grow with a block: views of an array may be longer."""
        return self.read_ahead(start=start)

    def __iter__(self) -> Iterator[Block]:
        return self.read_ahead()

    def labels(self) -> Iterator[NDArray[Any] | None]:
        """The targets alone, in order and in pieces of any size, where a source can do better than to read whole rows."""
        for block in self:
            yield block.y

    def label_counts(self) -> dict[Any, int] | None:
        """How many rows each value of the one target has, where that is known without reading them."""
        return None

    def fold(self, state: S) -> S:
        """Walk every block through `state` and return it."""
        from esker.folds import fold

        return fold(self, state)

    def visits(
        self,
        epoch: int,
        *,
        seed: int,
        shuffle: bool = True,
        shuffle_rows: int | None = None,
        start: int = 0,
        then: Callable[[Block], Any] = lambda block: block,
    ) -> Iterator[Any]:
        """Rows in the order of an epoch, a shuffle buffer at a time, for learners that step.

        Parameters
        ----------
        epoch : int
        seed : int
        shuffle : bool
            False visits rows in sequence.
        shuffle_rows : int, optional
            Rows of the buffer. By default at most 65,536 rows and about 4 million numbers (2 million of sparse rows).
        start : int
            The number of the buffer to begin with.
        then : callable, optional
            What to make of each block, on the thread that reads ahead where there is one.

        Yields
        ------
        Block, or what `then` makes of it
            ``order`` holds the rows of X to visit. X may be the source's whole array, of which only those are meant.

        Notes
        -----
        A pure function of (data, seed, epoch, shuffle_rows): how blocks are cut and the memory granted change nothing.
        Where a buffer does not fit into the memory granted, a ValueError gives the figure.
        """
        from esker.blocks.order import visits

        return visits(
            self, epoch, seed=seed, shuffle=shuffle, shuffle_rows=shuffle_rows, start=start, then=then
        )

    def before_epoch(self, epoch: int, shuffle: bool) -> None:
        """Called before the rows of an epoch are visited: what a source does to be ready for it."""

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        """The targets of some rows, without their features where that is less work. Sources with random access only."""
        return self.read_rows(part, begin, end).y

    def probe_labels(self) -> tuple[list[NDArray[Any]], float] | None:
        """Targets from places all over the source, by region, and about how many rows there are; None where that takes a walk."""
        from esker.blocks.clusters import probe

        return probe(self)

    def build_cache(self) -> bool:
        """Make sure that the source's cache is whole; False where there is none."""
        return False

    def take_all(self) -> Block:
        """Every row in memory, as one block; refused where it exceeds the memory granted."""
        from esker.blocks.taken import take_all

        return take_all(self)

    @property
    def reading_bytes(self) -> int:
        """Bytes that a walk of `read` holds beside the block that it gave, such as text and rows for the next one."""
        return 0

    def reserve(self, nbytes: int, what: str) -> None:
        """Claim part of max_memory for a learner's state; refused, with the figure, where blocks would not fit beside it."""
        if self.max_memory is None:
            return
        blocks = walking_bytes(self)
        if self.reserved + nbytes + blocks > self.max_memory:
            raise ValueError(
                f"{what} takes {show_size(nbytes)} and the blocks being read {show_size(blocks)}; "
                f"max_memory is {show_size(self.max_memory)}"
                + (f", of which {show_size(self.reserved)} are taken" if self.reserved else "")
                + "; grant more memory"
            )
        self.reserved += nbytes

    def map(
        self,
        f: Callable[[Block], Block],
        *,
        keeps_targets: bool = False,
        keeps_x: bool = False,
        **known: Any,
    ) -> Blocks:
        """Blocks made of these by `f`, as they are read.

        Parameters
        ----------
        f : callable
            Block to Block, row by row: what becomes of a row depends on that row only. Rows keep their keys; where
            some are left out, the block carries ``row_keys`` and `known` says ``n_rows=None``.
        keeps_targets : bool
            Whether `f` leaves the targets as they are, so that `labels` need not make rows.
        keeps_x : bool
            Whether `f` leaves rows and X as they are and changes targets or weights only, so that it may come last.
        **known
            What is known of the result where it differs from this source: ``n_rows``, ``n_columns``, ``n_targets``, ``dtype``,
            ``is_sparse``, ``nnz``, ``feature_names``.
        """
        from esker.blocks.mapped import Mapped

        return Mapped(self, f, known, keeps_targets, keeps_x)

    def with_missing(self) -> Blocks:
        """The same rows with missing values of X as NaN, for a step that fills them in; elsewhere they are errors."""
        from esker.blocks.missing import with_missing

        return with_missing(self)

    def describe(self) -> dict[str, Any]:
        """What is there, as a dict of plain values: what ``esker info`` prints.

        Everything is read once, but for block files, whose footers know. The guide of blocks has the schema.
        """
        from esker.blocks.describe import described

        return described(self)

    def footer(self) -> dict[str, Any] | None:
        """What `describe` says of the rows, where a source knows it without reading them; None elsewhere."""
        return None

    # --- checks of every block ---

    def _check(self, part: Part, block: Block) -> None:
        from esker.blocks.checks import check_block

        check_block(self, part, block)

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        """Refused: what takes arrays alone (a search, another library's pipeline step) would take all rows at once."""
        raise TypeError(
            f"expected an array, got the Blocks of {self.source}, which are read a block at a time: give them to an esker "
            "estimator itself, not through GridSearchCV, cross_val_score or another library's pipeline step; or, if they "
            "fit in memory, take block = blocks.take_all() and pass block.X and block.y"
        )

    def __repr__(self) -> str:
        rows = "?" if self.n_rows is None else f"{self.n_rows:,}"
        columns = "?" if self.n_columns is None else f"{self.n_columns:,}"
        kind = {None: "", True: "sparse ", False: "dense "}[self.is_sparse]
        return f"{type(self).__name__}({self.source}: {rows} rows x {columns} columns, {kind}{self.dtype})"
