"""Ridge on sketches beside ridge on plain samples of rows: `python -m benchmarks.sketch_picture` writes docs/curves/sketches.csv and .png.

Flights out of New York (the demo's split): squared error on the last weeks against the rows kept, and against the seconds that
making the sketch and fitting it took. Medians of some seeds, in turn.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.contest import ROOT
from benchmarks.datasets import load

__all__ = ["main"]

FOLDER = ROOT / "docs" / "curves"
TIMES = (2, 4, 8, 16, 32, 64)  # rows kept: so many times the columns
SEEDS = 7
ALPHA = 1.0
STYLES = {
    "UniformRows": ("#7f8c8d", "x"),
    "LeverageRows": ("#2471a3", "v"),
    "CountSketch": ("#e67e22", "s"),
    "SparseSign": ("#c0392b", "o"),
    "SRHT": ("#1e8449", "d"),
}


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows with a column of ones for the intercept, columns by their scale."""
    split = load("flights", "full")
    X, X_test = (
        np.asarray(a.toarray() if hasattr(a, "toarray") else a, np.float64) for a in (split.X, split.X_test)
    )
    mean, scale = X.mean(axis=0), X.std(axis=0)
    keep = scale > 0
    both = [np.column_stack([(a[:, keep] - mean[keep]) / scale[keep], np.ones(len(a))]) for a in (X, X_test)]
    return both[0], split.y.astype(np.float64), both[1], split.y_test.astype(np.float64)


def _ridge(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.solve(X.T @ X + ALPHA * np.eye(X.shape[1]), X.T @ y)


def measure() -> list[dict[str, Any]]:
    """A row for each way and size: median seconds and squared errors relative to the fit of all rows."""
    import esker.sketch

    X, y, X_test, y_test = _data()
    began = perf_counter()
    whole = _ridge(X, y)
    took = perf_counter() - began
    least = float(((X_test @ whole - y_test) ** 2).mean())
    found = [{"way": "all rows", "rows": len(X), "seconds": took, "error": 1.0}]
    cases: list[tuple[str, int]] = [(way, times * X.shape[1]) for times in TIMES for way in STYLES]
    taken: dict[tuple[str, int], list[tuple[float, float]]] = {case: [] for case in cases}
    for seed in range(SEEDS):
        for way, size in cases:
            make: Callable[..., Any] = getattr(esker.sketch, way)
            began = perf_counter()
            Z, z = make(size, random_state=seed).fit_resample(X, y)
            coef = _ridge(Z, z)
            took = perf_counter() - began
            taken[way, size].append((took, float(((X_test @ coef - y_test) ** 2).mean()) / least))
    for (way, size), each in taken.items():
        seconds, error = (statistics.median(one) for one in zip(*each))
        found.append({"way": way, "rows": size, "seconds": seconds, "error": error})
    return found


def draw(found: list[dict[str, Any]], n: int) -> None:
    """The picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    for way, (colour, mark) in STYLES.items():
        each = [one for one in found if one["way"] == way]
        for axes, what in ((left, "rows"), (right, "seconds")):
            axes.plot(
                [one[what] for one in each],
                [one["error"] - 1 for one in each],
                color=colour,
                marker=mark,
                markersize=4,
                label=way,
            )
    whole = next(one for one in found if one["way"] == "all rows")
    right.axvline(
        whole["seconds"], color="#17202a", linewidth=0.8, linestyle=":", label=f"ridge of all {n:,} rows"
    )
    for axes, what in ((left, "rows kept"), (right, "seconds: sketch and fit")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(what, fontsize=9)
        axes.tick_params(labelsize=7)
    left.set_ylabel("test error above that of all rows, relative", fontsize=9)
    right.legend(fontsize=7)
    figure.savefig(FOLDER / "sketches.png", dpi=110)


def main() -> None:
    """Measure, write and draw."""
    found = measure()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "sketches.csv").open("w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["way", "rows", "seconds", "error"])
        for one in found:
            rows.writerow([one["way"], one["rows"], f"{one['seconds']:.4g}", f"{one['error']:.6g}"])
            print(f"{one['way']:14} {one['rows']:8,} rows  {one['seconds']:.4f} s  error {one['error']:.4f}")
    draw(found, found[0]["rows"])


if __name__ == "__main__":
    main()
