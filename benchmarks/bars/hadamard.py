"""The fast Walsh-Hadamard transform of 64 float32 vectors against a NumPy butterfly, and against what memory and adders allow.

The floor is the smaller of two rates, both measured here: bytes (8 a number) that two threads copy at this size (by memcpy or by
vectors, whichever is faster), and 8 bytes
times the additions that two threads do a second in registers, over log2 n. We work in place, on zeros, which stay zeros however
often; time does not depend on numbers.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import take_turns
from esker._native import core

__all__ = ["run"]

BATCH = 64
LOGS = {"small": (10, 12, 14, 16), "full": (10, 12, 14, 16, 18, 20)}
RATIO, SHARE = 20.0, 0.5
#: Additions a second of one thread, 8 independent sums of a vector each in registers; and copies.
SOURCE = """
#include <chrono>
#include <cstring>
typedef float V __attribute__((vector_size(BYTES)));
#define EACH(f) f(a) f(b) f(c) f(d) f(e) f(g) f(h) f(i)
#define BEGIN(x) V x = V{} + 1.0f;
#define ADD(x) x += one; __asm__ volatile("" : "+x"(x));
extern "C" double rate(long rounds) {
    EACH(BEGIN)
    V one = V{} + 1e-7f;
    __asm__ volatile("" : "+x"(one));
    auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
    const double began = now();
    for (long r = 0; r < rounds; r++) { EACH(ADD) }
    return rounds * 8.0 * (BYTES / 4) / (now() - began);
}
typedef float Loose __attribute__((vector_size(BYTES), aligned(4), may_alias));
extern "C" void copy(float* to, const float* from, long numbers, long often, int by_vectors) {
    for (long r = 0; r < often; r++) {
        if (by_vectors)
            for (long j = 0; j < numbers; j += BYTES / 4) *(Loose*)(to + j) = *(const Loose*)(from + j);
        else
            std::memcpy(to, from, numbers * 4);
        __asm__ volatile("" : : : "memory");
    }
}
"""
WIDTH = {"baseline": (16, "x86-64-v2"), "avx2": (32, "x86-64-v3"), "avx512": (64, "x86-64-v4")}


def run(scale: str, runs: int = 5) -> bool:
    """A line for each length; at scale small the share of the floor is printed only."""
    holds = []
    with ThreadPoolExecutor(2) as pool, tempfile.TemporaryDirectory() as folder:
        native = _native(Path(folder))
        rates = [sum(pool.map(native.rate, (20_000_000, 20_000_000))) for _ in range(5)]
        adders = statistics.median(rates)
        print(f"  additions of two threads in registers: {adders / 1e9:.0f} billion a second", flush=True)
        for log in LOGS[scale]:
            n = 1 << log
            X, out = np.zeros((BATCH, n), np.float32), np.ones((BATCH, n), np.float32)
            often = max(1, (1 << 23) // X.size)

            def copy(half: int, by_vectors: int = 0, X: Any = X, out: Any = out, often: int = often) -> None:
                begin, size = half * X.nbytes // 2, X.size // 2
                native.copy(out.ctypes.data + begin, X.ctypes.data + begin, size, often, by_vectors)

            def ours(X: Any = X, often: int = often) -> None:
                for _ in range(often):
                    core.hadamard_rows(X, X)

            few = 1 if log > 14 else 3
            copies = [lambda c=copy, how=how: list(pool.map(c, (0, 1), (how, how))) for how in (0, 1)]
            took = take_turns([ours, *copies], runs)
            peer = take_turns([lambda X=X: _butterfly(X)], few)[0]
            moved = 8 * X.size * often
            rate, copied, added = moved / took[0], moved / min(took[1:]), 8 * adders / log
            floor, ratio = min(copied, added), peer / (took[0] / often)
            good = ratio >= RATIO and (rate >= SHARE * floor or scale != "full")
            told = f"2^{log}: {ratio:.0f}x of NumPy's butterfly (>= {RATIO:g}x), {rate / 1e9:.1f} GB/s, {rate / floor:.0%} of the "
            told += f"floor (>= {SHARE:.0%}): copy {copied / 1e9:.1f} GB/s, additions {added / 1e9:.1f} GB/s"
            holds.append(line(good, told))
    return all(holds)


def _native(folder: Path) -> Any:
    """The loops of SOURCE, for the instruction set in use."""
    width, march = WIDTH[core.config()["isa"]]
    source, made = folder / "rate.cpp", folder / "rate.so"
    source.write_text(SOURCE.replace("BYTES", str(width)))
    flags = ["-O2", f"-march={march}", "-shared", "-fPIC", "-std=c++20", "-Wno-psabi"]
    subprocess.run(["g++", *flags, str(source), "-o", str(made)], check=True)
    native = ctypes.CDLL(str(made))
    native.rate.restype, native.rate.argtypes = ctypes.c_double, [ctypes.c_long]
    native.copy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]
    return native


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
