"""One SGD pass straight from 1 GB of svmlight text, learner included, at 3x Vowpal Wabbit's from its own text of the same rows."""

from __future__ import annotations

from benchmarks.bars import line
from benchmarks.cells import find
from benchmarks.contest import alternate
from benchmarks.report import machine, show

#: What a test error may differ by chance: the test rows are 8,192.
TOLERANCE = 0.005


def judge(name: str, scale: str, bound: float) -> bool:
    """Both in turn, each with all cores; the ratio of medians, and a test error that is no worse."""
    cell = find(name)
    contest = alternate(cell, scale=scale, runs=2 if scale == "small" else 5)
    print("  " + show(cell, contest, machine(cell.threads)).replace("\n", "\n  "))
    if contest["missing"]:
        return line(False, f"{name}: the peer is not installed (extra bench)")
    ours, peer = contest["outcomes"]
    ratio = peer.median / ours.median
    errors = [o.quality["test error"] for o in (ours, peer)]
    text = f"{name}: {ratio:.2f}x (bound {bound:g}x), test error {errors[0]:.4f} against {errors[1]:.4f}"
    return line(ratio >= bound and errors[0] <= errors[1] + TOLERANCE, text)


def run(scale: str) -> bool:
    """A second or two at the small scale, where starting dominates."""
    return judge("pass/text", scale, 3.0)
