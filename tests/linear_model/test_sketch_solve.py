"""Least squares by a sketch against long double: to the accuracy of a QR, however the rows are conditioned."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import esker
from esker.linear_model import LinearRegression, Ridge

Floats = NDArray[np.float64]


def rows(
    cond: float, noise: float, n: int = 600, d: int = 24, seed: int = 0
) -> tuple[Floats, Floats, Floats]:
    """Rows of a given condition number, y with a residual of that norm, and the coefficients."""
    rng = np.random.default_rng(seed)
    U, V = np.linalg.qr(rng.standard_normal((n, d)))[0], np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = np.ascontiguousarray((U * np.logspace(0, -np.log10(cond), d)) @ V.T)
    w, r = rng.standard_normal(d), rng.standard_normal(n)
    w, r = w / np.linalg.norm(w), r - U @ (U.T @ r)
    return X, X @ w + r * (noise / np.linalg.norm(r)), w


def backward_error(X: Floats, y: Floats, w: Floats, scaled: bool = False) -> float:
    """Karlson and Walden's estimate, relative to X's Frobenius norm, by singular values; of columns of norm 1 if `scaled`."""
    r = (y.astype(np.longdouble) - X.astype(np.longdouble) @ w).astype(np.float64)
    g = (X.T.astype(np.longdouble) @ (y.astype(np.longdouble) - X.astype(np.longdouble) @ w)).astype(
        np.float64
    )
    if scaled:
        norm = np.linalg.norm(X, axis=0)
        X, w, g = X / norm, w * norm, g / norm
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    theta = np.linalg.norm(s) / np.linalg.norm(y)
    share = theta / np.sqrt(1 + theta**2 * (w @ w))
    weighed = Vt @ g / np.sqrt(s**2 + (share * np.linalg.norm(r)) ** 2)
    return float(share * np.linalg.norm(weighed) / np.linalg.norm(s))


@pytest.mark.parametrize("noise", [1e-10, 1.0])
@pytest.mark.parametrize("cond", [1e2, 1e6, 1e9, 1e12, 1e14])
def test_it_is_as_stable_as_qr(cond: float, noise: float) -> None:
    X, y, w = rows(cond, noise)
    model = LinearRegression(solver="sketch", fit_intercept=False, random_state=0).fit(X, y)
    by_qr = linalg.lstsq(X, y, cond=1e-18, lapack_driver="gelsy")[0]
    assert model.solver_ == "sketch"
    assert model.rank_ == X.shape[1]
    assert backward_error(X, y, model.coef_) <= 10 * max(backward_error(X, y, by_qr), 1e-17)
    assert np.linalg.norm(model.coef_ - w) <= 10 * max(
        float(np.linalg.norm(by_qr - w)), 1e-16 * (cond + cond**2 * noise) / 10
    )


@pytest.mark.parametrize("cond", [1e2, 1e8, 1e13])
def test_the_backward_error_it_says_is_near_the_true_one(cond: float) -> None:
    X, y, _ = rows(cond, 1e-2, seed=3)
    few = LinearRegression(solver="sketch", fit_intercept=False, random_state=1, max_iter=2, sketch_size=100)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        few.fit(X, y)
    done = LinearRegression(solver="sketch", fit_intercept=False, random_state=1, sketch_size=100).fit(X, y)
    for model, least in ((few, 0.0), (done, 2e-17)):
        true = backward_error(X, y, model.coef_, scaled=True)
        assert true / 3 - least <= model.backward_error_ <= 3 * true + least
    assert few.backward_error_ > done.backward_error_
    assert few.n_iter_ == few.plan_["passes"] < done.n_iter_
    assert few.plan_["iterations"] == 2


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("layout", ["float64", "float32", "csr", "fortran"])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_inputs_weights_targets(layout: str, weighted: bool, intercept: bool, alpha: float) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((400, 12)) * np.logspace(-3, 3, 12)
    X[:, 3] = 0
    if layout == "csr":
        X *= rng.random(X.shape) < 0.3
    else:
        X += 10 * X.std(axis=0)
    X[:7] = 0
    Y = X @ rng.standard_normal((12, 3)) + rng.standard_normal((400, 3))
    weight = rng.random(400) if weighted else None
    if weight is not None:
        weight[10:20] = 0
    kinds: dict[str, Any] = {"float32": np.float32, "csr": sparse.csr_array, "fortran": np.asfortranarray}
    given = X.astype(np.float32) if layout == "float32" else kinds.get(layout, np.asarray)(X)
    model = Ridge(alpha, fit_intercept=intercept, solver="sketch", random_state=0).fit(given, Y, weight)

    root = np.sqrt(np.ones(400) if weight is None else weight).astype(np.longdouble)
    Z = given.toarray() if sparse.issparse(given) else given
    Z = np.asarray(Z, dtype=np.longdouble)
    mean = (root**2) @ Z / (root**2).sum() if intercept else np.zeros(12)
    mean_y = (root**2) @ Y / (root**2).sum() if intercept else np.zeros(3)
    A, B = np.array(root[:, None] * (Z - mean), float), np.array(root[:, None] * (Y - mean_y), float)
    A = np.vstack([A, np.sqrt(alpha) * np.eye(12)])
    w = linalg.lstsq(A, np.vstack([B, np.zeros((12, 3))]))[0].T
    exact = np.delete(np.arange(12), 3)
    tight = 1e-6 if layout == "float32" else 1e-11
    size = np.linalg.norm(A[:, exact], axis=0)
    off = np.linalg.norm((model.coef_ - w)[:, exact] * size) / np.linalg.norm(w[:, exact] * size)
    assert off < tight
    assert (model.coef_[:, 3] == 0).all()
    assert model.coef_.dtype == given.dtype
    level = np.array(mean_y - model.coef_ @ mean, float)
    np.testing.assert_allclose(model.intercept_, level, rtol=1e-9, atol=1e-9)
    assert 0 <= model.suboptimality_ < (1e-4 if layout == "float32" else 1e-15)
    target = np.vstack([B, np.zeros((12, 3))])
    best, found = (((A @ c.T - target) ** 2).sum(axis=0) for c in (w, model.coef_.astype(np.float64)))
    assert float((found / best - 1).max()) <= model.suboptimality_ + 1e-11


def test_coherent_rows() -> None:
    """Some directions are seen by one row only, which a sample of rows would miss."""
    rng = np.random.default_rng(0)
    X = np.vstack([1e3 * np.eye(20), 1e-3 * rng.standard_normal((2000, 20))])
    X[:20, 10:] *= 1e-7
    y = X @ np.ones(20) + rng.standard_normal(len(X))
    model = LinearRegression(solver="sketch", fit_intercept=False, random_state=0).fit(X, y)
    by_qr = linalg.lstsq(X, y)[0]
    np.testing.assert_allclose(model.coef_, by_qr, rtol=1e-9)


@pytest.mark.parametrize("make", ["twice", "sum", "wide"])
def test_singular_rows_get_the_minimum_norm_and_a_warning(make: str) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 8)) * np.logspace(0, 2, 8)
    if make == "twice":
        X = np.hstack([X, X[:, :2]])
    elif make == "sum":
        X = np.hstack([X, X[:, :1] + X[:, 1:2]])
    else:
        X = rng.standard_normal((12, 30))
    y = X @ rng.standard_normal(X.shape[1]) + 0.1 * rng.standard_normal(len(X))
    with pytest.warns(linalg.LinAlgWarning, match="singular to working precision"):
        model = LinearRegression(solver="sketch", random_state=0).fit(X, y)
    centred = X - X.mean(axis=0)
    w, _, rank, _ = linalg.lstsq(centred, y - y.mean(), cond=1e-10)
    np.testing.assert_allclose(model.coef_, w, rtol=1e-8, atol=1e-10)
    assert model.rank_ == rank
    assert model.rcond_ == 0
    assert model.suboptimality_ == np.inf


def test_beyond_what_doubles_can_hold_it_warns() -> None:
    X, y, _ = rows(1e17, 1e-3)
    with pytest.warns(linalg.LinAlgWarning):
        model = LinearRegression(solver="sketch", fit_intercept=False, random_state=0).fit(X, y)
    assert np.linalg.norm(y - X @ model.coef_) < 1.001e-3


def test_any_source_cut_and_number_of_threads(tmp_path: Any) -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((9000, 16)) + 3
    y = X @ rng.standard_normal(16) + rng.standard_normal(9000)
    model = Ridge(0.1, solver="sketch", random_state=4)
    first = clone(model).set_params(n_threads=1).fit(X, y)
    for threads in (2, 4):
        again = clone(model).set_params(n_threads=threads).fit(X, y)
        np.testing.assert_array_equal(again.coef_, first.coef_)
        assert again.intercept_ == first.intercept_
    np.save(tmp_path / "x.npy", np.column_stack([X, y]))
    blocks = esker.open_blocks(tmp_path / "x.npy", target=16, max_memory="8MB")
    streamed = clone(model).fit(blocks)
    np.testing.assert_allclose(streamed.coef_, first.coef_, rtol=1e-12)
    assert streamed.plan_["sketch_size"] == first.plan_["sketch_size"]
    parts = [(X[i : i + 1000], y[i : i + 1000]) for i in range(0, 9000, 1000)]
    once = clone(model).fit(esker.open_blocks(iter(parts)))
    np.testing.assert_allclose(once.coef_, first.coef_, rtol=1e-9)


def test_bad_input() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 5)), rng.standard_normal(200)
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LinearRegression(solver="sketch").fit(bad, y)
    with pytest.raises(ValueError, match="not finite"):
        LinearRegression(solver="sketch").fit(X * [1, 1, 1e200, 1, 1], y)
    with pytest.raises(ValueError, match="max_memory"):
        Ridge(solver="sketch", max_memory="20KB").fit(X, y)
    with pytest.raises(ValueError, match="sketch_size must be above the number of columns, 5"):
        Ridge(solver="sketch", sketch_size=6).fit(X, y)
    for wrong, match in (
        ({"n_sketches": 2}, "n_sketches"),
        ({"n_sketches": 2, "solver": "sketch"}, "n_sketches"),
        ({"solver": "sketch", "keep_state": True}, "keep_state"),
        ({"solver": "sketch", "refine": 2}, "refine"),
        ({"solver": "sketch", "positive": True}, "positive"),
        ({"solver": "sketch-and-solve", "max_iter": 3}, "max_iter"),
        ({"solver": "sketch", "sketch_size": 1.5}, "sketch_size"),
    ):
        for kind in (LinearRegression, Ridge):
            with pytest.raises(ValueError, match=match):
                kind(**wrong).fit(X, y)
    with pytest.raises(ValueError, match="alpha must be"):
        Ridge("gcv").fit(X, y)
    with pytest.raises(ValueError, match="tol"):
        Ridge(solver="sketch", tol=1e-6).fit(X, y)
    with pytest.raises(ValueError, match="walks the rows themselves"):
        Ridge(solver="sketch").partial_fit(X, y)


def test_degenerate_shapes() -> None:
    model = LinearRegression(solver="sketch", random_state=0).fit(
        np.arange(5.0)[:, None], 2 * np.arange(5.0) + 1
    )
    np.testing.assert_allclose([model.coef_[0], model.intercept_], [2, 1], rtol=1e-12)
    one = LinearRegression(solver="sketch", random_state=0).fit([[3.0]], [4.0])
    assert one.coef_[0] == 0
    assert one.intercept_ == 4
    same = Ridge(solver="sketch", random_state=0).fit(np.full((50, 3), 7.1), np.full(50, 0.3))
    np.testing.assert_allclose(same.coef_, 0, atol=1e-15)
    np.testing.assert_allclose(same.intercept_, 0.3)


# --- sketch-and-solve ---


def excess(X: Floats, y: Floats, model: Any) -> float:
    best = linalg.lstsq(X - X.mean(axis=0), y - y.mean())[0]
    least = float(np.sum((y - y.mean() - (X - X.mean(axis=0)) @ best) ** 2))
    return float(np.sum((y - model.predict(X)) ** 2)) / least - 1


@pytest.mark.parametrize("sketches", [1, 4])
def test_the_risk_of_sketch_and_solve_is_what_it_says(sketches: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 10)) + 2
    y = X @ np.ones(10) + rng.standard_normal(4000)
    true, said = [], []
    for seed in range(40):
        model = LinearRegression(
            solver="sketch-and-solve", n_sketches=sketches, sketch_size=100, random_state=seed
        )
        model.fit(X, y)
        true.append(excess(X, y, model))
        said.append(model.error_estimate_)
    assert model.solver_ == "sketch-and-solve"
    assert model.n_iter_ == 1
    expected = 10 / (100 - 11) / sketches
    assert 0.7 * expected < np.mean(true) < 1.4 * expected
    assert 0.7 * np.mean(true) < np.mean(said) < 1.5 * np.mean(true)


def test_alpha_by_gcv_is_near_the_best_for_new_rows() -> None:
    rng = np.random.default_rng(1)
    d = 60
    w = rng.standard_normal(d) * 0.15
    X, new = rng.standard_normal((3000, d)), rng.standard_normal((3000, d))
    y = X @ w + 3 * rng.standard_normal(3000)
    model = Ridge("gcv", solver="sketch-and-solve", sketch_size=150, n_sketches=2, random_state=0).fit(X, y)

    def risk(alpha: float) -> float:
        fitted = Ridge(alpha, solver="sketch-and-solve", sketch_size=150, n_sketches=2, random_state=0).fit(
            X, y
        )
        return float(np.mean((new @ (fitted.coef_ - w) + fitted.intercept_) ** 2))

    assert model.n_iter_ == 2
    assert model.alpha_ in model.plan_["gcv"]
    risks = [risk(a) for a in model.plan_["gcv"]]
    assert risk(model.alpha_) < 1.2 * min(risks)
    assert risk(model.alpha_) < 0.7 * risk(1e-6)


def test_attributes_of_one_solver_do_not_outlive_it() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 4)), rng.standard_normal(300)
    model = Ridge("gcv", solver="sketch-and-solve", random_state=0).fit(X, y)
    assert hasattr(model, "alpha_")
    assert hasattr(model, "error_estimate_")
    model.set_params(alpha=1.0, solver="sketch").fit(X, y)
    assert not hasattr(model, "alpha_")
    assert hasattr(model, "backward_error_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clone(model).fit(X, y).coef_.tolist() == model.coef_.tolist()


# --- a sketch beside X'X ---


@pytest.mark.parametrize("cond", [1e2, 1e6, 1e10, 1e13])
def test_a_sketch_beside_the_gram_tells_the_condition_and_takes_over(cond: float) -> None:
    X, y, w = rows(cond, 1e-8)
    model = LinearRegression(sketch_size=150, fit_intercept=False, random_state=0).fit(X, y)
    scaled = X / np.linalg.norm(X, axis=0)
    true = np.linalg.cond(scaled)
    assert true / 3 < model.condition_ < 3 * len(w) * true
    assert model.solver_ == ("cholesky" if cond < 1e7 else "sketch")
    by_qr = linalg.lstsq(X, y, cond=1e-18, lapack_driver="gelsy")[0]
    assert backward_error(X, y, model.coef_) <= 10 * max(
        backward_error(X, y, by_qr), 1e-15 if cond < 1e7 else 1e-17
    )
    assert (model.n_iter_ > 5) == (cond > 1e7) == hasattr(model, "backward_error_")


def test_what_a_sketch_beside_the_gram_is_not_for() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 5)), rng.standard_normal(200)
    for wrong in ({"positive": True}, {"checkpoint": "x"}, {"solver": "svd"}, {"solver": "sparse_cg"}):
        with pytest.raises(ValueError, match="sketch_size is of a sketch alone"):
            Ridge(sketch_size=50, **wrong).fit(X, y)
    with pytest.raises(ValueError, match="above the number of columns, 5"):
        Ridge(sketch_size=4).fit(X, y)
    plain, beside = Ridge().fit(X, y), Ridge(sketch_size=40, random_state=0).fit(X, y)
    np.testing.assert_allclose(beside.coef_, plain.coef_, rtol=1e-12)
    beside.partial_fit(X, y)  # goes on with the sums alone
    np.testing.assert_allclose(beside.coef_, Ridge(0.5).fit(X, y).coef_, rtol=1e-10)
    beside.forget(X, y)
    np.testing.assert_allclose(beside.coef_, plain.coef_, rtol=1e-8)


def test_targets_whose_squares_vanish_are_refused() -> None:
    X, y, _ = rows(1e2, 0.1)
    with pytest.raises(ValueError, match="squares of a target's numbers vanish"):
        LinearRegression(solver="sketch", random_state=0).fit(X, y * 1e-160)


def test_max_iter_tells_what_is_unfinished() -> None:
    X, y, _ = rows(1e8, 0.1)
    with pytest.warns(ConvergenceWarning, match="max_iter=3 ended"):
        LinearRegression(solver="sketch", random_state=0, max_iter=3).fit(X, y)


@pytest.mark.parametrize("n", [50, 1])
def test_constants_alone_leave_lapack_in_peace(n: int, capfd: pytest.CaptureFixture[str]) -> None:
    model = LinearRegression(solver="sketch", random_state=0).fit(np.full((n, 4), 3.0), np.arange(n) + 2.0)
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(2 + (n - 1) / 2)
    assert "parameter" not in "".join(capfd.readouterr())
