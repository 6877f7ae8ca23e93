"""`import esker` and `esker --help` within 0.3 s, without scikit-learn's own share; medians over fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from benchmarks.bars import line

BOUND = 0.3


def commands() -> dict[str, list[str]]:
    """What is timed, in turn."""
    python = [sys.executable, "-c"]
    return {
        "python": [*python, "pass"],
        "import esker": [*python, "import esker"],
        "sklearn's share": [*python, "import sklearn.linear_model, sklearn.utils.validation"],
        "estimators": [*python, "from esker.linear_model import Ridge, SGDClassifier, SGDRegressor"],
        "esker --help": [str(Path(sysconfig.get_path("scripts")) / "esker"), "--help"],
    }


def run(scale: str) -> bool:
    """Medians of fresh processes in alternation, after one unmeasured round."""
    took: dict[str, list[float]] = {name: [] for name in commands()}
    for turn in range(6 if scale == "small" else 16):
        for name, command in commands().items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:
                took[name].append(time.perf_counter() - began)
    median = {name: statistics.median(times) for name, times in took.items()}
    print("  medians: " + ", ".join(f"{name} {1e3 * t:.0f} ms" for name, t in median.items()))
    alone = median["import esker"] - median["python"]
    holds = line(alone <= BOUND, f"import esker: {1e3 * alone:.0f} ms above an empty Python (bound 300 ms)")
    more = median["estimators"] - median["sklearn's share"]
    holds &= line(
        more <= BOUND,
        f"import of all estimators: {1e3 * more:.0f} ms above scikit-learn's own (bound 300 ms)",
    )
    wall = median["esker --help"]
    return (
        line(wall <= BOUND, f"esker --help: {1e3 * wall:.0f} ms, Python's start included (bound 300 ms)")
        and holds
    )
