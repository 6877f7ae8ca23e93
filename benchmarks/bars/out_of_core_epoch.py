"""Epochs of SGD out of core (the file in the page cache, max_memory="256MB") in at most 1.2x the time from arrays in memory."""

from __future__ import annotations

from benchmarks.bars import line
from benchmarks.bench_epoch import CELLS, EPOCHS
from benchmarks.contest import alternate
from benchmarks.report import machine, show


def run(scale: str) -> bool:
    """A dense .npy, the same rows as a block file, a sparse block file."""
    holds, speed = True, machine(2)
    for cell in CELLS:
        contest = alternate(cell, scale=scale, runs=2 if scale == "small" else 5)
        print("  " + show(cell, contest, speed).replace("\n", "\n  "))
        ours, arrays = contest["outcomes"]
        ratio = ours.median / arrays.median
        text = (
            f"{cell.name}: {ratio:.2f}x the time in memory (bound 1.2), {ours.median / EPOCHS:.3f} s against "
            f"{arrays.median / EPOCHS:.3f} s an epoch"
        )
        holds &= line(ratio <= 1.2, text)
    return holds
