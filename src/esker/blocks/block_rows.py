"""Rows into the blocks of a block file: gathered, encoded, under checksums, and the tables that say where they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import ROW_BITS, UNIT, Block
from esker.blocks.block_format import DTYPES, PAGE, Kind, aligned, header, tail
from esker.blocks.block_targets import Labels
from esker.blocks.buffer import RowBuffer, cut
from esker.blocks.memory import PANEL

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["RowWriter"]

#: Blocks are gathered to at least this size where the memory granted allows.
TARGET_BYTES = 8 * 10**6
#: Moments of features are left out of the footer where they would take more bytes than this.
MOMENTS_BYTES = 1 << 28


class RowWriter:
    """The file so far: its blocks' tables, and rows that wait to fill a block."""

    def __init__(self, file: IO[bytes], blocks: Blocks, dtype: np.dtype[Any]) -> None:
        from esker.folds import Moments

        self.file, self.source, self.dtype = file, blocks, dtype
        self.target_bytes = min(TARGET_BYTES, max(blocks.block_bytes // 2, 1))
        self.offset = file.write(header())
        self.blocks: list[tuple[int, ...]] = []
        self.sections: list[tuple[int, ...]] = []
        self.page_crc: list[int] = []
        self.waiting: list[Block] = []
        self.labels = Labels()
        self.moments: Moments | None = Moments()
        self.y_moments: Moments | None = Moments()
        self.sparse: bool | None = None
        self.columns = self.numbers = 0
        self.weight = 0.0
        self.weighted = False
        self.rows: dict[int, int] = {}

    # --- rows in ---

    def add(self, block: Block) -> None:
        """Write rows, or keep them until a block is full: whole units, or panels where units are too large."""
        if not len(block):
            return
        if block.row_keys is not None:
            raise ValueError(
                f"{self.source.source}: rows without consecutive keys (a sample, or shuffled rows) cannot be written to a "
                "block file; write the source they were taken from"
            )
        sparse = not isinstance(block.X, np.ndarray)
        if self.sparse is not None and sparse != self.sparse:
            raise FormatError("blocks of one source must all be dense or all be sparse", self.source.source)
        self.sparse = sparse
        if self.waiting and self.waiting[-1].first_key + len(self.waiting[-1]) != block.first_key:
            self.flush()
        limit = 4 * self.target_bytes
        step = max(int(len(block) * limit / max(block.nbytes, 1)), 1)
        step = step // UNIT * UNIT or step // PANEL * PANEL or PANEL
        for begin in range(0, len(block), step):
            piece = cut(block, begin, min(begin + step, len(block)))
            self.waiting.append(piece)
            ends = (piece.first_key + len(piece)) % PANEL == 0
            if ends and sum(b.nbytes for b in self.waiting) >= self.target_bytes:
                self.flush()
        if self.waiting:
            self.waiting[-1] = _owned(self.waiting[-1])

    def flush(self) -> None:
        """Write the rows that wait as one block."""
        if not self.waiting:
            return
        block = self.waiting[0]
        if len(self.waiting) > 1:
            buffer = RowBuffer(sum(map(len, self.waiting)))
            for piece in self.waiting:
                buffer.add(piece)
            block = buffer.block()
        self.waiting = []
        self.write(block)

    def write(self, block: Block) -> None:
        part, row = block.first_key >> ROW_BITS, block.first_key & ((1 << ROW_BITS) - 1)
        if row != self.rows.get(part, 0) or (self.blocks and part < self.blocks[-1][2]):
            raise ValueError(
                f"{self.source.source}: rows must come part by part and from row 0 on, got row {row} of part {part}"
            )
        block = replace(block, X=self.values(block.X))
        y = self.labels.numbers(block.y, not self.blocks, self.source.source)
        self.measure(block, y)
        arrays = self.arrays(block, y)
        first_page, begin = len(self.page_crc), self.offset
        pages = _Pages()
        for kind, array in arrays:
            code = next(c for c, d in DTYPES.items() if d == array.dtype)
            at = self.offset - begin
            self.sections.append((len(self.blocks), kind, code, 0, at, array.nbytes, array.size))
            self.put(array, pages)
        self.page_crc += pages.finish()
        numbers = block.X.size if not self.sparse else len(block.X.data)
        self.rows[part] = row + len(block)
        self.numbers += numbers
        self.columns = max(self.columns, block.X.shape[1])
        self.blocks.append(
            (begin, self.offset - begin, part, row, len(block), block.X.shape[1], numbers, first_page)
        )

    def values(self, x: Any) -> Any:
        """X in the file's dtype; CSR rows with an indptr that starts at 0 and no room unused."""
        from esker.blocks.buffer import csr

        values = x if isinstance(x, np.ndarray) else x.data
        if values.dtype != self.dtype:
            with np.errstate(over="ignore"):
                values = values.astype(self.dtype)
            if not np.isfinite(values).all():
                raise ValueError(
                    f"{self.source.source} holds a value that float32 cannot; write dtype=float64"
                )
        if isinstance(x, np.ndarray):
            if self.blocks and x.shape[1] != self.columns:
                raise FormatError(
                    f"every block must have {self.columns} columns, got {x.shape[1]}", self.source.source
                )
            return np.ascontiguousarray(values)
        first, last = int(x.indptr[0]), int(x.indptr[-1])
        indptr = (x.indptr - first).astype(x.indices.dtype, copy=False)
        return csr(values[first:last], x.indices[first:last], indptr, x.shape[1])

    def arrays(self, block: Block, y: NDArray[Any] | None) -> list[tuple[int, NDArray[Any]]]:
        """The block's sections, in the order of the file."""
        x = block.X
        arrays = [(Kind.dense, x)]
        if self.sparse:
            arrays = [(Kind.indptr, x.indptr), (Kind.indices, x.indices), (Kind.data, x.data)]
        if y is not None:
            arrays.append((Kind.y, y))
        if block.sample_weight is not None:
            arrays.append((Kind.weight, np.asarray(block.sample_weight, np.float64)))
        return [(kind, np.ascontiguousarray(a)) for kind, a in arrays]

    def put(self, array: NDArray[Any], pages: _Pages) -> None:
        raw = array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
        padding = bytes(aligned(len(raw)) - len(raw))
        for piece in (raw, memoryview(padding)):
            pages.add(piece)
            self.file.write(piece)
        self.offset += len(raw) + len(padding)

    def measure(self, block: Block, y: NDArray[Any] | None) -> None:
        """Moments of features and of targets, with the rows' weights."""
        w = block.sample_weight
        self.weighted |= w is not None
        self.weight += len(block) if w is None else float(w.sum())
        if self.moments is not None and block.X.shape[1] * 32 > MOMENTS_BYTES:
            self.moments = None
        if self.moments is not None:
            self.moments.update(block)
        if y is None or self.labels.codes:
            self.y_moments = None
        elif self.y_moments is not None:
            numbers = np.ascontiguousarray(y.reshape(len(block), -1), dtype=np.float64)
            self.y_moments.update(Block(numbers, None, w))

    # --- the end ---

    def finish(self, files: list[dict[str, Any]]) -> None:
        self.flush()
        if not self.blocks:
            raise FormatError("there are no rows", self.source.source)
        arrays = {
            "blocks": np.array(self.blocks, "<i8"),
            "sections": np.array(self.sections, "<i8"),
            "page_crc": np.array(self.page_crc, "<u4"),
        }
        for prefix, moments in (("", self.moments), ("y_", self.y_moments)):
            if moments is not None:
                state = moments.to_arrays()
                arrays |= {f"{prefix}mean": state["mean"], f"{prefix}m2": state["m2"]}
        source = self.source
        last = max(self.rows)
        names = {p.index: p.name for p in source.parts}
        facts = {
            "written_by": f"esker {core.config()['version']}",
            "n_rows": sum(self.rows.values()),
            "n_columns": max(self.columns, source.n_columns or 0),
            "n_numbers": self.numbers,
            "dtype": self.dtype.name,
            "layout": "csr" if self.sparse else "dense",
            "y_shape": None if self.labels.shape is None else list(self.labels.shape),
            "labels": list(self.labels.codes) if self.labels.codes else None,
            "finite": self.finite(arrays),
            "weight": self.weight,
            "weighted": self.weighted,
            "feature_names": source.feature_names,
            "sequential_first": source.sequential_first,
            "parts": [{"name": names.get(i, ""), "rows": self.rows.get(i, 0)} for i in range(last + 1)],
            "source": {
                "name": source.source,
                "files": files,
                "options": getattr(source, "parse_options", {}),
            },
        }
        self.file.write(tail(self.offset, facts, arrays))

    def finite(self, arrays: dict[str, NDArray[Any]]) -> bool:
        """Whether moments show that no number is NaN or infinite, so that readers need not look; rows of weight 0 hide."""
        known = self.moments is not None and not self.weighted
        return known and all(bool(np.isfinite(a).all()) for a in arrays.values())


class _Pages:
    """Checksums of the pages of a block, from its bytes in any pieces."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.crc = self.filled = 0

    def add(self, raw: memoryview) -> None:
        while len(raw):
            piece = raw[: PAGE - self.filled]
            self.crc = core.crc32c(piece, self.crc)
            self.filled += len(piece)
            raw = raw[len(piece) :]
            if self.filled == PAGE:
                self.done.append(self.crc)
                self.crc = self.filled = 0

    def finish(self) -> list[int]:
        return [*self.done, self.crc] if self.filled else self.done


def _owned(block: Block) -> Block:
    """A copy of rows that wait: the source may fill its memory again, and they must not keep a whole block of it."""
    buffer = RowBuffer(len(block))
    buffer.add(block)
    return buffer.block()
