"""A control group that holds a process to so much memory, where this system lets us make one (version 1 or 2; root as a rule).

What the process had before it entered stays charged elsewhere, so the limit is on what it takes from then on: its own
numbers, and pages of files, which the kernel takes back as it needs them. A process that takes more is killed.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["MemoryGroup"]

ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    """`enter(pid)` puts a process under `limit` bytes; `version` is 1, 2, or 0 where no group can be made."""

    def __init__(self, limit: int) -> None:
        self.version, self._folder, self._limit = 0, ROOT, limit
        for version, top, name in ((1, ROOT / "memory", "memory.limit_in_bytes"), (2, ROOT, "memory.max")):
            folder = top / f"esker-bar-{os.getpid()}-{time.monotonic_ns()}"
            with suppress(OSError):
                if version == 2 and "memory" not in (top / "cgroup.subtree_control").read_text():
                    continue
                if version == 1 and not (top / name).exists():
                    continue
                folder.mkdir()
                self._folder = folder
                (folder / name).write_text(str(limit))
                self.version = version
                with suppress(OSError):  # no swap, where the kernel counts it
                    swap = folder / ("memory.memsw.limit_in_bytes" if version == 1 else "memory.swap.max")
                    swap.write_text(str(limit) if version == 1 else "0")
                return

    def __enter__(self) -> Self:
        return self

    def enter(self, pid: int) -> None:
        """Put a running process, with all its threads, into the group."""
        if self.version:
            (self._folder / "cgroup.procs").write_text(str(pid))

    def __exit__(self, *problem: object) -> None:
        if self._folder is ROOT:
            return
        for _ in range(100):  # until the kernel has seen its processes end
            try:
                return self._folder.rmdir()
            except OSError:
                time.sleep(0.05)
