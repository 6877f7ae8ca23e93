"""Labels of classes as numbers: which classes there are, their indices, and what each class weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._progress import advance
from esker.blocks import ArrayBlocks, Block, Blocks
from esker.blocks.walks import closing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "NewLabel",
    "class_factors",
    "count_labels",
    "encode",
    "encoded",
    "first_labels",
    "refuse_foreign",
    "refuse_fractions",
    "weigh",
]

#: So many rows tell the classes at first; a label that comes later is a `NewLabel`, and starts the fit again.
LOOK = 1 << 16

#: More classes than this are taken for a mistake: a column of numbers where labels were meant.
MOST = 1 << 16


class NewLabel(ValueError):
    """A label that is not among the classes."""


def count_labels(blocks: Blocks) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The sorted classes of a data set and how many rows each has, by one pass over it."""
    known = blocks.label_counts()
    if known is not None and len(known):
        refuse_fractions(np.array(list(known)), blocks)
        return _sorted(known)
    counts: dict[Any, int] = {}
    for y in blocks.labels():
        labels, rows = np.unique(np.asarray(y).ravel(), return_counts=True)
        refuse_fractions(labels, blocks)
        for label, n in zip(labels.tolist(), rows.tolist()):
            counts[label] = counts.get(label, 0) + n
        if len(counts) > MOST:
            raise ValueError(
                f"the target of {blocks.source} has more than {MOST} different labels; is it a number?"
            )
        if not advance(0 if y is None else len(y), 0 if y is None else y.nbytes):
            raise KeyboardInterrupt
    if len(counts) < 2 and blocks.rereadable:
        # Labels were read alone: where the rows say what is wrong, that is better known.
        with closing(blocks.head(1).read_ahead()) as first:
            next(first, None)
    return _sorted(counts)


def first_labels(blocks: Blocks) -> NDArray[Any] | None:
    """The sorted classes of a data set as its beginning shows them, or as it knows them; None where these are fewer than two."""
    known = blocks.label_counts()
    if known is not None and len(known):
        return None  # counting is for nothing
    labels, rows = set(), 0
    with closing(blocks.labels()) as pieces:
        for y in pieces:
            found = np.unique(np.asarray(y).ravel())
            refuse_fractions(found, blocks)
            labels |= set(found.tolist())
            rows += 0 if y is None else len(y)
            if rows >= LOOK or len(labels) > MOST:
                break
    return np.array(sorted(labels)) if 2 <= len(labels) <= MOST else None


def refuse_fractions(labels: NDArray[Any], blocks: Blocks) -> None:
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise ValueError(
            f"Unknown label type: continuous. The target of {blocks.source} holds numbers such as "
            f"{labels[labels != np.floor(labels)][0]:g}; a classifier expects labels, a regressor numbers"
        )


def _sorted(counts: Mapping[Any, int]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    classes = np.array(sorted(counts))
    return classes, np.array([counts[c] for c in classes.tolist()], dtype=np.int64)


def encode(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Each label's index in the sorted classes."""
    at = np.searchsorted(classes, labels)
    at[at == len(classes)] = 0
    unknown = classes[at] != labels
    if unknown.any():
        raise NewLabel(f"label {labels[unknown][0]!r} is not one of the classes {classes!r}")
    return at.astype(np.float64)


def encoded(
    blocks: Blocks,
    classes: NDArray[Any] | None,
    class_weight: Mapping[Any, float] | str | None,
    *,
    by_weight: bool = False,
) -> tuple[Blocks, NDArray[Any], int | None]:
    """(blocks whose target is a class index and whose weights include the class's, the classes, the rows if known).

    by_weight: whether "balanced" counts the weights of a class's rows, not the rows.
    """
    counts: NDArray[Any] | None = None
    if isinstance(blocks, ArrayBlocks):
        labels = np.asarray(blocks.y).ravel()
        if classes is None:
            classes, y, counts = _indexed(labels)
        else:
            y = encode(labels, classes)
        weight = blocks.sample_weight
        if by_weight and weight is not None and counts is not None:
            counts = np.bincount(y.astype(np.intp), weights=weight, minlength=len(classes))
        factors = class_factors(class_weight, classes, counts)
        if factors is not None:
            weight = factors[y.astype(np.intp)] * (1.0 if weight is None else weight)
        blocks.y, blocks.sample_weight = y, weight  # made by as_blocks for this fit alone
        return blocks, classes, blocks.n_rows
    if classes is None:
        classes, counts = count_labels(blocks)
    n_rows = blocks.n_rows if counts is None else int(counts.sum())
    if by_weight and counts is not None and class_weight == "balanced":
        counts = weigh(blocks, classes)
    factors, known = class_factors(class_weight, classes, counts), classes

    def as_index(block: Block) -> Block:
        y = encode(_column(block), known)
        weight = block.sample_weight
        if factors is not None:
            weight = factors[y.astype(np.intp)] * (1.0 if weight is None else weight)
        return replace(block, y=y, sample_weight=weight)

    return blocks.map(as_index, keeps_x=True), classes, n_rows


def weigh(blocks: Blocks, classes: NDArray[Any]) -> NDArray[np.float64]:
    """The weight of each class's rows, by one walk."""
    total = np.zeros(len(classes))
    for block in blocks.read_ahead():
        index = encode(_column(block), classes).astype(np.intp)
        total += np.bincount(index, weights=block.sample_weight, minlength=len(classes))
        if not advance(len(block), block.nbytes):
            raise KeyboardInterrupt
    return total


def _indexed(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.int64]]:
    """The sorted classes, each label's index in them, and how many rows each has."""
    if labels.dtype.kind in "iu" and len(labels):
        low, high = int(labels.min()), int(labels.max())
        if high - low < min(MOST, len(labels)) and abs(high) < 1 << 62:
            # Counted without being sorted, in a thirtieth of the time.
            at = labels.astype(np.intp, copy=False)
            at = at - low if low else at
            if high - low == 1:
                more = int(np.count_nonzero(at))
                counts = np.array([len(at) - more, more])
            else:
                counts = np.bincount(at)
            present = np.flatnonzero(counts)
            classes = (present + low).astype(labels.dtype)
            if len(present) == len(counts):
                return classes, at.astype(np.float64), counts
            place = np.zeros(len(counts))
            place[present] = np.arange(len(present))
            return classes, place[at], counts[present]
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return classes, index.astype(np.float64), counts


def class_factors(
    class_weight: Mapping[Any, float] | str | None, classes: NDArray[Any], counts: NDArray[Any] | None
) -> NDArray[np.float64] | None:
    """What a row of each class weighs more; "balanced" is ``n / (classes * rows of the class)``."""
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be None, 'balanced' or a dict of class to weight, got {class_weight!r}"
            )
        if counts is None:
            raise ValueError(
                "class_weight='balanced' needs all labels at once, which partial_fit does not have; "
                "give the weights as a dict"
            )
        share = np.zeros(len(classes))  # a class whose rows have no weight gets none
        np.divide(counts.sum() / max(len(classes), 1), counts, out=share, where=counts > 0)
        return share
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight must be None, 'balanced' or a dict of class to weight, got {class_weight!r}"
        )
    known = classes.tolist()
    refuse_foreign(class_weight, known)
    factors = np.array([float(class_weight.get(c, 1.0)) for c in known])
    if not (np.isfinite(factors).all() and (factors >= 0).all() and factors.any()):
        raise ValueError(
            f"class_weight must hold finite numbers that are not negative, got {dict(class_weight)!r}"
        )
    return factors


def refuse_foreign(class_weight: Mapping[Any, float], known: list[Any]) -> None:
    """Classes that do not come are named by mistake, unless all that come are named too: a fold may lack one."""
    foreign = [c for c in class_weight if c not in known]
    if foreign and not all(c in class_weight for c in known):
        raise ValueError(f"class_weight names {foreign}, which are not among the classes {known}")


def _column(block: Block) -> NDArray[Any]:
    assert block.y is not None
    return np.asarray(block.y).ravel()
