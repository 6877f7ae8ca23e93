"""The race's curves: `python -m benchmarks.race.draw` writes docs/curves/time-to-error.csv and .png from what is kept."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import ROOT
from benchmarks.race.data import DATA, share
from benchmarks.race.judge import is_text
from benchmarks.race.measure import Point, points

__all__ = ["main"]

FOLDER = ROOT / "docs" / "curves"
#: First letters of a learner -> colour and mark.
STYLES = {
    "esker SGD": ("#c0392b", "o"),
    "esker Log": ("#e67e22", "s"),
    "vw": ("#2471a3", "v"),
    "scikit-learn SGD": ("#7d3c98", "x"),
    "scikit-learn": ("#7f8c8d", "."),
    "sklearnex": ("#1e8449", "d"),
    "liblinear": ("#17202a", "+"),
}


def write_csv(found: dict[str, list[Point]], path: Path) -> None:
    """A line for each point."""
    head = ["data", "learner", "budget", "seconds", "least_seconds", "test_error", "test_error_se"]
    head += ["test_log_loss", "loading_seconds", "runs"]
    with path.open("w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(head)
        for data, each in found.items():
            for p in each:
                se = float(np.std(p.wrong, dtype=np.float64) / np.sqrt(len(p.wrong)))
                figures = [f"{v:.5g}" for v in (p.median, p.seconds.min(), p.error, se)]
                loss = "" if p.loss is None else f"{p.log_loss:.5g}"
                rows.writerow([data, p.learner, p.budget, *figures, loss, f"{p.loading:.4g}", len(p.seconds)])


def _panel(axes: Any, title: str, found: list[Point]) -> None:
    learners = list(dict.fromkeys(p.learner for p in found if not is_text(p)))
    for learner in learners:
        each = sorted((p.median, p.error) for p in found if p.learner == learner)
        colour, mark = next(v for k, v in STYLES.items() if learner.startswith(k))
        ours = learner.startswith("esker")
        style = {"linewidth": 1.8 if ours else 0.7, "zorder": 3 if ours else 2, "markersize": 4}
        axes.plot(*zip(*each), color=colour, marker=mark, label=learner, **style)
    least = min(p.error for p in found)
    axes.set_xscale("log")
    axes.set_ylim(0.96 * least, min(1.5 * least, max(p.error for p in found) * 1.02))
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)


def main() -> None:
    """Write both."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {name: list(points(name, "full")) for name in DATA}
    found = {name: each for name, each in found.items() if each}
    FOLDER.mkdir(exist_ok=True)
    write_csv(found, FOLDER / "time-to-error.csv")
    rows = -(-len(found) // 3)
    size = (12, 3.2 * rows + 0.8)
    figure, grid = pyplot.subplots(rows, 3, figsize=size, layout="constrained", squeeze=False)
    for axes, (name, each) in zip(grid.flat, found.items()):
        _panel(axes, f"{name} ({len(each[0].wrong):,} test rows)", each)
    for axes in list(grid.flat)[len(found) :]:
        axes.set_axis_off()
    figure.supxlabel("seconds of a fit, rows in memory", fontsize=9)
    figure.supylabel("test error", fontsize=9)
    marks: dict[str, Any] = {}
    for axes in grid.flat:
        for line, label in zip(*axes.get_legend_handles_labels()):
            short = next(k for k in STYLES if label.startswith(k))
            names = {"esker SGD": "esker SGDClassifier", "esker Log": "esker LogisticRegression"}
            marks[names.get(short, short)] = line
    figure.legend(marks.values(), marks.keys(), loc="outside upper center", ncols=7, fontsize=8)
    figure.savefig(FOLDER / "time-to-error.png", dpi=90)
    print(
        f"{FOLDER}: {sum(map(len, found.values()))} points of {len(found)} data sets; share {share('full'):g}"
    )


if __name__ == "__main__":
    main()
