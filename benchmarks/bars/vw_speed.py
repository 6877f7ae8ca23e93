"""Examples a second of one adaptive model, against Vowpal Wabbit's from its cache: 9x with 47 k features, 5x with 2^20.

Ours once from rows in memory and once from the block file, in the page cache as its cache is; all cores, one pass, in turns.
"""

from __future__ import annotations

from benchmarks.bars import line
from benchmarks.cells import find
from benchmarks.contest import alternate
from benchmarks.passes import files
from benchmarks.report import machine, show

BOUNDS = {"47k": 9.0, "2^20": 5.0}
#: What a test error may differ by chance: the test rows are 8,192.
TOLERANCE = 0.005


def run(scale: str) -> bool:
    """Both widths."""
    holds = True
    for name, bound in BOUNDS.items():
        cell = find(f"vw/{name}")
        contest = alternate(cell, scale=scale, runs=2 if scale == "small" else 5)
        print("  " + show(cell, contest, machine(cell.threads)).replace("\n", "\n  "))
        if contest["missing"]:
            holds = line(False, f"{name}: Vowpal Wabbit is not installed (extra bench)")
            continue
        *ours, peer = contest["outcomes"]
        rows = files(scale, d=cell.load.keywords["d"]).made.n
        for o in ours:
            errors = [each.quality["test error"] for each in (o, peer)]
            speeds = [f"{rows / each.median / 1e6:.2f}" for each in (o, peer)]
            text = (
                f"{name}, {'in memory' if o.name == 'esker' else 'block file'}: {peer.median / o.median:.2f}x (bound {bound:g}x), "
                f"{speeds[0]} against {speeds[1]} million examples/s, test error {errors[0]:.4f} against {errors[1]:.4f}"
            )
            holds &= line(peer.median >= bound * o.median and errors[0] <= errors[1] + TOLERANCE, text)
    return holds
