"""The kernels, ready for use: imports the extension once and lends it scipy's BLAS."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from numbers import Integral
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

import esker._blas as _blas
import esker._core as _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["core", "cores", "thread_limit", "threads"]

core = _core
core.install_blas(*_blas.capsules(core.routine_names()))


def cores(n_threads: Any) -> int:
    """How many threads to use: `n_threads`, or as many as `threads` says."""
    if n_threads is None:
        n_threads = min(int(core.config()["threads"]), _processors())
    whole = isinstance(n_threads, Integral) and type(n_threads).__name__ not in ("bool", "bool_")
    if not whole or not 1 <= n_threads < 1 << 31:
        raise ValueError(f"n_threads must be None or at least 1, an integer, got {n_threads!r}")
    return 1 if get_ident() == _forked else int(n_threads)


#: The thread that goes on after a fork. OpenMP's team, for which it would wait for ever, is not in the child; other threads
#: start teams of their own.
_forked: int | None = None


def _after_fork() -> None:
    global _forked
    _forked = get_ident()
    core.set_thread_limit(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _processors() -> int:
    """Processors that this process may use: affinity, LOKY_MAX_CPU_COUNT and the quota of its cgroup, rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(KeyError, ValueError):
        count = min(count, int(os.environ["LOKY_MAX_CPU_COUNT"]))
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            said = " ".join(Path("/sys/fs/cgroup", name).read_text() for name in files).split()
            quota, period = int(said[0]), int(said[1])  # "max" is a ValueError
            if quota > 0 and period > 0:
                count = min(count, -(-quota // period))
    return max(count, 1)


def thread_limit() -> int:
    """How many threads kernels called on this thread may use; 0 where nothing was said of it."""
    limit = core.set_thread_limit(0)
    core.set_thread_limit(limit)
    return int(limit)


@contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Kernels called in this context use so many threads.

    None follows OMP_NUM_THREADS and ``threadpool_limits``, and the processors that this process may use
    (affinity and cgroup quota).
    """
    earlier = core.set_thread_limit(cores(n_threads))
    try:
        yield
    finally:
        core.set_thread_limit(earlier)
