"""Cross-validation by sums: a Gram for the rows of each fold, from one walk; the others' sums added up are its training set.

Folds of arrays are scikit-learn's. Of Blocks whose rows lie at known places (a ``.npy`` file) they are the same, consecutive
rows; of other Blocks a row's fold is drawn by its key, so that it is the same however the rows are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.model_selection import check_cv

from esker._native import core
from esker.blocks import ROW_BITS, ArrayBlocks, Block
from esker.blocks.buffer import slice_rows
from esker.folds import Gram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Blocks

    FoldOf = Callable[[Block], NDArray[np.intp]]

__all__ = ["FoldGrams", "Splits", "fold_grams", "splits_of"]

#: Beyond so many runs of rows of one fold in a block, a fold's rows are gathered.
RUNS = 64


class FoldGrams:
    """One Gram for the rows of each of k folds; merges fold by fold.

    Attributes
    ----------
    grams : list of Gram
    """

    exact_merge = True

    def __init__(self, k: int) -> None:
        self.grams = [Gram() for _ in range(k)]

    def update(self, block: Block, fold: NDArray[np.intp]) -> None:
        """Absorb rows; `fold` is each row's, shape (n,)."""
        for f, piece in _pieces(block, fold):
            self.grams[f].update(piece)

    def set_targets(self, order: list[int]) -> None:
        """See `Gram.set_targets`."""
        for gram in self.grams:
            gram.set_targets(order)

    def merge(self, other: Self, /) -> None:
        """Absorb another state of as many folds."""
        if len(other.grams) != len(self.grams):
            raise ValueError(
                f"states of {len(self.grams)} and {len(other.grams)} folds cannot be merged; use the same cv"
            )
        for mine, theirs in zip(self.grams, other.grams):
            mine.merge(theirs)

    def training(self, left_out: int | None = None) -> Gram:
        """The sums of all folds but one, added up; of all of them where none is named."""
        total = Gram()
        for i, gram in enumerate(self.grams):
            if i != left_out and gram.rows:
                total.merge(gram)
        return total

    @property
    def rows(self) -> int:
        return sum(gram.rows for gram in self.grams)

    @property
    def weight(self) -> float:
        return sum(gram.weight for gram in self.grams)

    @property
    def cols(self) -> int:
        return max(gram.cols for gram in self.grams)

    @property
    def targets(self) -> int:
        return max(gram.targets for gram in self.grams)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {f"{i}.{k}": a for i, gram in enumerate(self.grams) for k, a in gram.to_arrays().items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        k = 1 + max(int(name.partition(".")[0]) for name in arrays)
        self = cls(k)
        for i in range(k):
            start = f"{i}."
            self.grams[i] = Gram.from_arrays(
                {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
            )
        return self


@dataclass
class Splits:
    """Which rows train and which test, before anything is read.

    Attributes
    ----------
    k : int
    fold_of : callable or None
        The test fold of each row of a block, shape (n,); None where the splits of an array are no partition of its rows.
    indices : list of (train, test) or None
        Row numbers, for arrays.
    stretches : bool
        Whether the folds are stretches of an array's rows, so that a block's rows of one are a view.
    """

    k: int
    fold_of: FoldOf | None
    indices: list[tuple[NDArray[np.intp], NDArray[np.intp]]] | None = None
    stretches: bool = False


def splits_of(
    blocks: Blocks,
    cv: Any,
    *,
    y: Any = None,
    classifier: bool = False,
    params: Mapping[str, Any] | None = None,
) -> Splits:
    """What `cv` means for these rows.

    Parameters
    ----------
    blocks : Blocks
    cv : None, int, splitter or iterable of (train, test)
        None is 5. What is no number needs rows in memory.
    y : ndarray, optional
        An array's labels or targets, for splitters that look at them.
    classifier : bool
        Whether an int means folds that are stratified by y.
    params : mapping, optional
        What an array's splitter is given beside the rows, such as ``groups``.
    """
    if isinstance(blocks, ArrayBlocks):
        return _array_splits(blocks, cv, y, classifier, params or {})
    if cv is None:
        cv = 5
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer):
        raise ValueError(
            f"cv must be a number of folds for {blocks.source}, whose rows are read a block at a time, got {cv!r}; "
            "splitters and lists of rows are for arrays"
        )
    k, n = int(cv), blocks.n_rows
    if k < 2 or (n is not None and k > n):
        raise ValueError(f"cv must be at least 2 folds and at most the number of rows, {n}, got {k}")
    if n is None or not blocks.random_access or blocks.sequential_first:
        return Splits(k, lambda block: _drawn(block, k))
    first = np.cumsum([0, *(part.rows or 0 for part in blocks.parts)])
    at = dict(zip((part.index for part in blocks.parts), first.tolist()))
    ends = np.cumsum([n // k + (i < n % k) for i in range(k)])

    def consecutive(block: Block) -> NDArray[np.intp]:
        keys = block.keys
        starts = np.array([at[number] for number in (keys >> ROW_BITS).tolist()]) if len(at) > 1 else 0
        return np.searchsorted(ends, starts + (keys & ((1 << ROW_BITS) - 1)), side="right")

    return Splits(k, consecutive)


def _array_splits(
    blocks: ArrayBlocks, cv: Any, y: Any, classifier: bool, params: Mapping[str, Any]
) -> Splits:
    n = blocks.n_rows or 0
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool) and not 2 <= cv <= n:
        raise ValueError(
            f"cv must be at least 2 folds and at most the number of rows, n_samples={n}, got {cv}"
        )
    y = blocks.y if y is None else y
    text = isinstance(cv, str | bytes | dict) or getattr(cv, "shape", None) == ()
    listed = isinstance(cv, Iterable) and not hasattr(cv, "split") and not text
    known = cv is None or isinstance(cv, int | np.integer) or hasattr(cv, "split")
    if isinstance(cv, bool) or text or not (known or listed):
        raise ValueError(
            f"cv must be None, a number of folds, a splitter or an iterable of (train, test), got {cv!r}"
        )
    pairs = list(cv if listed else check_cv(cv, y, classifier=classifier).split(blocks.X, y, **params))
    if not pairs:
        raise ValueError(f"cv gives no split at all, got {cv!r}")
    fold = np.full(n, -1, dtype=np.intp)
    seen = np.zeros(n, dtype=np.intp)
    indices = []
    for i, pair in enumerate(pairs):
        try:
            train, test = pair
        except (TypeError, ValueError):
            raise ValueError(f"cv must give pairs (train, test) of rows, got {pair!r} as fold {i}") from None
        train, test = _numbers(train, n, f"train of fold {i}"), _numbers(test, n, f"test of fold {i}")
        fold[test] = i
        seen[test] += 1
        indices.append((train, test))
    whole = (seen == 1).all() and all(len(train) == n - len(test) for train, test in indices)
    if whole and all((fold[train] != i).all() for i, (train, _) in enumerate(indices)):
        stretches = int(np.count_nonzero(np.diff(fold))) <= RUNS
        return Splits(len(indices), lambda block: fold[block.keys], indices, stretches)
    return Splits(len(indices), None, indices)


def _numbers(rows: Any, n: int, what: str) -> NDArray[np.intp]:
    """Numbers of rows from what NumPy would take as an index: integers, negative ones from the end, or a mask of all n rows."""
    at = np.asarray(rows)
    if at.size == 0 and at.ndim == 1 and at.dtype != bool:
        return np.empty(0, dtype=np.intp)
    if at.ndim != 1 or at.dtype.kind not in "biu":
        raise ValueError(f"cv must give numbers of rows or boolean masks, got {rows!r} as {what}")
    if at.dtype == bool:
        if len(at) != n:
            raise ValueError(f"cv must give masks of all {n} rows, got one of {len(at)} as {what}")
        return np.flatnonzero(at)
    wrong = (at < -n) | (at >= n)
    if wrong.any():
        raise ValueError(f"cv names row {at[wrong][0]} in {what}, and there are {n} rows")
    at = at.astype(np.intp)
    return np.where(at < 0, at + n, at)


def _drawn(block: Block, k: int) -> NDArray[np.intp]:
    """A fold for each row, by its key."""
    fold = np.full(len(block), k - 1, dtype=np.intp)
    for i in range(k - 1, 0, -1):
        fold[core.holdout_mask(2 << 32, block.keys, i / k)] = i - 1
    return fold


def fold_grams(
    splits: Splits,
    walk: Callable[[Callable[[Block], None]], None],
    encode: Callable[[Block, Any], Block] = lambda block, states: block,
) -> tuple[FoldGrams, list[tuple[Gram, Gram]] | None]:
    """The sums of each fold's rows, by one walk.

    Parameters
    ----------
    splits : Splits
    walk : callable
        Gives every block to the function that it is called with.
    encode : callable
        Makes the block's targets numbers, given the states that will absorb it.

    Returns
    -------
    folds : FoldGrams
        One Gram a fold; where the splits are no partition, one Gram of all rows.
    pairs : list of (Gram, Gram) or None
        Training and test sums of each split where they are no partition; else `FoldGrams.training` has the former.
    """
    if splits.fold_of is not None:
        folds, of = FoldGrams(splits.k), splits.fold_of

        def absorb(block: Block) -> None:
            folds.update(encode(block, folds), of(block))

        walk(absorb)
        return folds, None
    assert splits.indices is not None
    # Of each split the rows' times in training and test, so that repeated rows count as often as they are named.
    states = FoldGrams(1 + 2 * splits.k)
    whole = states.grams[0]

    def absorb_all(block: Block) -> None:
        block = encode(block, states)
        whole.update(block)
        assert splits.indices is not None
        begin, end = block.first_key, block.first_key + len(block)
        for i, sides in enumerate(splits.indices):
            for side, rows in enumerate(sides):
                rows = rows[(rows >= begin) & (rows < end)] - begin
                if len(rows):
                    states.grams[1 + 2 * i + side].update(_taken(block, rows))

    walk(absorb_all)
    one = FoldGrams(0)
    one.grams = [whole]
    return one, [(states.grams[1 + 2 * i], states.grams[2 + 2 * i]) for i in range(splits.k)]


def _pieces(block: Block, fold: NDArray[np.intp]) -> Iterator[tuple[int, Block]]:
    cuts = np.flatnonzero(np.diff(fold)) + 1
    if len(cuts) <= RUNS:
        for begin, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(fold)]):
            if end > begin and fold[begin] >= 0:
                yield int(fold[begin]), _cut(block, begin, end)
        return
    for f in np.unique(fold).tolist():
        if f >= 0:
            yield f, _taken(block, np.flatnonzero(fold == f))


def _cut(block: Block, begin: int, end: int) -> Block:
    if begin == 0 and end == len(block):
        return block
    return replace(
        block,
        X=slice_rows(block.X, begin, end),
        y=None if block.y is None else block.y[begin:end],
        sample_weight=None if block.sample_weight is None else block.sample_weight[begin:end],
        first_key=block.first_key + begin,
        row_keys=None if block.row_keys is None else block.row_keys[begin:end],
    )


def _taken(block: Block, rows: NDArray[np.intp]) -> Block:
    return replace(
        block,
        X=block.X[rows],
        y=None if block.y is None else block.y[rows],
        sample_weight=None if block.sample_weight is None else block.sample_weight[rows],
        row_keys=block.keys[rows],
    )
