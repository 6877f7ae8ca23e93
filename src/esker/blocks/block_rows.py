"""Rows into the pages of a block file: cut at fixed rows, encoded by all threads, written, and counted for the footer."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import ROW_BITS, UNIT, Block
from esker.blocks.block_format import header, tail
from esker.blocks.block_targets import Labels, Targets
from esker.blocks.buffer import RowBuffer, cut
from esker.blocks.memory import PANEL

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["RowWriter"]

#: Rows of a page: as many as decode to about so many bytes, which with the page itself a core's own cache holds.
PAGE_BYTES = 1 << 18
#: Rows that are encoded at once.
BATCH_BYTES = 1 << 22
#: Moments of more features than this are left out of the footer: with hashed columns they cost more than all the rest.
MOMENTS_COLUMNS = 1 << 16


class RowWriter:
    """The file so far: its table of pages, what is counted for the footer, and rows that wait to fill a page."""

    def __init__(self, file: IO[bytes], blocks: Blocks, dtype: np.dtype[Any]) -> None:
        from esker.folds import Moments

        self.file, self.source, self.stored = file, blocks, dtype
        self.dtype = np.dtype(np.float32) if dtype == np.float16 else dtype
        self.offset = file.write(header())
        self.pages: list[tuple[int, ...]] = []
        self.crc: list[int] = []
        self.waiting: Block | None = None
        self.labels, self.targets = Labels(), Targets()
        self.moments: Moments | None = Moments()
        self.y_moments: Moments | None = Moments()
        self.sparse: bool | None = None
        self.columns = self.top = self.numbers = self.nonzeros = 0
        self.weight = 0.0
        self.weighted: bool | None = None
        self.finite = True
        self.rows: dict[int, int] = {}

    # --- rows in ---

    def add(self, block: Block) -> None:
        """Write rows, or keep the last of them until a page is full."""
        if not len(block):
            return
        if block.row_keys is not None:
            raise ValueError(
                f"{self.source.source}: rows without consecutive keys, such as shuffled rows, cannot be written to a block "
                "file; write the source they were taken from"
            )
        sparse = not isinstance(block.X, np.ndarray)
        if self.sparse is not None and sparse != self.sparse:
            raise FormatError("blocks of one source must all be dense or all be sparse", self.source.source)
        if not sparse and self.sparse is not None and block.X.shape[1] != self.columns:
            raise FormatError(
                f"every block must have {self.columns} columns, got {block.X.shape[1]}", self.source.source
            )
        self.sparse = sparse
        self.columns = max(self.columns, block.X.shape[1])
        page, begin, n = self.page_rows(block), 0, len(block)
        if self.waiting is not None and self.waiting.first_key + len(self.waiting) != block.first_key:
            self.flush()
        if self.waiting is not None:
            begin = min(-block.first_key % page, n)
            self.waiting = _joined(self.waiting, cut(block, 0, begin))
            if (block.first_key + begin) % page:
                return
            self.flush()
        whole = max((block.first_key + n) // page * page - block.first_key, begin)
        if whole > begin:
            self.write(cut(block, begin, whole), page)
        if whole < n:
            # A copy: the source may fill its memory again, and a few rows must not keep a whole block of it.
            self.waiting = _joined(cut(block, whole, n))

    @staticmethod
    def page_rows(block: Block) -> int:
        """Rows of a page: a power of two from 256 to 4,096, so that no page crosses a unit of order."""
        row, page = block.nbytes / len(block), UNIT
        while page > PANEL and page * row > PAGE_BYTES:
            page //= 2
        return page

    def flush(self) -> None:
        """Write the rows that wait as one page, or a few where what came after them has larger rows."""
        if self.waiting is not None:
            block, self.waiting = self.waiting, None
            self.write(block, self.page_rows(block))

    def write(self, block: Block, page: int) -> None:
        part, row = block.first_key >> ROW_BITS, block.first_key & ((1 << ROW_BITS) - 1)
        if row != self.rows.get(part, 0) or (self.pages and part < self.pages[-1][2]):
            raise ValueError(
                f"{self.source.source}: rows must come part by part and from row 0 on, got row {row} of part {part}"
            )
        y = self.labels.numbers(block.y, not self.pages, self.source.source)
        weight = self.weights(block)
        self.measure(block, y)
        cuts = [0, *range(page - row % page, len(block), page), len(block)]
        step = max(BATCH_BYTES // max(int(page * block.nbytes / len(block)), 1), 1)
        for i in range(0, len(cuts) - 1, step):
            some = cuts[i : i + step + 1]
            begin, end = some[0], some[-1]
            encoded = core.encode_pages(
                self.values(cut(block, begin, end).X),
                None if y is None else np.ascontiguousarray(y[begin:end]),
                None if weight is None else weight[begin:end],
                [at - begin for at in some],
            )
            for (bytes_, x_at, numbers, nonzeros, top, finite, crc), at, stop in zip(encoded, some, some[1:]):
                self.file.write(bytes_.data)
                self.pages.append(
                    (self.offset, len(bytes_), part, row + at, stop - at, numbers, x_at, nonzeros)
                )
                self.crc.append(crc)
                self.offset += len(bytes_)
                self.top, self.finite = max(self.top, top), self.finite and finite
                self.numbers, self.nonzeros = self.numbers + numbers, self.nonzeros + nonzeros
        self.rows[part] = row + len(block)

    def values(self, x: Any) -> Any:
        """X as it is stored: a dense array, or (data, indices, indptr)."""
        values = x if isinstance(x, np.ndarray) else x.data
        if values.dtype != self.stored:
            with np.errstate(over="ignore"):
                narrow = values.astype(self.stored)
            if not np.isfinite(narrow).all() and np.isfinite(values).all():
                worst = float(values.reshape(-1)[np.argmax(~np.isfinite(narrow.reshape(-1)))])
                raise ValueError(
                    f"{self.source.source} holds {worst:g}, a value that {self.stored} cannot: its largest is "
                    f"{float(np.finfo(self.stored).max):g}; write dtype={'float32 or ' if self.stored == 'f2' else ''}float64"
                )
            values = narrow
        if isinstance(x, np.ndarray):
            return np.ascontiguousarray(values)
        return (
            np.ascontiguousarray(values),
            np.ascontiguousarray(x.indices),
            x.indptr.astype(x.indices.dtype, copy=False),
        )

    def weights(self, block: Block) -> NDArray[np.float64] | None:
        """Weights of the rows; ones where some blocks of the source have weights and this has none."""
        w = block.sample_weight
        if self.weighted is None:
            self.weighted = w is not None
        if not self.weighted:
            if w is not None and not (np.asarray(w) == 1).all():
                raise FormatError("every block must have weights, or none", self.source.source)
            return None
        return np.ones(len(block)) if w is None else np.ascontiguousarray(w, np.float64)

    def measure(self, block: Block, y: NDArray[Any] | None) -> None:
        """Moments of features and of targets, with the rows' weights, and what else describes them."""
        w = block.sample_weight
        self.weight += len(block) if w is None else float(w.sum())
        if block.X.shape[1] > MOMENTS_COLUMNS:
            self.moments = None
        if self.moments is not None:
            self.moments.update(block)
        if w is not None:
            self.finite = self.finite and bool(np.isfinite(w).all() and w.min() >= 0)
        self.targets.update(block.y)
        if y is None or self.labels.codes:
            self.y_moments = None
        elif self.y_moments is not None:
            self.finite = self.finite and bool(y.dtype.kind != "f" or np.isfinite(y).all())
            numbers = np.ascontiguousarray(y.reshape(len(block), -1), dtype=np.float64)
            self.y_moments.update(Block(numbers, None, w))

    # --- the end ---

    def finish(self, files: list[dict[str, Any]]) -> None:
        self.flush()
        if not self.pages:
            raise FormatError("there are no rows", self.source.source)
        arrays = {"pages": np.array(self.pages, "<i8"), "page_crc": np.array(self.crc, "<u4")}
        for prefix, moments in (("", self.moments), ("y_", self.y_moments)):
            if moments is not None:
                state = moments.to_arrays()
                arrays |= {f"{prefix}mean": state["mean"], f"{prefix}m2": state["m2"]}
        self.file.write(tail(self.offset, self.facts(files), arrays))

    def facts(self, files: list[dict[str, Any]]) -> dict[str, Any]:
        source, labels = self.source, self.labels
        names = {p.index: p.name for p in source.parts}
        return {
            "written_by": f"esker {core.config()['version']}",
            "n_rows": sum(self.rows.values()),
            "n_columns": max(self.columns, self.top, source.n_columns or 0),
            "n_numbers": self.numbers,
            "nonzeros": self.nonzeros,
            "dtype": self.dtype.name,
            "stored_dtype": self.stored.name,
            "layout": "csr" if self.sparse else "dense",
            "y_shape": None if labels.shape is None else list(labels.shape),
            "y_dtype": None if labels.dtype is None else labels.dtype.name,
            "labels": list(labels.codes) if labels.codes else None,
            "targets": self.targets.facts(),
            "finite": self.finite,
            "weight": self.weight,
            "weighted": bool(self.weighted),
            "feature_names": source.feature_names,
            "sequential_first": source.sequential_first,
            "parts": [
                {"name": names.get(i, ""), "rows": self.rows.get(i, 0)} for i in range(max(self.rows) + 1)
            ],
            "source": {
                "name": source.source,
                "files": files,
                "options": getattr(source, "parse_options", {}),
            },
        }


def _joined(*blocks: Block) -> Block:
    buffer = RowBuffer(sum(map(len, blocks)))
    for block in blocks:
        if len(block):
            buffer.add(block)
    return buffer.block()
