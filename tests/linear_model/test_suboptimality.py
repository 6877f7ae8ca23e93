"""suboptimality_ is no less than the true gap to the minimum, and not much more where the problem is a good one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import LinAlgWarning
from tests.reference import LONG, oracle

from esker import open_blocks
from esker.linear_model import Ridge


def true_gap(X: Any, y: np.ndarray, model: Any, alpha: float, weight: np.ndarray | None) -> float:
    """(f(model) - f*) / f* in long double, from the rows as they are; the largest of the targets'."""
    X = (X.toarray() if sparse.issparse(X) else X).astype(LONG)
    y = y.reshape(len(X), -1).astype(LONG)
    v = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    best, intercept = oracle(X, y, alpha, weight, fit_intercept=model.fit_intercept)
    residual = y - X @ best.T - (intercept if model.fit_intercept else 0)
    lowest = (v[:, None] * residual**2).sum(axis=0) + LONG(alpha) * (best**2).sum(axis=1)
    # f is quadratic about its minimum: no difference of nearly equal numbers.
    away = np.atleast_2d(model.coef_).astype(LONG) - best
    moved = X @ away.T + (
        np.atleast_1d(model.intercept_).astype(LONG) - intercept if model.fit_intercept else 0
    )
    above = (v[:, None] * moved**2).sum(axis=0) + LONG(alpha) * (away**2).sum(axis=1)
    return float((above / lowest).max())


def rows(
    rng: np.random.Generator, n: int, d: int, condition: float, offset: float, targets: int
) -> tuple[Any, Any]:
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = rng.standard_normal((n, d)) @ (
        Q * np.logspace(0, -np.log10(condition), d)
    ) @ Q.T + offset * rng.random(d)
    y = (
        X @ rng.standard_normal((d, targets))
        + rng.choice([1e-3, 1.0]) * rng.standard_normal((n, targets))
        + 3
    )
    return X, y if targets > 1 else y[:, 0]


def problems(
    seed: int, dtype: Any, how: str, alphas: list[float], last: tuple[int, int]
) -> Iterator[tuple[Any, ...]]:
    """Good and bad ones of many shapes, the last of a shape of its own: X, y, weights, parameters of Ridge and what to print."""
    rng = np.random.default_rng(seed)
    refine: Any = {"never refined": False, "always refined": True}.get(how, "auto")
    for case in range(24):
        n, d = int(rng.choice([15, 60, 400])), int(rng.choice([1, 4, 12]))
        if case == 23:
            n, d = last
        condition = float(rng.choice([1, 1e2, 1e4, 1e6] if dtype == np.float64 else [1, 10, 1e3]))
        offset = float(rng.choice([0, 10, 1e4]))
        X, y = rows(rng, n, d, condition, offset, int(rng.choice([1, 3])))
        alpha = float(rng.choice(alphas))
        weight = 10 ** rng.uniform(-2, 2, n) if case % 3 == 0 else None
        X = X.astype(dtype)
        given: Any = sparse.csr_array(np.where(rng.random(X.shape) < 0.6, X, 0)) if how == "sparse" else X
        name = f"{how} {n}x{d} condition {condition:g} offset {offset:g} alpha {alpha:g}"
        yield given, y, weight, {"alpha": alpha, "fit_intercept": bool(case % 4), "refine": refine}, name


@pytest.mark.filterwarnings("ignore:the least squares problem is")
@pytest.mark.parametrize(
    "how", ["dense", "sparse", "streamed", "partial_fit", "never refined", "always refined"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_is_above_the_true_gap(how: str, dtype: Any) -> None:
    known = 0
    for X, y, weight, parameters, name in problems(11, dtype, how, [0.0, 1e-8, 1e-2, 1.0, 1e3, 1e8], (60, 4)):
        model, n = Ridge(**parameters), X.shape[0]
        if how == "streamed":
            cut = [
                (X[i : i + 64], y[i : i + 64]) + (() if weight is None else (weight[i : i + 64],))
                for i in range(0, n, 64)
            ]
            model.fit(open_blocks(cut))
        elif how == "partial_fit":
            for i in range(0, n, 100):
                model.partial_fit(
                    X[i : i + 100], y[i : i + 100], None if weight is None else weight[i : i + 100]
                )
        else:
            model.fit(X, y, sample_weight=weight)
        true = true_gap(X, y, model, model.alpha, weight)
        print(f"{name} {model.solver_} passes {model.n_iter_}: {model.suboptimality_:.1e} >= {true:.1e}")
        assert true <= model.suboptimality_
        known += model.suboptimality_ < 1e-4
    assert known > 15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_is_near_where_the_problem_is_a_good_one(dtype: Any) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((400, 8)).astype(dtype)
        y = X @ rng.standard_normal(8) + rng.standard_normal(400)
        model = Ridge(0.1).fit(X, y)
        assert model.suboptimality_ <= 1e5 * true_gap(X, y, model, 0.1, None)
        assert model.suboptimality_ <= (1e-9 if dtype == np.float32 else 1e-24)


def test_no_bound_where_none_is_known() -> None:
    X = np.random.default_rng(0).standard_normal((50, 3))
    X = np.hstack([X, X[:, :1]])
    with pytest.warns(LinAlgWarning, match="rank 3 of 4"):
        assert Ridge(0.0).fit(X, X[:, 0] + np.arange(50)).suboptimality_ == np.inf
    assert Ridge(1e-30).fit(X[:, :3], X[:, 0]).suboptimality_ == np.inf  # the minimum is 0 but for rounding
    assert Ridge(0.1).fit(X, np.zeros(50)).suboptimality_ == 0


def test_refine_means_what_it_says() -> None:
    X = np.random.default_rng(0).standard_normal((300, 4))
    y = X.sum(axis=1) + np.sin(np.arange(300))
    assert Ridge().fit(X, y).n_iter_ == 1
    assert Ridge(refine=True).fit(X, y).n_iter_ >= 2
    assert Ridge(refine=3).fit(X, y).n_iter_ <= 4
    assert 4 <= Ridge(refine=100).fit(X, y).n_iter_ < 40  # it ends where nothing is gained
    with pytest.raises(ValueError, match="a number of passes up to 100, got 1000000"):
        Ridge(refine=10**30).fit(X, y)
    ill = np.column_stack([X, X[:, 0] + 1e-7 * X[:, 1] + 1e-7 * np.cos(np.arange(300))])
    assert Ridge(1e-12).fit(ill, y).n_iter_ > 1
    with pytest.warns(LinAlgWarning, match="ill-conditioned"):
        assert Ridge(1e-12, refine=False).fit(ill, y).n_iter_ == 1
    with pytest.raises(ValueError, match="refine=True reads the rows again"):
        Ridge(refine=True).partial_fit(X, y)
    with pytest.raises(ValueError, match="refine=2 reads the rows again"):
        Ridge(refine=2).fit(open_blocks(iter([(X, y)])))


def test_rows_forgotten_cost_digits_that_the_bound_counts() -> None:
    rng = np.random.default_rng(0)
    for dtype, scale in [(np.float32, 100.0), (np.float32, 3.0), (np.float64, 1e4)]:
        near, far = rng.standard_normal((300, 5)).astype(dtype), rng.standard_normal((300, 5)).astype(dtype)
        y, large = (
            near.sum(axis=1) + rng.standard_normal(300),
            scale * (far.sum(axis=1) + rng.standard_normal(300)),
        )
        model = (
            Ridge(0.1, keep_state=True)
            .fit(np.vstack([near, far]), np.concatenate([y, large]))
            .forget(far, large)
        )
        assert true_gap(near, y, model, 0.1, None) <= model.suboptimality_ < 1e-3
    with pytest.raises(ValueError, match="would leave target 0 with"):
        Ridge(keep_state=True).fit(np.vstack([near, far]), np.concatenate([y, 1e2 * large])).forget(
            far, 1e2 * large
        )


@pytest.mark.filterwarnings("ignore:.*not certified")
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certificates_hold_where_few_iterations_end_the_problem(make: Any, dtype: Any) -> None:
    # The last of d iterations leaves a slope of rounding, to which earlier directions are not orthogonal any more.
    rng = np.random.default_rng(7)
    for condition in (1e2, 1e5, 1e8):
        U, V = (np.linalg.qr(rng.standard_normal((n, 8)))[0] for n in (120, 8))
        rows = (U * np.logspace(0, -np.log10(condition), 8)) @ V.T * 10
        y = rows @ rng.standard_normal(8) + 0.01 * rng.standard_normal(120)
        for offset in (0.0, 1e4):
            X = (rows + offset).astype(dtype)
            for alpha in (1e-4, 1.0):
                for tol in (1e-2, 1e-8):
                    model = Ridge(alpha, solver="sparse_cg", tol=tol).fit(make(X), y)
                    assert true_gap(X, y, model, alpha, None) <= model.suboptimality_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_of_the_dual_is_above_the_true_gap(dtype: Any) -> None:
    rng = np.random.default_rng(8)
    for alpha in (1e-6, 1e-2, 1.0):
        for offset in (0.0, 100.0, 1e4):
            for weight in (None, 10.0 ** rng.uniform(-6, 6, 8)):
                X = (rng.standard_normal((8, 20)) * np.logspace(0, -3, 20) + offset).astype(dtype)
                y = rng.standard_normal(8) + offset
                model = Ridge(alpha).fit(X, y, weight)
                assert model.solver_ == "dual"
                assert true_gap(X, y, model, alpha, weight) <= model.suboptimality_
