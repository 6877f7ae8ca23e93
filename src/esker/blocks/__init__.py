"""Where rows live: arrays, files and streams, as blocks of a few MB."""

from esker.blocks.block import ROW_BITS, UNIT, Block, key

__all__ = ["ROW_BITS", "UNIT", "Block", "key"]
