"""Whether rows of one label lie together: seen in the labels of a few rows from all over a source.

64 regions of the source are compared: the share of the labels' impurity (Gini's, or the variance of ranks where there are many
values) that lies between regions. It is about 1 for sorted rows and 1/100 for mixed ones; half is strong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["STRONG", "Passing", "clustering", "label_sample", "probe"]

#: From this share on rows are taken to be clustered.
STRONG = 0.5
#: A source is seen in so many regions, a region in so many spots of so many rows.
REGIONS, SPOTS, ROWS = 64, 4, 32
#: Fewer labels a region tell nothing.
ENOUGH = 16
#: More values than this are compared by their ranks.
CLASSES = 64


def clustering(regions: Iterable[NDArray[Any]]) -> float:
    """The share of the labels' impurity that lies between regions; of several targets the largest share.

    >>> y = np.repeat([0, 1], 500)
    >>> clustering(np.array_split(y, 10)), round(clustering(np.array_split(np.tile([0, 1], 500), 10)), 2)
    (1.0, 0.0)
    """
    found = [np.asarray(y) for y in regions if len(y)]
    if len(found) < 4 or sum(map(len, found)) < ENOUGH * len(found):
        return 0.0  # chance alone could make much of so little
    y = np.concatenate(found)
    ends = np.cumsum([len(part) for part in found])
    columns = y.reshape(len(y), -1).T
    return max(_between(column, ends) for column in columns[:16])


def _between(y: NDArray[Any], ends: NDArray[np.int64]) -> float:
    values, codes = np.unique(y.astype(str) if y.dtype == object else y, return_inverse=True)
    counts = np.diff(ends, prepend=0).astype(np.float64)
    region = np.repeat(np.arange(len(ends)), counts.astype(np.int64))
    if len(values) <= CLASSES or y.dtype.kind not in "biuf":
        table = np.zeros((len(ends), len(values)))
        np.add.at(table, (region, codes), 1.0)
        within = float((counts - (table**2).sum(axis=1) / counts).sum())
        total = len(y) - float((table.sum(axis=0) ** 2).sum()) / len(y)
    else:
        means = np.bincount(region, codes) / counts
        within = float(((codes - means[region]) ** 2).sum())
        total = float(((codes - codes.mean()) ** 2).sum())
    return 1 - within / total if total > 0 else 0.0


def label_sample(blocks: Blocks) -> list[NDArray[Any]]:
    """Labels of a source that can be read at any row, by region."""
    counts = np.array([int(p.rows or 0) for p in blocks.parts])
    ends, total = np.cumsum(counts), int(counts.sum())
    regions = min(REGIONS, total // (SPOTS * ROWS))
    found: list[NDArray[Any]] = []
    for region in range(regions):
        spots: list[NDArray[Any]] = []
        for spot in range(SPOTS):
            row = (2 * (region * SPOTS + spot) + 1) * total // (2 * SPOTS * regions)
            i = int(np.searchsorted(ends, row, side="right"))
            begin = row - int(ends[i] - counts[i])
            y = blocks.labels_of(blocks.parts[i], begin, min(begin + ROWS, int(counts[i])))
            if y is None:
                return []
            spots.append(y)
        found.append(np.concatenate(spots))
    return found


def probe(blocks: Blocks) -> tuple[list[NDArray[Any]], float] | None:
    """See `Blocks.probe_labels`: the sample and the number of rows, where any row can be read."""
    if not blocks.random_access or any(p.rows is None for p in blocks.parts):
        return None
    return label_sample(blocks), float(sum(int(p.rows or 0) for p in blocks.parts))


class Passing:
    """Labels kept while a source is walked in sequence: every 16th, then every 32nd, and so on, by row."""

    def __init__(self) -> None:
        self.step, self.at, self.whole = 16, 0, False
        self.kept: list[NDArray[Any]] = []
        self.count = 0

    def add(self, y: NDArray[Any] | None, n: int) -> None:
        """The labels of the next n rows."""
        if y is not None:
            some = y[-self.at % self.step :: self.step].copy()
            self.kept.append(some)
            self.count += len(some)
            if self.count > 1 << 16:
                self.kept = [np.concatenate(self.kept)[::2]]
                self.step, self.count = 2 * self.step, len(self.kept[0])
        self.at += n

    def watch(self, pieces: Iterator[Any]) -> Iterator[Any]:
        """`pieces` of (position, block), noted as they pass."""
        for position, block in pieces:
            self.add(block.y, len(block))
            yield position, block
        self.whole = True

    def clustering(self) -> float:
        """As `clustering`, of what has passed."""
        regions = min(REGIONS, self.count // (2 * ENOUGH))
        return clustering(np.array_split(np.concatenate(self.kept), regions)) if regions else 0.0
