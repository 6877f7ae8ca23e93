"""svmlight text whose rows have any number of labels, ``1,3 5:0.5`` or ``5:0.5``: y has a column of 0 and 1 for each label.

Which labels there are takes a pass over the beginnings of lines when the files are opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import Block
from esker.blocks.svmlight import SvmlightBlocks
from esker.blocks.text import Lines
from esker.blocks.text_blocks import Parsed, TextBlocks
from esker.blocks.text_rows import Room

__all__ = ["MultilabelBlocks"]


class MultilabelBlocks(SvmlightBlocks):
    """svmlight files of rows with several labels, one or none.

    Parameters
    ----------
    paths, **options
        As `SvmlightBlocks` has them.

    Attributes
    ----------
    label_names : ndarray of int64
        The labels, sorted: those of y's columns, as scikit-learn's ``MultiLabelBinarizer`` has them.
    """

    def __init__(self, paths: Sequence[Any], **options: Any) -> None:
        super().__init__(paths, **options)
        if not self.rereadable:
            raise ValueError(
                f'target="multilabel" looks for the labels first, and {self.source} can be read once; use a file'
            )
        known: NDArray[np.int64] = np.zeros(0, np.int64)
        #: The most rows in a chunk of text.
        self._most = 0
        for labels, ends in self._lists():
            known = np.union1d(known, labels)
            self._most = max(self._most, len(ends))
        if not len(known):
            raise FormatError("no row has a label", self.parts[0].name)
        self.label_names: NDArray[np.int64] = known
        self.n_targets = len(known)

    @property
    def parse_options(self) -> dict[str, Any]:
        """What, beside the files, the rows depend on."""
        return {**super().parse_options, "target": "multilabel"}

    @property
    def _options(self) -> dict[str, Any]:
        return {**super()._options, "label_lists": True}

    @property
    def reading_bytes(self) -> int:
        """As of svmlight, and the rows' 0 and 1 of the texts at work."""
        return super().reading_bytes + (self._threads + 2) * self._most * 8 * (self.n_targets or 0)

    def _lists(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Labels, and where each row's end in them, of chunks of all files."""

        def lists(text: Lines) -> Parsed:
            labels, ends, lines = core.svmlight_label_lists(text.buffer, text.begin, text.end)
            return Parsed(_Lists(labels, ends), 0, lines)

        for part in self.parts:
            with closing(self._chunks(part, 0, lists)) as chunks:
                for found, _ in chunks:
                    yield found.rows.labels, found.rows.ends

    def labels(self) -> Iterator[NDArray[Any] | None]:
        """The targets alone: lines are only looked at where they begin."""
        return (self._matrix(*lists) for lists in self._lists())

    def _matrix(self, labels: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
        y = np.zeros((len(ends), len(self.label_names)))
        columns = np.minimum(np.searchsorted(self.label_names, labels), len(self.label_names) - 1)
        if not np.array_equal(self.label_names[columns], labels):
            raise FormatError("the file changed after it was opened; open it again", self.source)
        y[np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0)), columns] = 1.0
        return y

    def _parse(self, text: Lines, room: Room, wide: bool) -> Parsed:
        parsed = super()._parse(text, room, wide)
        labels, ends, _ = core.svmlight_label_lists(text.buffer, text.begin, text.end)
        parsed.rows.y = self._matrix(labels, ends)
        return parsed

    def take_all(self) -> Block:
        """Every row in memory, as one block."""
        return TextBlocks.take_all(self)


class _Lists:
    """What `TextBlocks` counts rows of."""

    def __init__(self, labels: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self.labels, self.ends = labels, ends

    def __len__(self) -> int:
        return len(self.ends)
