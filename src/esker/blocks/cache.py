"""`open_blocks(..., cache=)`: a source that is slow to read becomes a block file during its first whole walk, and is read from there.

Whoever walks the source first (a fold, the first epoch, `describe`) writes the file on the way: what is read is what
the source gives, and the file has its name only when a walk has come to the end. Every trouble with the file (no
space, damage, a source that changed) ends in reading the source, and in a `CacheWarning` that says so.
"""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
import weakref
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from esker._errors import CacheWarning, FormatError
from esker._progress import advance
from esker.blocks.base import Blocks, Part
from esker.blocks.block import UNIT, Block
from esker.blocks.block_file import BlockFile
from esker.blocks.block_format import MAGIC
from esker.blocks.block_writer import BlockWriter, fingerprint
from esker.blocks.buffer import RowBuffer, cut
from esker.blocks.cache_key import same_files
from esker.blocks.pool import Pool

__all__ = ["Cached"]


class Cached(Blocks):
    """`inner`, and the block file of its rows.

    Parameters
    ----------
    inner : Blocks
        Can be walked more than once, in sequence.
    place : Path or None
        Of the block file; None is a file that lives as long as this object, in the system's temporary folder.
    key : dict
        JSON, which a file that is found at `place` must agree on.

    Attributes
    ----------
    cache : BlockFile or None
        None until there is one.
    """

    checked = False  # both sources check what they read

    def __init__(self, inner: Blocks, place: Path | None, key: dict[str, Any]) -> None:
        self.inner, self.budget, self.reserved = inner, inner.budget, inner.reserved
        self.parse_options = {**getattr(inner, "parse_options", {}), "cache": key}
        self.place, self.key = place, key
        self.cache: BlockFile | None = None
        self._stats = [_stat(f) for f in inner.files]
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._given_up = False
        self._lost: tuple[int, int, int] | None = None
        if place is None:
            descriptor, name = tempfile.mkstemp(prefix="esker-", suffix=".esk")
            os.close(descriptor)
            self.place = Path(name)
            weakref.finalize(self, _remove, self.place)
        elif place.exists():
            self._look(place)

    # --- the file ---

    def _look(self, place: Path) -> None:
        """Take the file that is there, if it is whole and of this very source; a stranger's file is not touched."""
        with open(place, "rb") as file:
            ours = file.read(len(MAGIC)) == MAGIC
        refused = f"cache={str(place)!r} is there and is no cache; name another file"
        if not ours:
            raise ValueError(refused)
        try:
            found = BlockFile(place, **self._memory)
        except FormatError as error:
            self._say(f"the cache is damaged ({error}); it is built anew")
            return
        if "cache" not in found.parse_options:
            raise ValueError(refused)
        stale = self._stale(found)
        if not self.inner.files:
            return  # what a program made; the file holds what another run made
        if stale:
            self._say(f"the cache {place} is stale: {stale}; it is built anew")
        else:
            self._take(found)

    def _take(self, file: BlockFile) -> None:
        self.cache, self._taken = file, file.stored[0].stat  # as it was opened: it may be replaced by now

    def _stale(self, found: BlockFile) -> str | None:
        """Why a block file is not the one of this source."""
        if not same_files(found.facts["source"]["files"], [fingerprint(f) for f in self.inner.files]):
            return f"{self.inner.source} has changed"
        then = found.parse_options["cache"]
        differ = [name for name in self.key if then.get(name) != self.key[name]]
        return f"it was made with other {' and '.join(differ)}" if differ else None

    @property
    def _memory(self) -> dict[str, Any]:
        return {"max_memory": self.inner.max_memory, "block_size": self.inner.block_bytes}

    def _current(self) -> BlockFile | None:
        """The file, opened again where another process has put its own, of the same rows, in its place."""
        if self._stats != [_stat(f) for f in self.inner.files]:
            raise FormatError("the source changed after it was opened; open it again", self.inner.source)
        file = self.cache
        if file is None or self.place is None:
            return None
        try:
            if _stat(self.place) == self._taken:
                return file
            again = BlockFile(self.place, **self._memory)
            if not self.inner.files or not self._stale(again):
                self._take(again)
                return again
        except (OSError, FormatError):
            pass
        self._lose(f"the cache {self.place} was removed or replaced")
        return None

    def _replaced(self) -> bool:
        """Whether another process has put its file in the place of the one that is open."""
        try:
            return self.place is not None and _stat(self.place) != self._taken
        except OSError:
            return False

    def _adopt(self) -> bool:
        """Take the file that another process has written in the meantime."""
        assert self.place is not None
        try:
            if _stat(self.place) == self._lost:
                return False
            found = BlockFile(self.place, **self._memory)
        except (OSError, FormatError):
            return False
        if not self.inner.files or "cache" not in found.parse_options or self._stale(found):
            return False
        self._take(found)
        return True

    def _lose(self, why: str) -> None:
        with suppress(OSError):
            self._lost = None if self.place is None else _stat(self.place)
        self.cache = None
        self._say(f"{why}; {self.inner.source} is read instead, and the cache built anew")

    def _give_up(self, why: str) -> None:
        self._given_up = True
        self._say(f"no cache is written: {why}; reading goes on from {self.inner.source}")

    @staticmethod
    def _say(message: str) -> None:
        warnings.warn(message, CacheWarning, stacklevel=4)

    # --- reading ---

    def _read(self, part: Part, start: int) -> Iterator[Block]:
        file = self._current()
        row = start
        if file is not None:
            try:
                for block in file.read(file.parts[part.index], start):
                    yield block
                    row += len(block)
                return
            except FormatError as error:
                if row == start and self._replaced():
                    yield from self._read(part, start)
                    return
                self._lose(f"the cache is damaged ({error})")
        # From the source: all of it, or what the damaged file could not give.
        skip = row % UNIT
        with closing(self._walk(part, row - skip)) as blocks:
            for block in blocks:
                if skip >= len(block):
                    skip -= len(block)
                    continue
                yield cut(block, skip, len(block)) if skip else block
                skip = 0

    def _walk(self, part: Part, start: int) -> Generator[Block, None, None]:
        """The source's own blocks; written on the way where they are part of a walk from its beginning."""
        session = self._join(part, start)
        try:
            for block in self.inner.read(part, start):
                if session is not None and not session.write(block):
                    self._end(session)
                    session = None
                yield block
            if session is not None:
                session.part, session.busy = session.part + 1, False
                if session.part < len(self.inner.parts):
                    session = None  # the walk over the next part goes on with it
                elif not self._adopt() and session.finish():
                    assert self.place is not None
                    self._take(BlockFile(self.place, **self._memory))
        finally:
            if session is not None:
                self._end(session)

    def _join(self, part: Part, start: int) -> _Session | None:
        """The writing that these rows belong to, None where they are in the midst of nothing."""
        with self._lock:
            if self._given_up or self.cache is not None or start:
                return None
            session = self._session
            if part.index == 0 and (session is None or not session.busy):
                if session is not None:
                    session.abandon()
                session = self._session = _Session(self)
                if not session.begin():
                    return None
            elif session is None or session.busy or session.part != part.index:
                return None
            session.busy = True
            return session

    def _end(self, session: _Session) -> None:
        with self._lock:
            session.abandon()
            if self._session is session:
                self._session = None

    def read_rows(self, part: Part, begin: int, end: int) -> Block:
        for _ in range(8):
            file = self._current()
            if file is None and not self._given_up:
                self._build()
                file = self.cache
            if file is None:
                break
            try:
                return file.read_rows(file.parts[part.index], begin, end)
            except FormatError as error:
                if not self._replaced():
                    self._lose(f"the cache is damaged ({error})")
        raise FormatError("its cache was lost in the midst of an epoch; fit again", self.inner.source)

    def read_unit(self, part: Part, begin: int, end: int, scratch: Pool) -> Block:
        file = self._current()
        if file is not None:
            with suppress(FormatError):  # `read_rows` says what is wrong, and mends it
                return file.read_unit(file.parts[part.index], begin, end, scratch)
        return self.read_rows(part, begin, end)

    def fill(self, buffer: RowBuffer, part: Part, *args: Any, **kwargs: Any) -> int:
        file = self._current()
        if file is not None:
            with suppress(FormatError):  # `read_unit` is asked then
                return file.fill(buffer, file.parts[part.index], *args, **kwargs)
        return 0

    def before_epoch(self, epoch: int, shuffle: bool) -> None:
        """Later epochs are read from the file in permuted order, also where a walk that was resumed has not written it."""
        self.inner.before_epoch(epoch, shuffle)
        if epoch > 0 and shuffle:
            self.build_cache()

    def build_cache(self) -> bool:
        if self.cache is None and not self._given_up:
            self._build()
        return self.cache is not None

    def labels_of(self, part: Part, begin: int, end: int) -> NDArray[Any] | None:
        for _ in range(8):
            file = self._current()
            if file is None:
                break
            try:
                return file.labels_of(file.parts[part.index], begin, end)
            except FormatError:
                if not self._replaced():
                    break
        return self.read_rows(part, begin, end).y

    def probe_labels(self) -> tuple[list[NDArray[Any]], float] | None:
        """What the source tells, so that fits agree whether or not there is a cache yet."""
        return self.inner.probe_labels()

    @property
    def reading_bytes(self) -> int:
        return self.inner.reading_bytes + (0 if self.cache is not None else 2 * self.block_bytes)

    def _build(self) -> None:
        """Walk the source for the file's sake."""
        for part in self.inner.parts:
            for block in self._walk(part, 0):
                if not advance(len(block), block.nbytes):
                    raise KeyboardInterrupt

    def __getstate__(self) -> None:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled: it may be writing a file; open the source again"
        )


class _Session:
    """One walk that writes, from the first part to the last."""

    def __init__(self, owner: Cached) -> None:
        self.owner, self.part, self.busy = owner, 0, False
        self.writer: BlockWriter | None = None

    def begin(self) -> bool:
        with self._troubles():
            assert self.owner.place is not None
            self.owner.place.parent.mkdir(parents=True, exist_ok=True)
            self.writer = BlockWriter(self.owner.place, self.owner)
        return self.writer is not None

    def write(self, block: Block) -> bool:
        with self._troubles():
            if self.writer is not None:
                self.writer.add(block)
        return self.writer is not None

    def finish(self) -> bool:
        with self._troubles():
            if self.writer is not None:
                self.writer.finish()
        return self.writer is not None

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """A full disk, or rows that a block file cannot hold, end the writing and not the reading."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.writer = None  # it has abandoned its file
            self.owner._give_up(str(error))

    def abandon(self) -> None:
        if self.writer is not None:
            self.writer.abandon()


def _stat(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _live(name: str) -> property:
    """What the file knows where there is one, else the source."""
    return property(lambda self: getattr(self.inner if self.cache is None else self.cache, name))


def _of_inner(name: str) -> property:
    return property(lambda self: getattr(self.inner, name))


for _name in ("n_rows", "n_columns", "n_targets", "nnz", "dtype", "is_sparse", "feature_names"):
    setattr(Cached, _name, _live(_name))
for _name in (
    "files",
    "source",
    "sequential_first",
    "rereadable",
    "holds_records",
    "from_step",
    "label_names",
):
    setattr(Cached, _name, _of_inner(_name))


def _parts(self: Cached) -> tuple[Part, ...]:
    if self.cache is None:
        return self.inner.parts
    return tuple(replace(p, rows=q.rows) for p, q in zip(self.inner.parts, self.cache.parts))


def _random_access(self: Cached) -> bool:
    return self.cache is not None


def _threaded(self: Cached) -> bool:
    return self.inner.threaded or self.cache is not None


for _f in (_parts, _random_access, _threaded):
    setattr(Cached, _f.__name__[1:], property(_f))
