"""What this machine can do, measured with NumPy in the process that asks: bytes a second, multiply-adds a second.

A floor is the time below which a run cannot be, whoever wrote it: bytes over bandwidth or flops over the peak.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

__all__ = ["floor", "measure"]


def _best(work: Callable[[], object], runs: int = 5) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def measure() -> dict[str, float]:
    """Bandwidth of memory (one read of 256 MB) and of the page cache, peaks of float32 and float64 products."""
    speed = {}
    big = np.ones(64_000_000, dtype=np.float32)
    speed["bytes"] = big.nbytes / _best(big.max)
    for name in ("float32", "float64"):
        a = np.ones((1536, 1536), dtype=name)
        speed[f"{name} flops"] = 2 * len(a) ** 3 / _best(lambda a=a: a @ a)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        path.write_bytes(big[:25_000_000].tobytes())
        buffer = bytearray(path.stat().st_size)

        def read() -> None:
            with path.open("rb", buffering=0) as file:
                file.readinto(buffer)

        speed["file bytes"] = len(buffer) / _best(read)
    return speed


def floor(work: Mapping[str, float], speed: Mapping[str, float]) -> tuple[float, str]:
    """(seconds, what limits) of the largest of work over speed.

    >>> floor({"bytes": 2e9, "float64 flops": 1e9}, {"bytes": 1e10, "float64 flops": 1e11})
    (0.2, 'bytes')
    """
    return max((amount / speed[kind], kind) for kind, amount in work.items())
