"""Conjugate gradients against dense solutions in float64: the answers, and the truth of their certificates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from esker._native import core, threads
from esker.blocks import ArrayBlocks, Block
from esker.linear_model import Ridge
from esker.linear_model._krylov import solve_krylov

Floats = NDArray[np.float64]


def rows(n: int, d: int, dtype: Any = np.float64, offset: float = 0.0, seed: int = 0) -> Any:
    """Sparse rows with column scales over three decades, some columns empty or constant."""
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n, d), density=0.2, rng=rng, format="lil")
    X = X.tocsr() @ sparse.diags_array(np.logspace(0, -3, d))
    if offset:
        X = sparse.csr_array(X.toarray() + offset)
    return sparse.csr_array(X.astype(dtype))


class Oracle:
    """The minimum of ``sum w (y - X w - b)^2 + alpha |w|^2`` by a dense solve."""

    def __init__(self, X: Any, y: Floats, alpha: float, weight: Floats | None, intercept: bool) -> None:
        X = X.toarray() if sparse.issparse(X) else X
        self.X, self.y, self.alpha, self.intercept = X.astype(np.float64), y, alpha, intercept
        self.weight = np.ones(len(y)) if weight is None else weight
        mean = self.weight @ self.X / self.weight.sum() if intercept else np.zeros(self.X.shape[1])
        mean_y = self.weight @ y / self.weight.sum() if intercept else 0.0
        Z = self.X - mean
        H = Z.T @ (self.weight[:, None] * Z) + alpha * np.eye(Z.shape[1])
        self.w = np.linalg.solve(H, Z.T @ (self.weight * (y - mean_y)))
        self.best = self.value(self.w, mean_y - mean @ self.w)

    def value(self, w: Floats, b: float) -> float:
        r = self.y - self.X @ w - b
        return float(self.weight @ r**2 + self.alpha * w @ w)

    def gap(self, w: Floats, b: float) -> float:
        return (self.value(w, b) - self.best) / self.best


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("layout", ["csr", "dense"])
@pytest.mark.parametrize("shape", [(300, 40), (40, 120), (1, 5)])
def test_it_reaches_the_optimum_and_says_how_near_it_is(
    shape: tuple[int, int], layout: str, weighted: bool, intercept: bool
) -> None:
    n, d = shape
    X = rows(n, d)
    rng = np.random.default_rng(1)
    y = X @ rng.standard_normal(d) + rng.standard_normal(n) + 5
    weight = rng.uniform(0, 2, n) if weighted else None
    data = X if layout == "csr" else X.toarray()
    for tol in (1e-2, 1e-6, 1e-12):
        found = solve_krylov(ArrayBlocks(data, y, weight), 0.3, fit_intercept=intercept, tol=tol)
        oracle = Oracle(X, y, 0.3, weight, intercept)
        w = found.solution.coef[0]
        b = float(found.solution.at_mean[0] - found.sums.mean @ w) if intercept else 0.0
        if oracle.best < 1e-20:  # one row and an intercept
            assert not w.any()
            continue
        gap = oracle.gap(w, b)
        assert gap <= tol + 1e-14
        assert gap <= found.gaps[0] + 1e-14
        assert found.gaps[0] <= tol


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("wide", [np.int32, np.int64])
def test_targets_and_alphas_are_solved_side_by_side(dtype: Any, wide: Any) -> None:
    X = rows(200, 30, dtype)
    X.indices, X.indptr = X.indices.astype(wide), X.indptr.astype(wide)
    Y = np.random.default_rng(2).standard_normal((200, 3))
    targets = np.array([0, 1, 2, 2, 2, 0, 1, 0, 1, 2, 0])
    alphas = np.logspace(-3, 3, len(targets))
    found = solve_krylov(ArrayBlocks(X, Y), alphas, targets=targets, tol=1e-10)
    for k, (t, alpha) in enumerate(zip(targets, alphas)):
        oracle = Oracle(X, Y[:, t], float(alpha), None, True)
        w = found.solution.coef[k]
        gap = oracle.gap(w, float(found.solution.at_mean[k] - found.sums.mean @ w))
        assert gap <= found.gaps[k] + 1e-14
        assert found.gaps[k] <= 1e-10


def test_every_iterate_is_as_good_as_its_certificate_says() -> None:
    X = rows(400, 60)
    y = X @ np.random.default_rng(3).standard_normal(60) + np.random.default_rng(4).standard_normal(400)
    oracle = Oracle(X, y, 0.01, None, True)
    tight = []
    for most in range(1, 25):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = solve_krylov(ArrayBlocks(X, y), 0.01, tol=1e-13, max_iter=most)
        w = found.solution.coef[0]
        gap = oracle.gap(w, float(found.solution.at_mean[0] - found.sums.mean @ w))
        assert gap <= found.gaps[0] * (1 + 1e-9) + 1e-14
        tight.append(found.gaps[0])
    assert tight[-1] < 1e-3 * tight[0]


def test_what_is_not_certified_warns_and_says_how_far_it_came() -> None:
    X, y = rows(300, 50), np.random.default_rng(5).standard_normal(300)
    with pytest.warns(ConvergenceWarning, match="not certified to tol=1e-08 after 2 iterations"):
        found = solve_krylov(ArrayBlocks(X, y), 0.1, tol=1e-8, max_iter=2)
    assert found.gaps[0] > 1e-8
    assert found.iterations == 2


def test_where_rounding_ends_the_certificate_it_says_so() -> None:
    X, y = rows(300, 50), np.random.default_rng(6).standard_normal(300)
    with pytest.warns(ConvergenceWarning, match="as far as rounding lets the certificate go"):
        found = solve_krylov(ArrayBlocks(X, y), 1e-30, tol=1e-8)
    assert found.gaps[0] > 1e-8


def test_offsets_cost_sparse_rows_few_digits() -> None:
    X = rows(300, 20, offset=100.0)
    y = X @ np.random.default_rng(7).standard_normal(20) + np.random.default_rng(8).standard_normal(300)
    for data in (X, X.toarray()):
        found = solve_krylov(ArrayBlocks(data, y), 1.0, tol=1e-9)
        oracle = Oracle(X, y, 1.0, None, True)
        w = found.solution.coef[0]
        gap = oracle.gap(w, float(found.solution.at_mean[0] - found.sums.mean @ w))
        assert gap <= 1e-9
        assert gap <= found.gaps[0] + 1e-12


def test_a_constant_target_needs_no_iteration() -> None:
    found = solve_krylov(ArrayBlocks(rows(50, 8), np.full(50, 3.0)), 1.0)
    assert found.gaps.tolist() == [0.0]
    assert not found.solution.coef.any()
    assert found.solution.at_mean.tolist() == [3.0]


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("layout", ["csr", "dense"])
def test_the_product_is_that_of_numpy_for_any_number_of_threads(lanes: int, layout: str) -> None:
    X = rows(500, 37)
    data = X if layout == "csr" else X.toarray()
    rng = np.random.default_rng(9)
    weight, Y = rng.uniform(0, 2, 500), rng.standard_normal((500, 2))
    weight[::7] = 0
    mean = weight @ X.toarray() / weight.sum()
    P, target = rng.standard_normal((lanes, 37)), rng.integers(0, 2, lanes)
    base = rng.standard_normal(lanes)
    found = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            product = core.NormalProduct(37, lanes, layout == "csr")
            at = base - P @ mean if layout == "csr" else base
            product.begin(P, np.ascontiguousarray(at), mean)
            for begin in (0, 123, 400):
                block = Block(data[begin : {0: 123, 123: 400, 400: 500}[begin]])
                share = slice(begin, begin + len(block))
                product.update(block.raw_x(), np.ascontiguousarray(Y[share]), weight[share], target)
            found.append(product.finish())
    Z = X.toarray() - mean
    S = base + Y[:, target] + Z @ P.T
    np.testing.assert_allclose(found[0][0], (Z.T @ (weight[:, None] * S)).T, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found[0][1][:, 1], weight @ S**2, rtol=1e-12)
    for out, total in found[1:]:
        assert (out == found[0][0]).all()
        assert (total == found[0][1]).all()


def test_sums_widen_with_the_rows() -> None:
    sums = core.ColumnSums(2, np.zeros(1))
    narrow, wide = rows(30, 2), rows(30, 5, seed=1)
    for X in (narrow, wide):
        sums.update(Block(X).raw_x(), np.ones((30, 1)), None)
    whole = np.vstack([np.hstack([narrow.toarray(), np.zeros((30, 3))]), wide.toarray()])
    np.testing.assert_allclose(sums.finish(), [whole.sum(0), (whole**2).sum(0), whole.sum(0)])
    assert (sums.rows, sums.weight, sums.cols) == (60, 60.0, 5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("weight", [None, 0.0])
@pytest.mark.parametrize("solver", ["sparse_cg", "cholesky", "auto"])
@pytest.mark.parametrize("shape", [(300, 20), (20, 60)])
def test_numbers_that_are_none_are_found_in_sparse_rows(
    bad: float, weight: float | None, solver: str, shape: tuple[int, int]
) -> None:
    X, y = rows(*shape), np.arange(float(shape[0]))
    X.data[X.indptr[7]] = bad
    w = None if weight is None else np.where(np.arange(len(y)) == 7, weight, 1.0)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        Ridge(solver=solver).fit(X, y, sample_weight=w)


def test_values_whose_squares_are_none_are_named() -> None:
    X, y = rows(300, 20), np.arange(300.0)
    X.data[X.indices == 3] = 1e200
    with pytest.raises(ValueError, match="the sum of squares of column 3 is not finite"):
        Ridge(solver="sparse_cg").fit(X, y)


def test_pieces_of_memory_make_the_answer_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = rows(500, 30), np.random.default_rng(11).standard_normal(500)
    for data in (X, X.toarray()):
        whole = solve_krylov(ArrayBlocks(data, y, np.linspace(0, 2, 500)), 0.1, tol=1e-12)
        with monkeypatch.context() as patch:
            patch.setattr("esker.linear_model._krylov_rows.PIECE", 700)
            cut = solve_krylov(ArrayBlocks(data, y, np.linspace(0, 2, 500)), 0.1, tol=1e-12)
        np.testing.assert_allclose(cut.solution.coef, whole.solution.coef, rtol=1e-6, atol=1e-8)
        assert cut.passes == whole.passes


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_of_many_rows_gives_a_start(
    dtype: Any, weighted: bool, intercept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esker.linear_model._krylov_rows.MANY", 1000)
    monkeypatch.setattr("esker.linear_model._krylov_rows.PIECE", 3000)
    n, d = 4001, 20
    X, rng = rows(n, d, dtype, seed=3), np.random.default_rng(4)
    y = X @ rng.standard_normal(d) + rng.standard_normal(n) + 5
    weight = rng.integers(0, 3, n).astype(np.float64) if weighted else None
    oracle = Oracle(X, y, 0.3, weight, intercept)
    for tol in (1e-2, 1e-6, 1e-12):
        blocks = ArrayBlocks(X, y, weight, dtype=np.float64)
        found, again = (solve_krylov(blocks, 0.3, fit_intercept=intercept, tol=tol) for _ in range(2))
        w = found.solution.coef[0]
        assert (again.solution.coef[0] == w).all()
        b = float(found.solution.at_mean[0] - found.sums.mean @ w) if intercept else 0.0
        assert oracle.gap(w, b) <= found.gaps[0] + 1e-14 <= tol + 2e-14
        assert found.sums.start is not None
        assert found.passes == 1 + found.iterations
    sums, weight = found.sums, np.ones(n) if weight is None else weight
    Z = X.toarray().astype(np.float64) - sums.mean
    r = y - sums.mean_y - Z @ sums.start
    np.testing.assert_allclose(sums.xy[0], Z.T @ (weight * r), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sums.left, weight @ r**2, rtol=1e-12)
    np.testing.assert_allclose(sums.spread, weight @ Z**2, rtol=1e-12)
    assert sums.left < (weight @ (y - sums.mean_y) ** 2)  # it is worth something


def test_a_start_that_misleads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    n, d = 3200, 10
    X = rows(n, d, seed=5)
    truth = np.where((np.arange(n) % 400 < 20)[:, None], 30.0, -1.0) * np.linspace(1, 2, d)
    y = (X.toarray() * truth).sum(axis=1) + np.random.default_rng(6).standard_normal(n)
    cold = solve_krylov(ArrayBlocks(X, y), 0.1, tol=1e-10)
    monkeypatch.setattr("esker.linear_model._krylov_rows.MANY", 1000)
    found = solve_krylov(ArrayBlocks(X, y), 0.1, tol=1e-10)
    assert found.sums.start is None
    assert found.passes == cold.passes + 1
    assert (found.solution.coef == cold.solution.coef).all()
    # Rows of weight 0 teach nothing, and are no error.
    weight = (np.arange(n) % 400 >= 20).astype(np.float64)
    assert solve_krylov(ArrayBlocks(X, y, weight), 0.1, tol=1e-10).sums.start is None
