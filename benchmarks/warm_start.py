"""Does a quick epoch of SGD save conjugate gradients walks? Iterations and seconds from zero and from SGD's coefficients.

`python -m benchmarks.warm_start [--scale full]` takes the rows of the bar `sparse-ridge`; `--file rows.esk` those of a block file.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.bench_ridge import ALPHA

TOLS = (1e-2, 1e-4, 1e-6)


def certified(
    blocks: Any, alpha: float, start: np.ndarray | None, tol: float
) -> list[tuple[float, float, float]]:
    """Of each iterate from `start` on: seconds since the sums, objective, certified relative gap."""
    from esker.linear_model._krylov import BACK, _Run
    from esker.linear_model._krylov_rows import Rows

    rows = Rows(blocks)
    sums = rows.sums(True)
    run = _Run(rows, sums, np.arange(1), np.array([alpha]), tol, BACK, True)
    began = time.perf_counter()
    if start is not None:
        run.w[0] = start
        run._true()
    run._certify()
    run._start()
    found = []
    while len(run.live) and len(found) < 50:
        gap = float(run.relative()[0])
        found.append((time.perf_counter() - began, float(run.value[0]), gap))
        if gap <= tol:
            break
        run._iterate()
        run._certify()
    return found


def show(blocks: Any, alpha: float) -> None:
    """Both starts, and what SGD took."""
    from esker.linear_model import SGDRegressor

    n = blocks.n_rows
    began = time.perf_counter()
    # Means of halved squares: the penalty of sums of squares is n times as large.
    model = SGDRegressor(alpha=alpha / n, max_iter=1, tol=None, random_state=0).fit(blocks)
    seconds = time.perf_counter() - began
    cold, warm = (certified(blocks, alpha, start, min(TOLS)) for start in (None, model.coef_.ravel()))
    best = min(cold[-1][1], warm[-1][1])
    each = cold[-1][0] / (len(cold) - 1)
    print(f"  {blocks}: an epoch of SGD {seconds:.2f} s, a walk of conjugate gradients {each:.3f} s")
    for name, found in (("from zero", cold), ("from SGD", warm)):
        reached = ", ".join(
            f"{tol:g} in {next((i for i, f in enumerate(found) if f[2] <= tol), -1)}" for tol in TOLS
        )
        print(
            f"    {name:<10} objective {found[0][1] / best - 1:9.2e} above the least at the start; iterations to a certified gap: {reached}; "
            f"{found[-1][0]:.2f} s"
        )


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_start", description=main.__doc__)
    parser.add_argument("--scale", choices=("small", "full"), default="small")
    parser.add_argument("--file", help="a block file of sparse rows with a target")
    parser.add_argument("--alpha", type=float, default=ALPHA)
    parser.add_argument("--max-memory", default="2GB")
    given = parser.parse_args()
    import esker
    from benchmarks.datasets import load

    warnings.simplefilter("ignore")
    if given.file:
        show(esker.open_blocks(given.file, max_memory=given.max_memory), given.alpha)
        return
    data = load("zipf", given.scale)
    show(esker.open_blocks(data.X, target=data.y), given.alpha)


if __name__ == "__main__":
    main()
