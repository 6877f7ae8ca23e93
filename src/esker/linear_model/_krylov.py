"""Ridge without X'X: conjugate gradients scaled by the diagonal, several targets and alphas in one walk, ended by a certificate.

With g = X'(y - X w) - alpha w, half the objective's negative slope, ``|g(z)|^2 / alpha`` bounds the gap of any z: it is the duality
gap of the dual point y - X z (the Hessian's eigenvalues are at least 2 alpha). The gap of w itself is therefore at most
``f(w) - f(z) + |g(z)|^2 / alpha``, and the z that makes this least among w plus the directions walked last costs no walk:
what X'X does to them is known. All of it is exact but for rounding, which is estimated; where that could matter, the true
residual is formed before anything is claimed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from esker._native import core
from esker.blocks.memory import physical_memory, show_size
from esker.linear_model._input import check_squares
from esker.linear_model._krylov_back import EPS, Back
from esker.linear_model._krylov_rows import Rows, Sums
from esker.linear_model._solve import Solution

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from esker.blocks import Blocks

    Floats = NDArray[np.float64]

__all__ = ["Krylov", "krylov_bytes", "solve_krylov"]

#: Directions that the certificate looks back on, where memory allows.
BACK = 8
#: Iterations on a sample of the rows.
FEW = 5
#: Iterations where nobody says otherwise.
MAX_ITER = 1000


@dataclass
class Krylov:
    """What `solve_krylov` found.

    Attributes
    ----------
    solution : Solution
    sums : Sums
        Means and sums of the columns.
    iterations, passes : int
        Of the lane that took most; walks over the rows.
    gaps : ndarray of shape (lanes,)
        The certified bound on ``(f - f*) / f*`` of each lane, once its coefficients are rounded to X's dtype.
    history : list of float
        The largest bound of those lanes that were not done, after each iteration.
    """

    solution: Solution
    sums: Sums
    iterations: int
    passes: int
    gaps: Floats
    history: list[float]


def krylov_bytes(d: int, lanes: int, sparse: bool, back: int = BACK) -> int:
    """Bytes of all vectors of `lanes` problems of d columns."""
    return 8 * (d * (4 + lanes * (9 + back)) + int(core.NormalProduct.numbers(d, lanes, sparse)))


def solve_krylov(
    blocks: Blocks,
    alphas: float | NDArray[np.float64],
    *,
    targets: NDArray[np.int64] | None = None,
    fit_intercept: bool = True,
    tol: float = 1e-4,
    max_iter: int | None = None,
    scaled: bool = True,
    if_not_finite: Callable[[], None] = lambda: None,
) -> Krylov:
    """Minimise ``||y - X w - b||^2 + alpha ||w||^2`` for each lane, an alpha and a target, all in the same walks.

    Parameters
    ----------
    blocks : Blocks
        Walked once for the columns' sums and once an iteration; rows that fit into memory are read once.
    alphas : float or ndarray of shape (lanes,)
        Positive: without a penalty no certificate bounds the gap.
    targets : ndarray of shape (lanes,), optional
        The column of y of each lane; by default lane k has column k.
    fit_intercept : bool
        False minimises about the origin.
    tol : float
        Ends a lane whose certified relative gap ``(f - f*) / f*`` is at most this.
    max_iter : int, optional
        Iterations, 1000 by default; a lane that is not done by then warns.
    scaled : bool
        False leaves out the scaling by the diagonal, to show what it is worth.
    if_not_finite : callable
        Called where sums of squares are not finite, before that is an error: it may know a better one.

    Returns
    -------
    Krylov

    Notes
    -----
    A walk costs a few nanoseconds a stored number and lane. Memory: some twenty vectors of d numbers a lane.
    """
    rows = Rows(blocks)
    back = BACK
    if blocks.n_columns is not None:
        back = _reserve(blocks, blocks.n_columns, np.size(alphas) if targets is None else len(targets))
    try:
        start = None
        if scaled and np.size(alphas) == 1 and blocks.n_targets == 1:
            start = sampled_start(rows, float(np.ravel(alphas)[0]), fit_intercept)
        sums = rows.sums(fit_intercept, start)
        if start is not None and not sums.left[0] <= sums.yy[0]:  # rows elsewhere are of another kind
            sums = rows.sums(fit_intercept)
    except InterruptedError:
        raise KeyboardInterrupt("there is no model yet") from None
    if not (np.isfinite(sums.spread).all() and np.isfinite(sums.yy).all()):
        if_not_finite()
    _refuse_range(sums)
    lane = np.arange(len(sums.yy), dtype=np.int64) if targets is None else np.asarray(targets, np.int64)
    alpha = np.array(np.broadcast_to(np.asarray(alphas, np.float64), lane.shape))
    if blocks.n_columns is None:
        back = _reserve(blocks, len(sums.mean), len(lane))
    run = _Run(rows, sums, lane, alpha, tol, back, scaled)
    iterations = run.go(MAX_ITER if max_iter is None else max_iter)
    gaps = run.relative(blocks.dtype)
    if not (gaps <= tol).all() and not run.stopped:
        warnings.warn(
            f"{int((gaps > tol).sum())} of {len(gaps)} problems are not certified to tol={tol:g} after {iterations} iterations: "
            f"their relative gaps are at most {gaps.max():.2g}"
            + ("; that is as far as rounding lets the certificate go: a larger alpha or tol is reached"
               if run.stalled else "; raise max_iter or tol"),
            ConvergenceWarning,
            stacklevel=2,
        )  # fmt: skip
    if run.stopped and not iterations:
        raise KeyboardInterrupt("there is no model yet")
    found = Solution(run.w, sums.mean_y[lane], "sparse_cg", np.nan, rows.passes - 1, float(gaps.max()))
    return Krylov(found, sums, iterations, rows.passes, gaps, run.history)


def sampled_start(rows: Rows, alpha: float, fit_intercept: bool) -> Floats | None:
    """Coefficients (d,) that a few iterations on a share of the rows found; they save one or two walks and cost half of one."""
    sample = rows.sample()
    if sample is None:
        return None
    sums = sample.sums(fit_intercept)
    if not (np.isfinite(sums.spread).all() and np.isfinite(sums.yy).all()):
        return None
    run = _Run(sample, sums, np.zeros(1, np.int64), np.array([alpha]), 1e-2, 0, True)
    run.go(FEW)
    if run.stopped:
        raise InterruptedError
    return run.w[0] if np.isfinite(run.w).all() else None


def _refuse_range(sums: Sums) -> None:
    bad = ~np.isfinite(sums.spread)
    if bad.any():
        raise ValueError(
            f"the sum of squares of column {int(np.argmax(bad))} is not finite: its values are too large for their "
            "products; scale it down"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        check_squares(sums.yy + sums.weight * sums.mean_y**2)


def _reserve(blocks: Blocks, d: int, lanes: int) -> int:
    """Claim memory for the vectors; how many directions the certificate may keep."""
    sparse, most = blocks.is_sparse is not False, 0.9 * physical_memory()
    least = krylov_bytes(d, lanes, sparse, 0)
    if least > most:
        raise ValueError(
            f"conjugate gradients on {d} columns takes {show_size(least)}, and this machine has {show_size(physical_memory())}; "
            "SGDRegressor needs less, and selecting or hashing columns narrows X"
        )
    for back in range(BACK, -1, -2):
        need = krylov_bytes(d, lanes, sparse, back)
        try:
            if need <= most:
                blocks.reserve(need, f"conjugate gradients on {d} columns")
                return back
        except ValueError:
            if back == 0:
                raise
    return 0


class _Run:
    """Lanes that go on together until each is certified."""

    def __init__(
        self,
        rows: Rows,
        sums: Sums,
        targets: NDArray[np.int64],
        alpha: Floats,
        tol: float,
        back: int,
        scaled: bool,
    ) -> None:
        self.rows, self.sums, self.targets, self.alpha, self.tol = rows, sums, targets, alpha, tol
        lanes, d = len(targets), len(sums.mean)
        self.scaled, self.back = scaled, [Back(float(a), back, d) for a in alpha]
        self.w = np.zeros((lanes, d)) if sums.start is None else np.tile(sums.start, (lanes, 1))
        self.value = sums.left[targets] + alpha * _dots(self.w, self.w)
        self.g = sums.xy[targets] - alpha[:, None] * self.w
        size = sums.yy[targets] + sums.weight * sums.mean_y[targets] ** 2
        if sums.start is not None:
            size = size + sums.left_raw[targets]
        #: What rounding may have made of g, in the Euclidean norm.
        self.drift = 8 * EPS * np.sqrt(sums.raw * size)
        self.bound = np.full(lanes, np.inf)
        self.live = np.arange(lanes)
        self.stalled = self.stopped = False
        self.history: list[float] = []
        self.best = np.full(lanes, np.inf)

    def relative(self, dtype: Any = np.float64) -> Floats:
        """The certified ``(f - f*) / f*`` of each lane, for coefficients rounded to a dtype."""
        low, gap = self.value - self.bound, self.bound
        if np.dtype(dtype) == np.float32:
            e = self.w - self.w.astype(np.float32)
            # (x'e)^2 is at most the row's length times the sum of x^2 e^2 (Cauchy & Schwarz).
            squares = self.sums.spread + self.sums.weight * self.sums.mean**2
            more = self.sums.longest * ((e * e) @ squares) + self.alpha * _dots(e, e)
            gap = gap + more + 2 * np.sqrt(_dots(e, e) * _dots(self.g, self.g))
        # The intercept is what is left of the means and the coefficients' part of them, each rounded.
        sums = self.sums
        terms = np.abs(sums.mean_y[self.targets]) + np.abs(self.w) @ np.abs(sums.mean)
        level = sums.weight * (EPS * (4 + np.sqrt(sums.rows / 256)) * terms) ** 2
        gap, low = np.where(gap == 0, 0.0, gap + level), low - level
        # A target that is constant to its last bit, and so is what is predicted (see `relative_gap`).
        bits = sums.weight * (EPS * sums.mean_y[self.targets]) ** 2
        gap = np.where((sums.yy[self.targets] <= bits) & ((self.w**2) @ sums.spread <= bits), 0.0, gap)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(gap == 0, 0.0, np.where(low > 0, gap / low, np.inf))

    def go(self, max_iter: int) -> int:
        """Iterate; how many times."""
        iterations = 0
        try:
            if not self.rows.sparse:  # sums of products about zero lose digits where means are large
                self._true()
            self._certify()
            self._start()
            while len(self.live) and iterations < max_iter:
                iterations += 1
                self._iterate()
                self._certify()
                self.history.append(float(self.relative()[self.live].max(initial=0.0)))
                self._settle()
        except InterruptedError:
            self.stopped = True
        return iterations

    def _scale(self, g: Floats) -> Floats:
        """The preconditioner: division by the diagonal of X'X + alpha I."""
        if not self.scaled:
            return g.copy()
        return np.asarray(g / (self.sums.spread + self.alpha[self.live][:, None]))

    def _start(self) -> None:
        g = self.g[self.live]
        self.p = self._scale(g)
        self.slope = _dots(g, self.p)

    def _iterate(self) -> None:
        live, alpha = self.live, self.alpha[self.live]
        before = _dots(self.p, self.g[live])
        q, curve = self.rows.products(self.p, self.sums)
        q += alpha[:, None] * self.p
        curve = curve + alpha * _dots(self.p, self.p)
        step = np.where(curve > 0, self.slope / np.where(curve > 0, curve, 1), 0.0)
        self.w[live] += step[:, None] * self.p
        self.g[live] -= step[:, None] * q
        self.value[live] -= step * self.slope
        # q carries the rounding of its own sums, and of means that were taken off.
        off = np.abs(self.p @ self.sums.mean) * np.sqrt(self.sums.weight * self.sums.raw)
        doubt = 4 * EPS * (np.sqrt(_dots(q, q)) + off)
        self.drift[live] += np.abs(step) * doubt
        for i, k in enumerate(live):
            self.back[k].add(self.p[i], q[i], float(step[i]), float(before[i]), float(doubt[i]))
        g = self.g[live]
        z = self._scale(g)
        slope = _dots(g, z)
        self.p = z + (slope / np.where(self.slope > 0, self.slope, 1))[:, None] * self.p
        self.slope = slope

    def _certify(self) -> None:
        for k in self.live:
            size = np.linalg.norm(self.g[k])
            if size == 0:
                self.bound[k] = 0.0
                continue
            self.bound[k] = self.back[k].bound(self.g[k], float(self.drift[k]))

    def _settle(self) -> None:
        """Take out the lanes that are done; where rounding is what keeps one from it, form its true residual first."""
        gap = self.relative()
        done = gap[self.live] <= self.tol
        size = np.sqrt(_dots(self.g[self.live], self.g[self.live]))
        spoilt = ~done & (self.drift[self.live] > 0.5 * size)
        if spoilt.any():
            self._replace(self.live[spoilt])
            gap = self.relative()
            done = gap[self.live] <= self.tol
        keep = ~done
        for k in self.live[done]:
            self.back[k].clear()
        if not keep.all():
            self.live, self.p, self.slope = self.live[keep], self.p[keep], self.slope[keep]

    def _replace(self, lanes: NDArray[np.int64]) -> None:
        """True residuals for all lanes, and a fresh start; a lane whose bound no longer halves that way is given up."""
        before = np.minimum(self.best, self.bound)
        self._true()
        self._certify()
        hopeless = np.isin(self.live, lanes) & (self.bound[self.live] > 0.5 * before[self.live])
        hopeless &= np.isfinite(self.best[self.live])
        self.best = np.minimum(before, self.bound)
        if hopeless.any():
            self.stalled = True
            self.live = self.live[~hopeless]
        self._start()

    def _true(self) -> None:
        live = self.live
        g, value = self.rows.residuals(self.w[live], self.sums, self.targets[live])
        penalty = self.alpha[live]
        self.g[live] = g - penalty[:, None] * self.w[live]
        self.value[live] = value + penalty * _dots(self.w[live], self.w[live])
        self.drift[live] = 4 * EPS * np.sqrt(self.sums.raw * value)
        for k in live:
            self.back[k].clear()


def _dots(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", a, b))
