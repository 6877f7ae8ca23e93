"""All rows of a source, or some that lie together, in memory as one block."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from esker._errors import FormatError
from esker.blocks.block import UNIT
from esker.blocks.buffer import RowBuffer, cut
from esker.blocks.memory import show_size

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part
    from esker.blocks.block import Block

__all__ = ["take_all", "take_rows"]


def take_all(source: Blocks) -> Block:
    """See `Blocks.take_all`."""
    whole = source.whole()
    if whole is not None:
        return whole
    free = (
        None
        if source.max_memory is None
        else max(source.max_memory - source.reserved - source.reading_bytes, 0)
    )
    if source.n_rows is None:
        blocks, held = [], 0
        for block in source:
            held += block.nbytes
            if free is not None and 2 * held > free:
                raise ValueError(
                    f"{source.source} in memory takes more than {show_size(held)}, twice while it is put together, "
                    f"and {show_size(free)} of max_memory are free"
                )
            blocks.append(block)
        buffer = RowBuffer(sum(map(len, blocks)))
        for block in blocks:
            buffer.add(block)
    else:
        buffer = RowBuffer(source.n_rows, free)
        for block in source:
            buffer.add(block)
    if not buffer.keys:
        raise FormatError("there are no rows", source.source)
    return buffer.block()


def take_rows(blocks: Blocks, part: Part, begin: int, end: int) -> Block:
    """Rows begin..end-1 of a part as one block, from a walk that begins at their unit."""
    if not blocks.random_access:
        raise TypeError(f"{blocks.source} cannot be read at any row; read it in sequence")
    buffer, skip = RowBuffer(end - begin), begin % UNIT
    with closing(blocks.read(part, begin - skip)) as walk:
        for block in walk:
            first = min(skip, len(block))
            skip -= first
            last = min(len(block), first + end - begin - buffer.rows)
            if last > first:
                buffer.add(cut(block, first, last))
            if buffer.rows == end - begin:
                break
    return buffer.block()
