"""TableHasher from Parquet and one SGD pass: 30x pandas with scikit-learn's FeatureHasher and SGD, 3x Vowpal Wabbit from text.

Each contender is a process of its own, in turn; the clock begins at the opened interpreter with everything imported and ends with
the learned model. The test rows are others of the same table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT
from benchmarks.ctr_table import CROSSES, CtrTable, vw_crosses, write_parquet, write_vw
from benchmarks.datasets import data_folder

#: Rows to learn, and those of them that scikit-learn gets: its time grows with the rows, and is told a row.
ROWS = {"small": (200_000, 20_000), "full": (2_000_000, 50_000)}
TEST = 50_000
BITS = 20
NUMERIC = [f"I{j}" for j in range(1, 14)]
CATEGORICAL = [f"C{k}" for k in range(1, 27)]
PAIRS = [(f"C{a + 1}", f"C{b + 1}") for a, b in CROSSES]


def files(rows: int) -> dict[str, Path]:
    """The table's files, made once."""
    folder = data_folder() / "ctr"
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for part, n, first in (("train", rows, 0), ("test", TEST, 1 << 20)):
        for kind, write in (("parquet", write_parquet), ("vw", write_vw)):
            path = folder / f"{part}-{n}.{kind}"
            made[f"{part}.{kind}"] = path
            if not path.exists():
                write(CtrTable(n, first=first), path.with_suffix(".part"))
                path.with_suffix(".part").rename(path)
    return made


def ours(paths: dict[str, str], rows: int) -> tuple[float, Any]:
    """Parquet in, one model out (as Vowpal Wabbit's: logistic loss, no penalty), everything streamed."""
    import esker
    from esker.feature_extraction import TableHasher
    from esker.linear_model import SGDClassifier

    hasher = TableHasher(
        numeric=NUMERIC, categorical=CATEGORICAL, crosses=PAIRS, numeric_bins="log", n_features=2**BITS
    )
    model = SGDClassifier(loss="log_loss", eta0=0.5, alpha=0.0, max_iter=1, tol=None, random_state=0)
    began = time.perf_counter()
    model.fit(esker.open_blocks(paths["train.parquet"], target="y", features=hasher))
    took = time.perf_counter() - began
    return took, model.decision_function(
        esker.open_blocks(paths["test.parquet"], target="y", features=hasher)
    )


def sklearn(paths: dict[str, str], rows: int) -> tuple[float, Any]:
    """pandas reads, dicts of a row each are hashed, scikit-learn steps through them once."""
    import pandas as pd
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    def features(frame: Any) -> Any:
        bins = np.floor(4 * np.log2(frame[NUMERIC].where(frame[NUMERIC] > 0, 1)))
        for name in NUMERIC:
            known = bins[name].astype(int).astype(str).where(frame[name] > 0, "zero")
            frame[name] = known.where(frame[name].notna(), "")
        for name in CATEGORICAL:
            frame[name] = frame[name].fillna("")
        for a, b in PAIRS:
            frame[f"{a}*{b}"] = frame[a] + "*" + frame[b]
        return FeatureHasher(2**BITS).transform(frame.drop(columns="y").to_dict("records"))

    model = SGDClassifier(loss="log_loss", max_iter=1, tol=None, random_state=0)
    began = time.perf_counter()
    frame = pd.read_parquet(paths["train.parquet"]).iloc[:rows]
    read = time.perf_counter() - began
    began = time.perf_counter()
    model.fit(features(frame.copy()), frame["y"])
    took = time.perf_counter() - began
    # pandas read all rows.
    share = rows / json.loads(paths["rows"])
    return took + share * read, model.decision_function(features(pd.read_parquet(paths["test.parquet"])))


def vw(paths: dict[str, str], rows: int) -> tuple[float, Any]:
    """Vowpal Wabbit's default learner from its text, the same columns and crosses."""
    import vowpalwabbit

    folder = Path(paths["train.vw"]).parent
    model, said = folder / "vw.model", folder / "vw.out"
    options = f"--loss_function logistic -b {BITS} {vw_crosses()} --holdout_off --quiet"
    began = time.perf_counter()
    vowpalwabbit.Workspace(f"-d {paths['train.vw']} {options} -f {model}").finish()
    took = time.perf_counter() - began
    vowpalwabbit.Workspace(f"-d {paths['test.vw']} -t -i {model} -r {said} --quiet").finish()
    return took, np.loadtxt(said, usecols=0)


def child(name: str, paths: dict[str, str], rows: int) -> None:
    """One run: prints seconds and the test error."""
    import pyarrow.parquet as parquet

    took, margins = globals()[name](paths, rows)
    y = parquet.read_table(paths["test.parquet"], columns=["y"])["y"].to_numpy()
    print(json.dumps({"seconds": took, "error": float(((margins > 0) != y).mean())}))


def run(scale: str) -> bool:
    """Medians of alternating runs."""
    rows, some = ROWS[scale]
    made = files(rows)
    paths = {name: str(path) for name, path in made.items()} | {"rows": str(rows)}
    sizes = {name: path.stat().st_size / 1e6 for name, path in made.items()}
    print(f"  {rows:,} rows: {sizes['train.parquet']:.0f} MB of Parquet, {sizes['train.vw']:.0f} MB of text")
    found: dict[str, list[dict[str, float]]] = {"ours": [], "vw": [], "sklearn": []}
    for turn in range(3 if scale == "small" else 5):
        for name in found:
            if name == "sklearn" and turn >= 2:
                continue
            n = some if name == "sklearn" else rows
            command = [sys.executable, "-m", "benchmarks.bars.table_hasher", name, json.dumps(paths), str(n)]
            out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
            result = json.loads(out.splitlines()[-1])
            found[name].append({"row": result["seconds"] / n * 1e6, "error": result["error"]})
    row = {name: statistics.median(r["row"] for r in runs) for name, runs in found.items()}
    error = {name: runs[0]["error"] for name, runs in found.items()}
    for name in found:
        print(f"  {name}: {row[name]:.2f} us a row, test error {error[name]:.4f}")
    holds = line(
        row["sklearn"] >= 30 * row["ours"],
        f"{row['sklearn'] / row['ours']:.0f}x pandas and scikit-learn (bound 30x)",
    )
    holds &= line(row["vw"] >= 3 * row["ours"], f"{row['vw'] / row['ours']:.2f}x Vowpal Wabbit (bound 3x)")
    return line(error["ours"] <= error["vw"] + 0.005, "test error no worse than Vowpal Wabbit's") and holds


if __name__ == "__main__":
    child(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))
