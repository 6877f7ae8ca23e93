"""All rows of a source in memory, as one block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esker._errors import FormatError
from esker.blocks.buffer import RowBuffer
from esker.blocks.memory import show_size

if TYPE_CHECKING:
    from esker.blocks.base import Blocks
    from esker.blocks.block import Block

__all__ = ["take_all"]


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
