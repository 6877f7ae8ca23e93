"""svmlight parsing at 15x scikit-learn's load_svmlight_file, the same matrix to the bit."""

from __future__ import annotations

from benchmarks.bars import line
from benchmarks.cells import find
from benchmarks.contest import alternate
from benchmarks.report import machine, show


def run(scale: str) -> bool:
    """Short and long numbers, the threads that both take by default (scikit-learn takes one)."""
    holds, speed = True, machine(2)
    for name in ("svmlight/short", "svmlight/long"):
        cell = find(name)
        contest = alternate(cell, scale=scale)
        print("  " + show(cell, contest, speed).replace("\n", "\n  "))
        ours, peer = contest["outcomes"]
        ratio, same = peer.median / ours.median, ours.quality == peer.quality
        text = f"{name}: {ratio:.1f}x (bound 15x), {'the same matrix' if same else 'DIFFERENT MATRICES'}"
        holds &= line(ratio >= 15 and same, text)
    return holds
