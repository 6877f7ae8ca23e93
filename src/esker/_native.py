"""The kernels, ready for use: imports the extension once and lends it scipy's BLAS."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import esker._blas as _blas
import esker._core as _core

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["core", "threads"]

core = _core
core.install_blas(*_blas.capsules(core.routine_names()))


@contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Kernels called in this context use so many threads.

    None follows OMP_NUM_THREADS and ``threadpool_limits``, and the processors that this process may use
    (affinity and cgroup quota).
    """
    if n_threads is not None and n_threads < 1:
        raise ValueError(f"n_threads must be None or at least 1, got {n_threads!r}")
    if n_threads is None:
        from joblib import cpu_count  # aware of affinity and of cgroup quotas

        n_threads = min(int(core.config()["threads"]), int(cpu_count()))
    earlier = core.set_thread_limit(n_threads)
    try:
        yield
    finally:
        core.set_thread_limit(earlier)
