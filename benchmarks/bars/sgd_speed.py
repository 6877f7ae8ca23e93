"""Sparse logistic SGD, one thread: plain steps at 4x scikit-learn's examples a second, one adaptive model at 3.2x, the default race at 2.5x."""

from __future__ import annotations

from benchmarks.bars import line
from benchmarks.bench_sgd import EPOCHS
from benchmarks.cells import find
from benchmarks.contest import alternate
from benchmarks.datasets import load
from benchmarks.report import machine, show

#: The plain cell has scikit-learn's own rate and steps, so that its test error differs by chance alone.
BOUNDS = {"plain": 4.0, "one-model": 3.2, "default": 2.5}
CHANCE = 1.02


def run(scale: str) -> bool:
    """All bounds on the generated set and on real words; equal numbers of passes, test error no worse."""
    holds, speed = True, machine(1)
    for data in ("rcv1-like", "rcv1-like-f64", "words"):
        rows = len(load(data, scale).y)
        for kind, bound in BOUNDS.items():
            cell = find(f"sgd/{data}/{kind}")
            contest = alternate(cell, scale=scale, only=("esker", "scikit-learn"))
            print("  " + show(cell, contest, speed).replace("\n", "\n  "))
            ours, peer = contest["outcomes"]
            ratio = peer.median / ours.median
            each = [f"{EPOCHS * rows / o.median / 1e6:.2f}" for o in (ours, peer)]
            errors = [o.quality["test error"] for o in (ours, peer)]
            text = (
                f"{data} {kind}: {ratio:.2f}x (bound {bound:g}x), {each[0]} against {each[1]} million examples/s, "
                f"test error {errors[0]:.4f} against {errors[1]:.4f}"
            )
            allowed = errors[1] * (CHANCE if kind == "plain" else 1.0)
            holds &= line(ratio >= bound and errors[0] <= allowed, text)
    return holds
