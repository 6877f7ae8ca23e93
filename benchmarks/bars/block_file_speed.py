"""The block file into a fold that sums what it decodes: cold at 90 % of a plain read of the bytes, warm at 5 GB/s dense and 2.5 GB/s CSR.

Cold: the file's pages are dropped before each walk and each plain read (posix_fadvise, after a sync). GB/s warm are of decoded
numbers, with checksums on; the checksum alone is taken on one core, over bytes as they lie after a read.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.datasets import data_folder
from benchmarks.generate import dense_linear
from benchmarks.passes import files

DENSE_BYTES = {"small": 20_000_000, "full": 1_000_000_000}
READ = 1 << 22  # bytes of one plain read


def dense_file(scale: str) -> Path:
    """A block file of dense float32 rows, made the first time and kept in the data folder."""
    import esker
    from esker.blocks import write_block_file

    path = data_folder() / f"dense-{scale}.esk"
    if not path.exists():
        made = dense_linear(DENSE_BYTES[scale] // 400, d=100)

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            return iter(made)

        write_block_file(esker.open_blocks(rows), path)
    return path


def walk(path: Path) -> tuple[int, float]:
    """Read all blocks and sum every number in them: (bytes decoded, the sum)."""
    import esker
    from esker import _core as core

    nbytes, total = 0, 0.0
    for block in esker.open_blocks(path):
        X = block.X
        if isinstance(X, np.ndarray):
            parts = [X]
        else:
            parts = [X.data, X.indices]
            nbytes += X.indptr.nbytes
        if block.y is not None:
            parts.append(block.y)
        for part in parts:
            total += core.total(part)
            nbytes += part.nbytes
    return nbytes, total


def read(path: Path) -> int:
    """The same bytes in sequence, into one buffer."""
    buffer, size = bytearray(READ), 0
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while got := file.readinto(buffer):
            size += got
    return size


def forget(path: Path) -> None:
    """Drop the file's pages from memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def clock(work: Callable[[Path], Any], path: Path, before: Callable[[Path], Any]) -> float:
    before(path)
    began = time.perf_counter()
    work(path)
    return time.perf_counter() - began


def alternating(path: Path, before: Callable[[Path], Any], runs: int) -> tuple[float, float]:
    """Median seconds of (walks, plain reads), in turn."""
    took = [(clock(walk, path, before), clock(read, path, before)) for _ in range(runs)]
    walks, reads = zip(*took)
    return statistics.median(walks), statistics.median(reads)


def checksum_speed() -> tuple[float, float]:
    """Bytes a second of CRC32C on one core: of 1 MB that lies in the cache, and of 256 MB that do not."""
    from esker import _core as core

    speeds = []
    for size, times in ((1 << 20, 256), (1 << 28, 1)):
        data = np.ones(size, dtype=np.uint8)
        best = np.inf
        for _ in range(7):
            began = time.perf_counter()
            for _ in range(times):
                core.crc32c(data)
            best = min(best, time.perf_counter() - began)
        speeds.append(times * size / best)
    return speeds[0], speeds[1]


def run(scale: str) -> bool:
    """Dense, CSR, checksum."""
    runs = 3 if scale == "small" else 7
    holds = True
    for name, path, bound in (
        ("dense", dense_file(scale), 5e9),
        ("CSR", files(scale, block_file=True).block_file, 2.5e9),
    ):
        decoded, total = walk(path)
        size = path.stat().st_size
        cold, plain = alternating(path, forget, runs)
        text = (
            f"{name} cold: {size / 1e6:,.0f} MB in {cold:.3f} s, {size / cold / 1e9:.2f} GB/s; a plain read "
            f"{plain:.3f} s, {size / plain / 1e9:.2f} GB/s: {plain / cold:.0%} of it (bound 90 %)"
        )
        holds &= line(plain / cold >= 0.9, text)
        warm, plain = alternating(path, lambda path: None, runs)
        text = (
            f"{name} warm: {decoded / 1e6:,.0f} MB decoded from {size / 1e6:,.0f} MB in {warm:.3f} s, {decoded / warm / 1e9:.2f} GB/s "
            f"(bound {bound / 1e9:g}); floor, a plain read: {plain:.3f} s, {size / plain / 1e9:.2f} GB/s"
        )
        holds &= line(decoded / warm >= bound and walk(path) == (decoded, total), text)
    near, far = checksum_speed()
    text = f"checksum, one core: {near / 1e9:.1f} GB/s in cache (bound 15), {far / 1e9:.1f} GB/s from memory"
    return line(near >= 15e9, text) and holds
