"""Which solver a ridge should take: a cost model of X'X, X X' and conjugate gradients, with rates of this machine.

What is predicted to take less than a fifth of a second is decided with fixed rates, so that small fits neither wait for a
measurement nor change their bits with its noise; for the rest a short measurement, once a process, says what this
machine does, where max_memory leaves room for one. ``solver=`` pins the choice; with ESKER_DETERMINISTIC=1 all rates are the fixed ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker._native import core
from esker.blocks.memory import physical_memory, show_size
from esker.linear_model._krylov import krylov_bytes
from esker.linear_model._packed import gram_room, sums_bytes, whole_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from esker.blocks import Blocks

__all__ = ["Shape", "plan", "plan_by_width", "rates"]

#: Predictions below this many seconds are not worth a measurement.
SMALL = 0.2
#: Bytes that the measurement may take.
MEASURING = 64 << 20
#: Columns, times targets, whose numbers stay in a core's cache while rows are walked.
NEAR = 1 << 14
#: Walks that conjugate gradients are expected to take; only trying tells (see docs/wide-ridge.md).
WALKS = 15
#: An iterative answer is taken instead of a direct one that fits where that would be late, in seconds, and so many times as late.
LATE = 2.0
SOONER = {"sparse": 3.0, "dense": 20.0}
#: A rate measured below this share of the fixed one says that something else ran meanwhile.
DISTURBED = 0.5
#: Of a machine of 2022 with two cores, a second: operations of X'X in float32 and float64, additions of a sparse row's products,
#: operations of Cholesky, stored numbers through one iteration (sparse; "near" where the vectors stay in a core's cache), bytes read
#: from memory and decoded from a file.
FIXED = {
    "gram_float32": 1.0e11,
    "gram_float64": 5.0e10,
    "gram_sparse": 4.0e8,
    "cholesky": 4.0e10,
    "iteration": 3.0e8,
    "iteration_near": 9.0e8,
    "memory": 1.0e10,
    "file": 5.0e8,
}


@dataclass(frozen=True)
class Shape:
    """What is known of the work; ``nnz`` is rows times columns where rows are dense."""

    rows: int
    columns: int
    nnz: int
    sparse: bool
    dtype: str
    targets: int
    in_memory: bool
    max_memory: int | None = None
    #: Of max_memory, what reading takes.
    reading: int = 0
    dual_bytes: int = 0
    #: Bytes that X'X may take, where there is a limit.
    gram_room: float | None = None
    #: Bytes of X'X in packed storage, where that is taken.
    packed: int = 0
    #: Those of X'X whole, where they are known with what summing holds meanwhile.
    whole: int = 0
    #: What the estimator or its parameters rule out, and why.
    ruled_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        blocks: Blocks,
        dual_bytes: Callable[[int, int, int], int],
        ruled_out: dict[str, str],
        packed: int,
    ) -> Shape | None:
        """The shape of a source; None where only reading tells."""
        n, d, sparse = blocks.n_rows, blocks.n_columns, blocks.is_sparse
        if n is None or d is None or sparse is None or (sparse and blocks.nnz is None):
            return None
        whole = blocks.whole() is not None
        return cls(
            n,
            d,
            int(blocks.nnz or 0) if sparse else n * d,
            bool(sparse),
            blocks.dtype.name,
            max(blocks.n_targets or 1, 1),
            whole,
            blocks.max_memory,
            0 if whole else blocks.reading_bytes + blocks.block_bytes * (blocks.budget.depth + 1),
            dual_bytes(n, d, int(blocks.nnz or 0)),
            gram_room(blocks),
            packed,
            whole_bytes(blocks),
            ruled_out,
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows in memory."""
        each = np.dtype(self.dtype).itemsize
        return self.nnz * (each + 4) + 4 * self.rows if self.sparse else self.nnz * each


def plan(shape: Shape) -> dict[str, Any]:
    """The solver to take, and what each would cost.

    Returns
    -------
    dict
        ``solver``: "cholesky", "dual" or "sparse_cg"; ``why``: in words; ``seconds`` and ``bytes``: predicted, of each solver, beside
        the rows where those are in memory; ``packed``: whether X'X, if it is summed, is in packed storage; ``refused``: of solvers that cannot be taken, why; ``rates``: operations a second
        that were reckoned with; ``measured``: whether on this machine.
    """
    used, measured = FIXED, False
    seconds = predict(shape, used)
    worth = min(seconds.values()) > SMALL and os.environ.get("ESKER_DETERMINISTIC") != "1"
    if worth and (shape.max_memory is None or shape.max_memory - shape.reading >= MEASURING):
        used, measured = rates(), True
        seconds = predict(shape, used)
    need = demand(shape)
    limit = 0.9 * physical_memory() if shape.max_memory is None else shape.max_memory - shape.reading
    refused = dict(shape.ruled_out)
    for name, size in need.items():
        most = limit if name != "cholesky" or shape.gram_room is None else min(limit, shape.gram_room)
        if size > most:
            refused.setdefault(name, f"takes {show_size(size)} of {show_size(max(most, 0))}")
    solver, why = choose(seconds, refused, shape)
    return {
        "solver": solver,
        "why": why,
        "seconds": seconds,
        "bytes": need,
        "packed": shape.packed > 0,
        "refused": refused,
        "rates": dict(used),
        "measured": measured,
    }


def plan_by_width(blocks: Blocks, ruled_out: dict[str, str], packed: int) -> dict[str, Any]:
    """What `plan` returns, for a source whose rows or columns only reading tells: X'X, unless the width alone is too much for it."""
    found: dict[str, Any] = {"seconds": {}, "bytes": {}, "refused": ruled_out, "rates": {}, "measured": False}
    found |= {"solver": "cholesky", "packed": packed > 0}
    found["why"] = "rows or columns are known only once they are read"
    need = packed or whole_bytes(blocks)
    limit = gram_room(blocks)
    if need > limit:
        taken = f"takes {show_size(need)} of {show_size(max(limit, 0))}"
        found |= {"bytes": {"cholesky": need}, "refused": {"cholesky": taken, **ruled_out}}
        if "sparse_cg" not in ruled_out:
            found |= {
                "solver": "sparse_cg",
                "why": f"rows are known only once they are read, and cholesky {taken}",
            }
    return found


def predict(shape: Shape, rate: dict[str, float]) -> dict[str, float]:
    """Seconds of each solver."""
    n, d, nnz = float(shape.rows), float(shape.columns), float(shape.nnz)
    dense = rate[f"gram_{shape.dtype}"]
    iteration = rate["iteration_near" if d * min(shape.targets, 8) <= NEAR else "iteration"]
    gram, kernel = n * d * d / dense, n * n * d / dense
    if shape.sparse:
        each = nnz / max(n, 1.0)
        gram = min(gram, 0.75 * n * each * each / rate["gram_sparse"])
        kernel = min(kernel, 0.5 * nnz * n * min(1.0, each / d) / rate["gram_sparse"] + nnz / iteration)
        walk = nnz / iteration
    else:
        walk = shape.row_bytes / rate["memory"] * max(1.0, shape.targets / 2)
    read = 0.0 if shape.in_memory else shape.row_bytes / rate["file"]
    kept = shape.in_memory or shape.max_memory is None or shape.row_bytes < 0.8 * shape.max_memory
    lanes = 1 + 0.2 * (min(shape.targets, 8) - 1)
    return {
        "cholesky": gram + d**3 / 3 / rate["cholesky"] + read,
        "dual": kernel + n**3 / 3 / rate["cholesky"] + read,
        "sparse_cg": WALKS * walk * lanes * max(1.0, shape.targets / 8) + read * (1 if kept else WALKS),
    }


def demand(shape: Shape) -> dict[str, int]:
    """Bytes of each solver."""
    return {
        "cholesky": shape.packed or shape.whole or sums_bytes(shape.columns),
        "dual": shape.dual_bytes + (0 if shape.in_memory else shape.row_bytes),
        "sparse_cg": krylov_bytes(shape.columns, shape.targets, shape.sparse, 0),
    }


def choose(seconds: dict[str, float], refused: dict[str, str], shape: Shape) -> tuple[str, str]:
    """Direct where that fits and is not much later: its answer is exact."""
    fits = "X'X fits" + (" in packed storage" if shape.packed else "")
    direct = [name for name in ("dual", "cholesky") if name not in refused]
    if shape.rows >= shape.columns and "cholesky" in direct:
        best, why = "cholesky", fits
    elif direct:
        best = direct[0]
        why = "there are fewer rows than columns, and X X' fits" if best == "dual" else fits
    elif "sparse_cg" not in refused:
        both = "; ".join(f"{name} {why}" for name, why in refused.items())
        return "sparse_cg", f"no direct solver can be taken: {both}"
    else:
        return "cholesky", "nothing else can be taken: " + "; ".join(f"{k} {v}" for k, v in refused.items())
    sooner = seconds[best] / max(seconds["sparse_cg"], 1e-9)
    if (
        "sparse_cg" not in refused
        and seconds[best] > LATE
        and sooner > SOONER["sparse" if shape.sparse else "dense"]
    ):
        return "sparse_cg", f"{best} would take about {seconds[best]:.2g} s, {sooner:.0f} times as long"
    return best, f"{why}, and the answer is exact"


@cache
def rates() -> dict[str, float]:
    """Operations a second on this machine, measured once a process within `MEASURING` bytes; see `FIXED`."""
    found = {name: max(rate, DISTURBED * FIXED[name]) for name, rate in _measured().items()}
    core.trim_memory()  # what malloc would keep is counted against the fit's max_memory
    return found


def _measured() -> dict[str, float]:
    rng = np.random.default_rng(0)
    found = dict(FIXED)
    for dtype in ("float32", "float64"):
        X = rng.standard_normal((512, 512)).astype(dtype)
        found[f"gram_{dtype}"] = X.size * 512 / _best(lambda x=X: core.Gram().update(x, None, None))  # type: ignore[misc]
    n, each, d = 4096, 48, 1024
    columns = np.sort((d ** rng.random((n, each))).astype(np.int32) % d, axis=1)
    columns = (columns + np.arange(each, dtype=np.int32) * 21) % d
    values = rng.standard_normal(n * each)
    x = values, np.ascontiguousarray(columns.reshape(-1)), np.arange(n + 1, dtype=np.int32) * each, d
    state = core.Gram()
    state.update(x, None, None)
    found["gram_sparse"] = 0.75 * n * each * each / _best(lambda: state.update(x, None, None))
    # So many rows and runs that waking the threads, a tenth of a millisecond and more, does not count.
    for name, rows, wide in (("iteration", n, 1 << 17), ("iteration_near", 4 * n, 1 << 12)):
        found[name] = rows * each / _best(_iteration(rng, rows, each, wide), 20)
    A = np.eye(1024) * 1024 + rng.standard_normal((1024, 1024))
    found["cholesky"] = 1024**3 / 3 / _best(lambda: linalg.lapack.dpotrf(A))
    much = np.ones(1 << 21)
    found["memory"] = much.nbytes / _best(much.sum)
    return found


def _iteration(rng: np.random.Generator, n: int, each: int, d: int) -> Callable[[], Any]:
    """One iteration on rows of power-law columns."""
    columns = rng.permutation(d).astype(np.int32)[(d ** rng.random(n * each)).astype(np.int64) % d]
    x = rng.standard_normal(n * each), columns, np.arange(n + 1, dtype=np.int32) * each, d
    product = core.NormalProduct(d, 1, True)
    product.begin(np.ones((1, d)), np.zeros(1), np.zeros(d))
    return lambda: product.update(x, None, None, None)


def _best(work: Callable[[], Any], runs: int = 3) -> float:
    taken = []
    for _ in range(runs):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return max(min(taken), 1e-9)
