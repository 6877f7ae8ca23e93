"""What is known of a source beside its rows: its files and their format, how they are parsed, its cache, the memory it needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from esker._errors import FormatError
from esker.blocks.block_writer import fingerprint
from esker.blocks.compressed import compression_of

if TYPE_CHECKING:
    from esker.blocks.base import Blocks

__all__ = ["about"]


def about(blocks: Blocks) -> dict[str, Any]:
    """The part of `Blocks.describe` that takes no reading of rows."""
    chain = _chain(blocks)
    options = dict(getattr(blocks, "parse_options", {}))
    options.pop("cache", None)
    steps = next((b.steps for b in chain if b.steps), ())
    reading = (blocks.budget.depth + 1 if blocks.threaded else 1) * blocks.block_bytes + blocks.reading_bytes
    return {
        "format": _format(blocks),
        "files": [_file(str(path)) for path in blocks.files],
        "parts": [part.rows for part in blocks.parts],
        "parse_options": options or None,
        "features": list(steps) or None,
        "cache": _cache(chain),
        "random_access": bool(blocks.random_access),
        "rereadable": bool(blocks.rereadable),
        "max_memory": blocks.max_memory,
        "reading_bytes": reading,
    }


def _chain(blocks: Blocks) -> list[Blocks]:
    """The blocks, what they are made of, and so on to the source."""
    chain = [blocks]
    while (inner := getattr(chain[-1], "inner", None)) is not None:
        chain.append(inner)
    return chain


def _format(blocks: Blocks) -> str | None:
    """The name of the files' format, as ``format=`` takes it; None where there are no files."""
    from esker.blocks.sources import _sniff

    if not blocks.files:
        return None
    try:
        return _sniff(blocks.files[0], None).name
    except (FormatError, OSError):  # the user named it with format=
        said = getattr(blocks, "parse_options", {}).get("format")
        return None if said is None else str(said)


def _file(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        compression = compression_of(file.read(16))
    marks = fingerprint(path)
    return {
        "path": path,
        "bytes": os.path.getsize(path),
        "compression": compression,
        "fingerprint": f"{marks['size']:x}-{marks['mtime_ns']:x}-{marks['head_crc32c']:08x}-{marks['tail_crc32c']:08x}",
    }


def _cache(chain: list[Blocks]) -> dict[str, Any] | None:
    """Where the cache lies, and whether rows come from it already."""
    from esker.blocks.cache import Cached

    cached = next((b for b in chain if isinstance(b, Cached)), None)
    if cached is None:
        return None
    return {"path": str(cached.place), "ready": cached.cache is not None}
