"""The fast Walsh-Hadamard transform of 64 float32 vectors against a NumPy butterfly, and against what memory and adders allow.

The floor is the smaller of two rates, both measured here: bytes (8 a number) that two threads copy at this size, and 8 bytes
times the additions that two threads do a second in registers, over log2 n.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.bars import line
from esker._native import core

__all__ = ["run"]

BATCH = 64
LOGS = {"small": (10, 12, 14, 16), "full": (10, 12, 14, 16, 18, 20)}
RATIO, SHARE = 20.0, 0.5
#: Additions in registers, 8 independent sums of a vector each; returns additions a second of one thread.
SOURCE = """
#include <chrono>
typedef float V __attribute__((vector_size(BYTES)));
extern "C" double rate(long rounds) {
    V a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = V{} + float(i), b[i] = V{} + 1e-7f;
    auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
    const double began = now();
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) { a[i] += b[i]; __asm__ volatile("" : "+x"(a[i])); }
    }
    const double took = now() - began;
    return rounds * 8.0 * (BYTES / 4) / took;
}
"""
WIDTH = {"baseline": (16, "x86-64-v2"), "avx2": (32, "x86-64-v3"), "avx512": (64, "x86-64-v4")}


def run(scale: str, runs: int = 5) -> bool:
    """A line for each length; at scale small the share of the floor is printed only."""
    holds = []
    with ThreadPoolExecutor(2) as pool:
        adders = _add_rate(pool)
        print(f"  additions of two threads in registers: {adders / 1e9:.0f} billion a second", flush=True)
        for log in LOGS[scale]:
            n = 1 << log
            X = np.random.default_rng(log).standard_normal((BATCH, n), np.float32)
            out = np.empty_like(X)
            often = max(1, (1 << 23) // X.size)

            def copy(half: int, X: Any = X, out: Any = out, often: int = often) -> None:
                rows = slice(half * BATCH // 2, (half + 1) * BATCH // 2)
                for _ in range(often):
                    np.copyto(out[rows], X[rows])

            def ours(X: Any = X, out: Any = out, often: int = often) -> None:
                for _ in range(often):
                    core.hadamard_rows(out, X)

            few = 1 if log > 14 else 3
            took = _turns([ours, lambda: list(pool.map(copy, (0, 1)))], runs)
            peer = _turns([lambda X=X: _butterfly(X)], few)[0]
            moved = 8 * X.size * often
            rate, copied, added = moved / took[0], moved / took[1], 8 * adders / log
            floor, ratio = min(copied, added), peer / (took[0] / often)
            good = ratio >= RATIO and (rate >= SHARE * floor or scale != "full")
            told = f"2^{log}: {ratio:.0f}x of NumPy's butterfly (>= {RATIO:g}x), {rate / 1e9:.1f} GB/s, {rate / floor:.0%} of the "
            told += f"floor (>= {SHARE:.0%}): copy {copied / 1e9:.1f} GB/s, additions {added / 1e9:.1f} GB/s"
            holds.append(line(good, told))
    return all(holds)


def _add_rate(pool: ThreadPoolExecutor) -> float:
    """Additions that two threads do a second."""
    import ctypes

    width, march = WIDTH[core.config()["isa"]]
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "rate.cpp", Path(folder) / "rate.so"
        source.write_text(SOURCE.replace("BYTES", str(width)))
        flags = ["-O2", f"-march={march}", "-shared", "-fPIC", "-std=c++20", "-Wno-psabi"]
        subprocess.run(["g++", *flags, str(source), "-o", str(made)], check=True)
        rate = ctypes.CDLL(str(made)).rate
        rate.restype, rate.argtypes = ctypes.c_double, [ctypes.c_long]
        found = [sum(pool.map(rate, (20_000_000, 20_000_000))) for _ in range(5)]
    return statistics.median(found)


def _turns(contenders: list[Callable[[], Any]], runs: int) -> list[float]:
    """Medians of seconds, after one run of each that does not count."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for turn in range(runs + 1):
        for took, go in zip(seconds, contenders):
            began = perf_counter()
            go()
            if turn:
                took.append(perf_counter() - began)
    return [statistics.median(took) for took in seconds]


def _butterfly(X: Any) -> Any:
    """The plain transform, a stage after the other."""
    X, n, h = X.copy(), X.shape[1], 1
    while h < n:
        pairs = X.reshape(len(X), n // (2 * h), 2, h)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        total = first + second
        np.subtract(first, second, out=second)
        first[...] = total
        h *= 2
    return X
