"""Labels from places all over plain files of lines, without reading the rest."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker.blocks.clusters import REGIONS, ROWS, SPOTS
from esker.blocks.text import Lines
from esker.blocks.text_rows import Room

if TYPE_CHECKING:
    from esker.blocks.text_blocks import TextBlocks

__all__ = ["probe_text"]

#: Bytes that are looked at in one place, and readable bytes behind them.
_SPOT, _PADDING = 1 << 14, 64


def probe_text(blocks: TextBlocks) -> tuple[list[NDArray[Any]], float] | None:
    """See `Blocks.probe_labels`; None where a file is compressed, small, or where lines are longer than a spot."""
    sizes = [seen.size for seen in blocks._seen]
    total = sum(sizes)
    if any(seen.compressed for seen in blocks._seen) or total < REGIONS * SPOTS * _SPOT // 4:
        return None
    ends = np.cumsum(sizes)
    room = Room(blocks.dtype, blocks._weights, 0)
    regions: list[NDArray[Any]] = []
    rows = nbytes = 0
    for region in range(REGIONS):
        spots: list[NDArray[Any]] = []
        for spot in range(SPOTS):
            at = (2 * (region * SPOTS + spot) + 1) * total // (2 * SPOTS * REGIONS)
            i = int(np.searchsorted(ends, at, side="right"))
            text = _lines(blocks.paths[i], at - int(ends[i] - sizes[i]))
            if text is None:
                continue
            with suppress(FormatError):  # the walk itself tells where
                y = blocks._parse(text, room, False).rows.y
                rows, nbytes = rows + len(y), nbytes + text.end - text.begin
                spots.append(np.array(y[:ROWS]))
        if spots:
            regions.append(np.concatenate(spots))
    if len(regions) < REGIONS // 2 or rows < 4 * REGIONS:
        return None
    return regions, total * rows / nbytes


def _lines(path: Any, offset: int) -> Lines | None:
    """Some whole lines behind a place in a file."""
    buffer = bytearray(_SPOT + _PADDING)
    with open(path, "rb", buffering=0) as file:
        n = os.preadv(file.fileno(), [memoryview(buffer)[:_SPOT]], offset)
    begin = buffer.find(b"\n", 0, n) + 1
    end = begin
    for _ in range(ROWS):
        next_line = buffer.find(b"\n", end, n) + 1
        if next_line == 0:
            break
        end = next_line
    return Lines(buffer, begin, end, offset + begin) if 0 < begin < end else None
