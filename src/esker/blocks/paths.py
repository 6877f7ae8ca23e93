"""Which files a path, a pattern or a folder names, and which stream `-` or a file object is."""

from __future__ import annotations

import glob
import io
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["files_of", "in_folder", "keep", "stream_of"]


def natural(path: Path) -> list[Any]:
    """For sorting: numbers in names by their size.

    >>> [p.name for p in sorted([Path("part-10"), Path("part-9")], key=natural)]
    ['part-9', 'part-10']
    """
    return [
        [
            (0, int(piece), piece) if piece.isdigit() else (1, 0, piece)
            for piece in re.split(r"(\d+)", name)
            if piece
        ]
        for name in path.parts
    ]


def files_of(source: Any) -> list[Path] | None:
    """The files or folders that a source names, or None where it names none.

    A name with ``*``, ``?`` or ``[`` that is no file itself is a pattern; ``**`` goes into folders. What it matches comes in
    natural order, without hidden files and those whose name begins with ``_``.
    """
    if isinstance(source, str | os.PathLike):
        return _named(os.fspath(source))
    if isinstance(source, list | tuple) and source and all(isinstance(p, str | os.PathLike) for p in source):
        return [path for name in source for path in _named(os.fspath(name))]
    return None


def keep(files: Iterable[Any], path: str | os.PathLike[str]) -> None:
    """Refuse to write `path` where it is one of the `files` that are read: they would be lost."""
    if os.path.exists(path) and any(os.path.exists(f) and os.path.samefile(f, path) for f in files):
        raise ValueError(f"expected another file to write to, got one that is read: {os.fspath(path)}")


def _named(name: Any) -> list[Path]:
    path = Path(os.fsdecode(name))
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    found = [
        p for p in map(Path, glob.glob(str(path), recursive=True)) if p.is_file() and not _is_set_aside(p)
    ]
    if not found:
        parts = path.parts
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        folder = Path(*parts[:first]).absolute()
        missing = "" if folder.is_dir() else ", which does not exist"
        raise FileNotFoundError(f"no file matches the pattern {str(path)!r} in the folder {folder}{missing}")
    return sorted(found, key=natural)


def in_folder(folder: Path) -> list[Path]:
    """The files in a folder, in natural order, without hidden ones and those whose name begins with ``_``."""
    found = [p for p in folder.iterdir() if p.is_file() and not _is_set_aside(p)]
    if not found:
        raise FileNotFoundError(f"the folder {folder} holds no files (hidden ones and _names do not count)")
    return sorted(found, key=natural)


def _is_set_aside(path: Path) -> bool:
    return path.name.startswith((".", "_"))


def stream_of(source: Any) -> Any:
    """The binary stream that a source is, ``"-"`` being standard input; None where it is none."""
    if isinstance(source, str) and source == "-":
        return getattr(sys.stdin, "buffer", sys.stdin)
    if isinstance(source, io.TextIOBase):
        raise TypeError(
            "open_blocks reads bytes, got a text stream: open it in binary mode, or pass its .buffer"
        )
    return source if hasattr(source, "readinto") and hasattr(source, "read") else None
