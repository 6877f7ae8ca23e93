"""The walks of a fit: landmarks, then what the solver asks of the rows; targets about their mean, in units of their spread."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._native import core
from esker._progress import stopped, until
from esker.blocks.buffer import cut
from esker.folds import Gram
from esker.kernel_ridge._falkon import Preconditioner, solve_falkon
from esker.kernel_ridge._landmarks import Drawn, draw_landmarks
from esker.kernel_ridge._plan import PIECE_ROWS, Task, choose_solver, needed
from esker.linear_model._krylov_rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

    Floats = NDArray[np.float64]

__all__ = ["Kernel", "Model", "fit_landmarks"]

#: Landmarks where nobody says how many.
SIZE = 1000
#: float32 products are good for distances whose exponent is about so far from zero.
FAR = 64.0
#: Kernel values of a piece of rows: between pieces a fit can be interrupted.
STRETCH = 1 << 28
#: With K'K in memory an iteration costs next to nothing.
FINE, MANY = 1e-12, 2000


@dataclass(frozen=True)
class Kernel:
    """A kernel function's name and parameters; gamma None is 1 / d."""

    name: str
    gamma: float | None
    coef0: float
    degree: int

    def gamma_of(self, d: int) -> float:
        return 1.0 / d if self.gamma is None else float(self.gamma)

    def at(self, Z: Any, wide: bool) -> core.KernelLandmarks:
        """Landmarks ready for products."""
        return core.KernelLandmarks(Z, self.name, self.gamma_of(Z.shape[1]), self.coef0, self.degree, wide)

    def wide(self, Z: Any) -> bool:
        """Whether kernel values must be computed in float64."""
        if Z.dtype == np.float64:
            return True
        Z = Z.astype(np.float64)
        if self.name not in (
            "rbf",
            "laplacian",
        ):  # what overflows in float32, or is the square of a little less
            most = np.abs(Z).max(initial=0) ** 2 * Z.shape[1]
            return bool(
                most * max(self.gamma_of(Z.shape[1]), 1) + abs(self.coef0) > 1e30 ** (1 / (2 * self.degree))
            )
        apart = Z - Z.mean(axis=0)
        each = (apart**2).sum(axis=1) if self.name == "rbf" else np.abs(apart).sum(axis=1)
        return bool(self.gamma_of(Z.shape[1]) * np.median(each) > FAR)


@dataclass
class Model:
    """What a fit found; coef: (targets, m)."""

    landmarks: NDArray[Any]
    keys: NDArray[np.int64]
    coef: Floats
    intercept: Floats
    gamma: float
    flat: bool
    iterations: int
    history: list[float]
    reason: str
    jitter: float
    plan: dict[str, Any]


class _Rows:
    """Rows as the solvers see them: weights about 1, targets scaled, and a last target of ones where there is an intercept."""

    def __init__(self, rows: Rows, drawn: Drawn, centred: bool) -> None:
        self.rows, self.d, self.centred = rows, drawn.X.shape[1], centred
        self.weight = drawn.total / drawn.rows
        self.mean = drawn.mean_y if centred else np.zeros(len(drawn.mean_y))
        scale = drawn.spread_y if centred else drawn.level_y
        self.scale = np.where(scale > 0, scale, 1.0)

    def walk(self, values: int) -> Iterator[Block]:
        """Pieces of the rows of so many kernel values at most."""
        for block in self.rows.walk():
            step = max(values // 4096 * 4096, 4096)
            for i in range(0, len(block), step):
                yield self._made(cut(block, i, min(i + step, len(block))))
        self.rows.passes += 1

    def _made(self, block: Block) -> Block:
        X = block.X
        if X.shape[1] < self.d:
            X = sparse.csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], self.d))
        w = None if block.sample_weight is None else block.sample_weight / self.weight
        return replace(block, X=X, sample_weight=w)

    def targets(self, block: Block) -> Floats:
        y = block.raw_y()
        assert y is not None
        out = np.empty((len(y), y.shape[1] + self.centred))
        out[:, : y.shape[1]] = (y - self.mean) / self.scale
        out[:, y.shape[1] :] = 1.0
        return out


class _Walks:
    """K'(w K a) by a walk of the rows each time."""

    def __init__(self, rows: _Rows, at: core.KernelLandmarks, targets: int) -> None:
        self.rows, self.at, self.step = rows, at, max(STRETCH // at.m, 1)
        lanes = targets + rows.centred
        sums = core.KernelNormal(at, lanes)
        sums.begin(None, np.zeros(lanes))
        total = 0.0
        for block in rows.walk(self.step):
            sums.update(block.raw_x(), rows.targets(block), block.sample_weight)
            total += len(block) if block.sample_weight is None else float(block.sample_weight.sum())
        out, level, _ = sums.finish()
        #: The mean of kernel values, by landmark.
        self.mean = out[targets] / total if rows.centred else np.zeros(at.m)
        self.rhs = out[:targets] - np.outer(level[:targets], self.mean)
        self.at_mean = level[:targets] / total if rows.centred else np.zeros(targets)

    def __call__(self, a: Floats, live: NDArray[np.intp]) -> Floats:
        sums = core.KernelNormal(self.at, len(a))
        sums.begin(a, -(a @ self.mean))
        for block in self.rows.walk(self.step):
            sums.update(block.raw_x(), None, block.sample_weight)
        out, level, _ = sums.finish()
        return out - np.outer(level, self.mean)


class _Sums:
    """The same from K'K, summed in one walk."""

    def __init__(self, rows: _Rows, at: core.KernelLandmarks, targets: int) -> None:
        state = Gram()
        for block in rows.walk(PIECE_ROWS):
            y = np.ascontiguousarray(rows.targets(block)[:, :targets])
            state.update(replace(block, X=at.block(block.raw_x()), y=y, row_keys=None))
        self.product = state.finish()
        self.mean, self.at_mean, rhs = state.mean_x, state.mean_y, state.xy.T
        if not rows.centred:
            self.product += state.weight * np.outer(self.mean, self.mean)
            rhs = rhs + state.weight * np.outer(self.at_mean, self.mean)
            self.mean, self.at_mean = np.zeros(at.m), np.zeros(targets)
        self.rhs = np.ascontiguousarray(rhs)

    def __call__(self, a: Floats, live: NDArray[np.intp]) -> Floats:
        if stopped():
            raise InterruptedError
        return a @ self.product


def fit_landmarks(
    blocks: Blocks,
    kernel: Kernel,
    *,
    alpha: float,
    size: int | None,
    seed: int,
    centred: bool,
    solver: str,
    tol: float,
    max_iter: int,
    ends: float,
) -> Model:
    """Draw landmarks and solve; see `NystroemRidge`."""
    rows = Rows(blocks)
    itemsize = blocks.dtype.itemsize
    if size is not None and blocks.n_columns is not None and blocks.n_rows is not None:
        task = Task(
            blocks.n_rows, blocks.n_columns, min(size, blocks.n_rows), blocks.n_targets or 1, itemsize
        )
        _reserve(blocks, needed(task, solver if solver != "auto" else "falkon"), task.landmarks, claim=False)
    drawn = draw_landmarks(rows, SIZE if size is None else size, seed, "NystroemRidge")
    Z, m = drawn.X, len(drawn.X)
    if size is not None and m < size:
        warnings.warn(
            f"n_components={size} is more than the {m} rows (of positive weight): all of them are landmarks",
            UserWarning,
            stacklevel=3,
        )
    wide = kernel.wide(Z)
    targets = len(drawn.mean_y)
    task = Task(
        drawn.rows, Z.shape[1], m, targets, 8 if wide else 4, not (rows.whole is not None or rows.fits())
    )
    plan = choose_solver(task, blocks, solver)
    _reserve(blocks, plan["bytes"][plan["solver"]], m)
    at = kernel.at(Z, wide)
    every = _Rows(rows, drawn, centred)
    share = drawn.weight / every.weight * (drawn.rows / m)
    penalty = alpha / every.weight
    Z64 = np.ascontiguousarray(Z, dtype=np.float64)
    made = Preconditioner(
        kernel.at(Z64, True).block(Z64),
        share,
        penalty,
        float(np.finfo(np.float64 if wide else np.float32).eps),
        drawn.rows,
    )
    direct = plan["solver"] == "normal"
    asked: _Sums | _Walks = (_Sums if direct else _Walks)(every, at, targets)
    with until(ends):
        found = solve_falkon(
            asked,
            asked.rhs,
            made,
            tol=min(tol, FINE) if direct else tol,
            max_iter=max(max_iter, MANY) if direct else max_iter,
        )
        # K'K has half the digits that K has, which may be too few where the preconditioner magnifies.
        if direct and found.reason != "time" and (found.broken or max(found.history[-1:], default=0.0) > tol):
            plan |= {"solver": "falkon", "why": "the normal equations have lost the digits that tol asks for"}
            direct, asked = False, _Walks(every, at, targets)
            found = solve_falkon(asked, asked.rhs, made, tol=tol, max_iter=max_iter)
    if direct and found.reason == "max_iter":
        found.reason = "converged"  # to tol; more is done as it costs nothing, and not promised
    coef = found.coef * every.scale[:, None]
    intercept = every.mean + (asked.at_mean - found.coef @ asked.mean) * every.scale
    if not np.isfinite(coef).all():
        raise ValueError("coefficients are not finite: scale X, y or the weights down, or raise alpha")
    plan |= {"passes": rows.passes, "precision": "float64" if wide else "float32"}
    return Model(
        Z, drawn.keys, coef, intercept, kernel.gamma_of(Z.shape[1]), drawn.flat, found.iterations, found.history,
        found.reason, float(made.jitter), plan,
    )  # fmt: skip


def _reserve(blocks: Blocks, nbytes: int, m: int, claim: bool = True) -> None:
    """Claim memory, or only see that it is there."""
    before = blocks.reserved
    blocks.reserve(nbytes, f"NystroemRidge with {m} landmarks")
    if not claim:
        blocks.reserved = before
