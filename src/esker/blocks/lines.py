"""Lines of documents as blocks of texts: each line is one, with a label before it or none; for a feature step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker._native import core
from esker.blocks.base import Blocks, Part
from esker.blocks.block import Block, key
from esker.blocks.records import Records, Strings
from esker.blocks.text import Lines, whole_lines
from esker.blocks.text_blocks import Parsed, TextBlocks
from esker.blocks.texts import TEXT

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["LineBlocks", "open_lines"]

#: Bytes of a file's beginning whose labels tell whether they are numbers.
_SAMPLE = 1 << 16


@dataclass(slots=True)
class Documents:
    """Texts and, where the lines have them, labels; what `text_rows` calls rows."""

    texts: Strings
    y: Any

    #: No entries of a matrix.
    data = ()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def nbytes(self) -> int:
        return self.texts.nbytes + (0 if self.y is None else int(self.y.nbytes))

    def cut(self, begin: int, end: int) -> Documents:
        """Rows begin..end-1 as views."""
        return Documents(self.texts[begin:end], None if self.y is None else self.y[begin:end])

    @staticmethod
    def together(pieces: Sequence[Documents]) -> Documents:
        """One copy of the pieces' rows."""
        y = None if pieces[0].y is None else np.concatenate([p.y for p in pieces])
        return Documents(Strings.concat([p.texts for p in pieces]), y)


class LineBlocks(TextBlocks):
    """Files of one document a line, each a part, or one stream that is read once.

    Parameters
    ----------
    sources : sequence of Path, or one binary file object
    target : {None, "label", "fasttext"}
        None: every line is a text. ``"label"``: a label, a tab and a text; ``"fasttext"``: ``__label__x text``. Empty lines
        are then passed over. Labels before tabs are numbers (float64) where those at the beginning of the first file are.
    """

    holds_records = True
    is_sparse: bool | None = None
    checked = True  # labels may be NaN
    no_rows = "there are no lines of text"

    def __init__(
        self,
        sources: Sequence[Any],
        *,
        target: str | None = None,
        max_memory: int | str | None = None,
        block_size: int | str | None = None,
    ) -> None:
        if target not in (None, "label", "fasttext"):
            raise ValueError(
                'the target of lines of text is "label" (before the first tab), "fasttext" (__label__x) or None, '
                f"got {target!r}"
            )
        super().__init__(sources, max_memory=max_memory, block_size=block_size)
        self.target = target
        self.n_columns, self.feature_names = 1, [TEXT]
        self.n_targets = 0 if target is None else 1
        #: Whether labels are numbers; a stream's are texts.
        self.numbers = target == "label" and self.rereadable and self._begins_with_numbers()

    @property
    def parse_options(self) -> dict[str, Any]:
        """What, beside the files, the rows depend on."""
        return {"format": "lines", "target": self.target}

    def _begins_with_numbers(self) -> bool:
        """Whether the labels at the beginning of the first file are numbers."""
        part = self.parts[0].name
        with closing(whole_lines(self.paths[0], min(_SAMPLE, self.limit), self.limit)) as texts:
            for text in texts:
                text = text.without_byte_order_mark() if text.offset == 0 else text
                try:
                    labels = self._split(text)[1]
                except FormatError as error:
                    raise FormatError(error.message, part, error.line, error.column) from None
                if labels:
                    return _numbers(labels) is not None
        raise FormatError(self.no_rows, part)

    def _split(self, text: Lines) -> tuple[Strings, list[Any], int]:
        """Texts, labels and the number of lines."""
        texts, ends, labels, label_ends, lines = core.split_lines(
            text.buffer, text.begin, text.end, self.target or "none"
        )
        return Strings(texts, ends), Strings(labels, label_ends).tolist(), lines

    def _parse(self, text: Lines, room: Any, wide: bool) -> Parsed:
        texts, labels, lines = self._split(text)
        y: Any = None
        if self.numbers:
            y = _numbers(labels)
            if y is None:
                odd = next(i for i, label in enumerate(labels) if _numbers([label]) is None)
                raise FormatError(
                    f"a label must be a number, as those at the beginning of the file are, got {labels[odd]!r}",
                    line=self._skip(text, odd + 1)[2],
                )
        elif self.target is not None:
            y = np.array(labels) if labels else np.zeros(0, "U1")
        made: Any = Documents(texts, y)
        return Parsed(made, 1, lines)

    def _skip(self, text: Lines, rows: int) -> tuple[int, int, int]:
        passed: tuple[int, int, int] = core.skip_lines(
            text.buffer, text.begin, text.end, rows, self.target or "none"
        )
        return passed

    def _block(self, part: Part, first: int, rows: Any) -> Block:
        return Block(Records({TEXT: rows.texts}), rows.y, first_key=key(part.index, first))

    def _note_whole(self, part: Part, rows: int, nnz: int) -> None:
        super()._note_whole(part, rows, nnz)
        self.nnz = None


def _numbers(labels: list[Any]) -> Any:
    """Labels as float64; None where one is no number."""
    try:
        return np.array([float(label) for label in labels], np.float64)
    except ValueError:
        return None


def open_lines(sources: list[Any], options: Options) -> Blocks:
    """`open_blocks` of lines of text."""
    kind = "lines of text"
    options.refuse(
        kind,
        weight="they hold no weights",
        columns="each line is one text",
        zero_based="they have no column numbers",
        n_features="the feature step has it",
        dtype="texts are no numbers; the feature step has it",
    )
    if not options.records:
        raise ValueError(
            f'{kind} need a feature step that makes numbers of them: open_blocks(..., format="lines", '
            "features=esker.feature_extraction.text.HashingVectorizer())"
        )
    return LineBlocks(sources, target=options.target, **options.memory)
