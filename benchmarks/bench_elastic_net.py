"""ElasticNetCV in memory, 100 alphas by 5 folds: errors along the path and gaps, all judged by the same lines in float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.spectrum import PANEL, rows

COLUMNS, RATIO, FOLDS = 300, 0.5, 5
ROWS = {"small": 10_000, "full": 200_000}


@dataclass
class Problem:
    """Rows, and their moments about the origin in float64 for each of consecutive folds, by NumPy alone."""

    X: np.ndarray
    y: np.ndarray

    def __repr__(self) -> str:
        n, d = self.X.shape
        return f"spectrum ({n:,} rows, {d} columns, dense, {self.X.dtype})"

    @cached_property
    def moments(self) -> list[np.ndarray]:
        """[1 y X]'[1 y X] of each fold, about the means of all rows."""
        mean, level = self.X.mean(axis=0), self.y.mean()
        found = []
        for at in np.array_split(np.arange(len(self.y)), FOLDS):
            total = np.zeros((COLUMNS + 2, COLUMNS + 2))
            for i in range(at[0], at[-1] + 1, PANEL):
                end = min(i + PANEL, at[-1] + 1)
                Z = np.column_stack([np.ones(end - i), self.y[i:end] - level, self.X[i:end] - mean])
                total += Z.T @ Z
            found.append(total)
        return found

    def centred(self, folds: list[int]) -> tuple[float, np.ndarray, np.ndarray]:
        """Of these folds' rows: how many, the means of y and X (less those of all rows), and the centred [y X]'[y X] / n."""
        total = sum(self.moments[i] for i in folds)
        n, mean = total[0, 0], total[0, 1:] / total[0, 0]
        return n, mean, total[1:, 1:] / n - np.outer(mean, mean)

    def solutions(self, folds: list[int], alphas: np.ndarray) -> np.ndarray:
        """The optimal coefficients at each alpha, shape (d, k), by scikit-learn on d rows with the same moments."""
        from sklearn.linear_model import enet_path

        _, _, M = self.centred(folds)
        root = linalg.cholesky(M[1:, 1:])
        target = linalg.solve_triangular(root, M[1:, 0], trans="T")
        options = {"l1_ratio": RATIO, "precompute": False, "tol": 1e-13, "max_iter": 10**5}
        scale = np.sqrt(COLUMNS)  # the path's squared error is a mean over the rows given
        return enet_path(scale * root, scale * target, alphas=alphas, **options)[1]

    def errors(self, alphas: np.ndarray) -> np.ndarray:
        """mse_path_, were all solutions optimal."""
        out = np.empty((len(alphas), FOLDS))
        for i in range(FOLDS):
            others = [j for j in range(FOLDS) if j != i]
            W = self.solutions(others, alphas)
            _, trained, _ = self.centred(others)
            _, mean, M = self.centred([i])
            left = (mean[0] - trained[0]) - (mean[1:] - trained[1:]) @ W
            out[:, i] = M[0, 0] - 2 * M[0, 1:] @ W + np.einsum("jk,jk->k", W, M[1:, 1:] @ W) + left**2
        return out

    def gap(self, w: np.ndarray, alpha: float) -> tuple[float, float]:
        """The duality gap at w, relative to the mean of (y - mean)^2 / 2; and the relative objective gap."""
        l1, l2 = alpha * RATIO, alpha * (1 - RATIO)
        _, _, M = self.centred(list(range(FOLDS)))
        root, best = linalg.cholesky(M), self.solutions(list(range(FOLDS)), np.array([alpha]))[:, 0]

        def residual(v: np.ndarray) -> np.ndarray:
            return root @ np.r_[1.0, -v]

        def primal(v: np.ndarray) -> float:
            r = residual(v)
            return float(r @ r) / 2 + l1 * float(np.abs(v).sum()) + l2 / 2 * float(v @ v)

        r = residual(w)
        slope = root[:, 1:].T @ r - l2 * w
        c = min(1.0, l1 / np.abs(slope).max())
        dual = l1 * np.abs(w) - c * w * slope
        gap = float(dual.sum()) + (1 - c) ** 2 / 2 * float(r @ r + l2 * w @ w)
        return gap / (M[0, 0] / 2), (primal(w) - primal(best)) / primal(best)


def quality(data: Problem, model: Any) -> dict[str, float]:
    """Errors along the path against those of optimal solutions, and the gaps of the final fit."""
    reference = data.errors(model.alphas_)
    dual, primal = data.gap(model.coef_.astype(np.float64), float(model.alpha_))
    return {
        "alpha": float(model.alpha_),
        "best alpha": float(model.alphas_[np.argmin(reference.mean(axis=1))]),
        "path error": float(np.abs(model.mse_path_ / reference - 1).max()),
        "mse sum": float(model.mse_path_.sum()),
        "duality gap": dual,
        "objective gap": primal,
    }


def work(data: Problem) -> dict[str, float]:
    """The Grams' upper halves, and one read of X."""
    n, d = data.X.shape
    return {"bytes": data.X.nbytes, "float64 flops": float(n) * d * (d + 1)}


def ours(data: Problem) -> Any:
    from esker.linear_model import ElasticNetCV

    return ElasticNetCV(l1_ratio=RATIO, alphas=100, cv=FOLDS).fit(data.X, data.y)


def theirs(data: Problem) -> Any:
    from sklearn.linear_model import ElasticNetCV

    return ElasticNetCV(l1_ratio=RATIO, alphas=100, cv=FOLDS).fit(data.X, data.y)


CELLS = [
    Cell(
        "elastic_net/spectrum",
        lambda scale: Problem(*rows(ROWS[scale], COLUMNS, np.float64)),
        [
            Contender("esker", ours),
            Contender("scikit-learn", theirs),
            Contender("sklearnex", theirs, patched=True, needs="sklearnex"),
        ],
        quality,
        work,
    )
]

test_elastic_net = suite(CELLS)
