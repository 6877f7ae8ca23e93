"""Whether a source can have a cache, and where it lies: `open_blocks(..., cache=)`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker.blocks.base import Blocks
from esker.blocks.cache import Cached
from esker.blocks.cache_key import cache_key, place_of

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["with_cache"]


def with_cache(blocks: Blocks, cache: Any, options: Options, format: str | None, features: Any) -> Blocks:
    """`blocks` behind the cache that `open_blocks` was asked for; refused where it would have no effect."""
    if cache != "auto" and not (isinstance(cache, str | os.PathLike) and os.fspath(cache)):
        raise ValueError(f'cache must be None, "auto" or the path of a file, got {cache!r}')
    if blocks.random_access:
        raise ValueError(f"cache= has no effect on {blocks.source}: any rows of it can be read at once")
    if not blocks.rereadable:
        raise ValueError(
            f"cache= has no effect on {blocks.source}: it can be read once only; write a block file first "
            "(esker convert, or esker.blocks.write_block_file)"
        )
    if blocks.holds_records:
        raise ValueError(
            f"cache= keeps numbers, and {blocks.source} holds texts; give features= that make numbers of them"
        )
    steps = [] if features is None else list(features) if isinstance(features, list | tuple) else [features]
    key = cache_key(options, format, steps)
    if cache == "auto":
        return Cached(blocks, place_of(blocks.files, key) if blocks.files else None, key)
    return Cached(blocks, Path(cache), key)
