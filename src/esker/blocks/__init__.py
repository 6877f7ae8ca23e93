"""Where rows live: arrays, files and streams, as blocks of a few MB."""

from esker.blocks.arrays import ArrayBlocks, open_arrays
from esker.blocks.base import Blocks, Part
from esker.blocks.block import ROW_BITS, UNIT, Block, key
from esker.blocks.block_file import BlockFile
from esker.blocks.block_writer import BlockWriter, write_block_file
from esker.blocks.memory import parse_size
from esker.blocks.sources import open_blocks

__all__ = [
    "ROW_BITS",
    "UNIT",
    "ArrayBlocks",
    "Block",
    "BlockFile",
    "BlockWriter",
    "Blocks",
    "Part",
    "key",
    "open_arrays",
    "open_blocks",
    "parse_size",
    "write_block_file",
]
