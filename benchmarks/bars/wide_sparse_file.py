"""Ridge on 10^7 x 10^6 sparse rows in a file within 2 GB: alpha by held-out rows, gap certified to 1e-4, in under ten minutes.

Each step runs in a process of its own whose anonymous memory is watched from outside, above what it is after imports and
once the file is open. `python -m benchmarks.bars.wide_sparse_file JOB` is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.contest import ROOT

LIMIT = 2_000_000_000
SECONDS = 600.0
TOL = 1e-4
ALPHAS = (0.25, 1.0, 4.0, 16.0)
SHARE = 0.01
SHAPES = {"small": (200_000, 50_000), "full": (10_000_000, 1_000_000)}


def choose(blocks: Any, job: dict[str, Any]) -> dict[str, Any]:
    """All alphas as targets of one fit, whose held-out rows have no weight; then their errors on those rows."""
    from esker._native import core
    from esker.linear_model import Ridge

    def held(block: Any) -> np.ndarray:
        return core.holdout_mask(1, block.keys, SHARE)

    def masked(block: Any) -> Any:
        weight = np.where(held(block), 0.0, 1.0)
        return replace(block, y=np.repeat(block.y[:, None], len(ALPHAS), axis=1), sample_weight=weight)

    model = Ridge(ALPHAS, solver="sparse_cg", tol=1e-2)
    model.fit(blocks.map(masked, keeps_x=True, n_targets=len(ALPHAS)))
    squares, rows = np.zeros(len(ALPHAS)), 0
    for block in blocks:
        at = np.flatnonzero(held(block))
        squares += ((model.predict(block.X[at]) - block.y[at, None]) ** 2).sum(axis=0)
        rows += len(at)
    errors = np.sqrt(squares / rows)
    best = int(np.argmin(errors))
    return {"alpha": ALPHAS[best], "rmse": errors.tolist(), "rows": rows, "walks": model.n_iter_ + 1}


def fit(blocks: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The fit that is asked for: solver="auto"."""
    from esker.linear_model import Ridge

    model = Ridge(job["alpha"], tol=TOL).fit(blocks)
    return {
        "gap": model.suboptimality_,
        "walks": model.n_iter_,
        "solver": model.solver_,
        "why": model.plan_["why"],
        "R2": model.score(blocks.head(100_000)),
    }


def plain(blocks: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The same without the scaling, for its number of iterations."""
    from esker.linear_model._krylov import solve_krylov

    found = solve_krylov(blocks, job["alpha"], tol=TOL, max_iter=300, scaled=False)
    return {"gap": float(found.gaps[0]), "walks": found.passes, "iterations": found.iterations}


def main() -> None:
    """Run one step."""
    job = json.loads(sys.argv[1])
    import sklearn.linear_model  # noqa: F401  (imports are not the fit's memory)

    import esker
    import esker.linear_model

    warnings.simplefilter("ignore")
    blocks = esker.open_blocks(job["path"], max_memory=LIMIT)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    found = {"choose": choose, "fit": fit, "plain": plain}[job["step"]](blocks, job)
    print(json.dumps({"seconds": time.perf_counter() - began, **found}), flush=True)
    sys.stdin.readline()


def step(name: str, path: str, **job: Any) -> dict[str, Any]:
    """One step in its own process; adds its peak memory."""
    from esker.demo.watch import Watch, anonymous_bytes

    command = [
        sys.executable,
        "-m",
        "benchmarks.bars.wide_sparse_file",
        json.dumps({"step": name, "path": path, **job}),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        child.stdout.readline()
        before = anonymous_bytes(child.pid)
        with Watch(child.pid, interval=0.01) as watch:
            child.stdin.write("go\n")
            child.stdin.flush()
            said = child.stdout.readline()
            peak = watch.look()
        child.stdin.write("end\n")
        child.stdin.flush()
    if not said:
        raise RuntimeError(f"{name} ended with {child.returncode}")
    return {**json.loads(said), "peak": peak - before}


def run(scale: str) -> bool:
    """Write the file, choose alpha, fit, and show what plain conjugate gradients would take; the file is removed."""
    from benchmarks.datasets import data_folder
    from benchmarks.files import write_blocks
    from benchmarks.generate import wide_sparse

    n, d = SHAPES[scale]
    with tempfile.TemporaryDirectory(prefix="wide-sparse-", dir=data_folder()) as folder:
        path = Path(folder) / "rows.esk"
        began = time.monotonic()
        size = write_blocks(wide_sparse(n, d=d), path)
        print(f"  {n:,} x {d:,}, {size / 1e9:.2f} GB written in {time.monotonic() - began:.0f} s", flush=True)
        return judge(str(path))


def judge(path: str) -> bool:
    """The steps on a file that exists, and what they must reach."""
    chosen = step("choose", path)
    shown = ", ".join(f"{a:g}: {e:.5f}" for a, e in zip(ALPHAS, chosen["rmse"]))
    print(
        f"  alpha by {chosen['rows']:,} held-out rows: RMSE {shown}; {chosen['seconds']:.0f} s, {chosen['walks']} walks, "
        f"peak {chosen['peak'] / 1e6:.0f} MB", flush=True
    )  # fmt: skip
    made = step("fit", path, alpha=chosen["alpha"])
    print(f"  {made['solver']}: {made['why']}; R2 of the first rows {made['R2']:.3f}", flush=True)
    bare = step("plain", path, alpha=chosen["alpha"])
    text = (
        f"alpha {chosen['alpha']:g}: certified gap {made['gap']:.1e} (bound {TOL:g}) in {made['seconds']:.0f} s and {made['walks']} "
        f"walks (bound {SECONDS:g} s), peak {made['peak'] / 1e6:.0f} MB of {LIMIT / 1e6:,.0f}; with alpha's choice "
        f"{made['seconds'] + chosen['seconds']:.0f} s; plain conjugate gradients {bare['iterations']} iterations, "
        f"{bare['seconds']:.0f} s to {bare['gap']:.1e}"
    )
    good = made["gap"] <= TOL and made["seconds"] + chosen["seconds"] <= SECONDS
    return line(good and max(made["peak"], chosen["peak"]) <= LIMIT, text)


if __name__ == "__main__":
    main()
