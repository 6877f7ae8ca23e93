"""Files that are whole or not there: written under another name in the same folder, synced, then renamed."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "atomic_write"]

#: What a file being written is called: ``.NAME.<random>.esker-tmp``; never opened as data.
SUFFIX = ".esker-tmp"


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside `path` to write to: it becomes `path` if the block ends well, and is removed if not.

    A process that is killed leaves the temporary file behind; the next writer of `path` removes it.

    Raises
    ------
    OSError
        With the errno, and one message that names `path`, when the disk is full or the folder may not be
        written; nothing is left behind then.
    """
    target = Path(os.path.realpath(path))  # the file that a link means, not the link
    if os.path.exists(target) and not os.path.isfile(target):
        kind = "folder" if os.path.isdir(target) else "device or pipe"
        raise OSError(errno.EEXIST, f"expected the name of a file to write, got a {kind}", str(path))
    temporary, lock = Path(), -1
    try:
        temporary, lock = _create(target)
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        with suppress(OSError):  # the name itself; some file systems cannot sync a folder
            _sync(target.parent)
    except BaseException as error:
        if lock >= 0:
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError) and _about(error, target):
            raise _explained(error, target) from error
        raise
    finally:
        if lock >= 0:
            os.close(lock)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[bytes]]:
    """An open binary file that becomes `path` if the block ends well; see `atomic_path`.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "a") as f:
    ...     _ = f.write(b"whole")
    >>> [p.name for p in folder.iterdir()]
    ['a']
    """
    if mode not in ("wb", "w+b"):
        raise ValueError(f"mode must be 'wb' or 'w+b', got {mode!r}")
    with atomic_path(path) as temporary, open(temporary, mode) as file:
        yield file


def _create(target: Path) -> tuple[Path, int]:
    """An empty temporary file and the descriptor of its lock: while that is held, the file is not stale."""
    _remove_stale(target)
    while True:
        temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}{SUFFIX}"
        lock = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):  # a file system without locks: then nothing is ever taken for stale
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.exists():
            return temporary, lock
        os.close(lock)  # another process cleaned up between the two calls


def _remove_stale(target: Path) -> None:
    """Remove what dead writers of `target` left behind; what a living one writes is locked, and stays."""
    prefix = f".{target.name}."
    entries: list[str] = []
    with suppress(OSError):  # a folder that may be written but not listed; one that is not there fails soon
        entries = os.listdir(target.parent)
    for entry in entries:
        if entry.startswith(prefix) and entry.endswith(SUFFIX):
            with suppress(OSError):
                descriptor = os.open(target.parent / entry, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(target.parent / entry)
                finally:
                    os.close(descriptor)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _about(error: OSError, target: Path) -> bool:
    """Whether an error is of our file: it names it or its folder, or, as write() does, names none."""
    if error.filename is None:
        return error.errno in _FULL
    named = Path(os.fsdecode(error.filename))
    return named == target.parent or (named.parent == target.parent and named.name.endswith(SUFFIX))


def _explained(error: OSError, target: Path) -> OSError:
    reasons = {
        errno.ENOSPC: "no space left on the disk; free some or write elsewhere",
        errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
        errno.EFBIG: "the file grew beyond what the system allows",
        errno.EACCES: "no permission to write in this folder",
        errno.EPERM: "no permission to write in this folder",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "the folder does not exist",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
    }
    number = error.errno or errno.EIO
    reason = reasons.get(number, error.strerror or os.strerror(number))
    return OSError(number, f"cannot write the file: {reason}; nothing was written", str(target))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
