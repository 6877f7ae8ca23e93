"""Ridge as an estimator: what it takes, refuses, keeps, and resumes. Its digits are in test_ridge_accuracy."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from scipy import sparse
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.linear_model import Ridge as TheirRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from esker import open_blocks
from esker.folds import Gram
from esker.linear_model import Ridge
from esker.linear_model._gram_walk import Checkpoint


def data(n: int = 300, d: int = 8, targets: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    shape = (d,) if targets is None else (d, targets)
    return X, X @ rng.standard_normal(shape) + rng.standard_normal(
        (n,) if targets is None else (n, targets)
    ) + 2


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", [(300, 8), (20, 50)])
@pytest.mark.parametrize("targets", [None, 1, 3])
def test_agrees_with_scikit_learn(shape: tuple[int, int], targets: int | None, intercept: bool) -> None:
    X, y = data(*shape, targets)
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    alpha: Any = 0.7 if targets != 3 else np.array([0.1, 1.0, 10.0])
    ours = Ridge(alpha, fit_intercept=intercept).fit(X, y, sample_weight=weight)
    theirs = TheirRidge(alpha, fit_intercept=intercept).fit(X, y, sample_weight=weight)
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8, atol=1e-10)
    assert ours.predict(X).shape == theirs.predict(X).shape
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8, atol=1e-9)
    assert ours.solver_ == ("cholesky" if shape[0] > shape[1] else "dual")


def test_rank_deficient_without_a_penalty_is_the_minimum_norm_and_says_so() -> None:
    X, y = data()
    X = np.hstack([X, X[:, :2]])
    with pytest.warns(LinAlgWarning, match="rank 8 of 10"):
        model = Ridge(0.0).fit(X, y)
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-9, atol=1e-11)
    assert model.solver_ == "pivoted"
    assert model.rcond_ == 0


def test_constant_columns_and_targets() -> None:
    X, y = data()
    X[:, 3] = 0.1
    model = Ridge(0.0).fit(X, y)
    assert model.coef_[3] == 0
    flat = Ridge().fit(X, np.full(len(X), 3.5))
    assert np.abs(flat.coef_).max() < 1e-14
    assert flat.intercept_ == 3.5
    one = Ridge().fit(X[:1], y[:1])
    np.testing.assert_allclose(one.predict(X[:1]), y[:1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1.0}, "alpha must be"),
        ({"alpha": [1.0, 2.0]}, "one number a target"),
        ({"alpha": np.nan}, "alpha must be"),
        ({"solver": "lsqr"}, "solver must be one of 'auto', 'cholesky', 'svd',"),
        ({"positive": True, "solver": "cholesky"}, "positive=True has a solver of its own"),
        ({"positive": True, "tol": 1e-6}, "no effect with positive=True"),
        ({"refine": "always"}, "refine must be"),
        ({"refine": 0.5}, "refine must be"),
        ({"solver": "cholesky", "max_iter": 100}, "max_iter"),
        ({"solver": "svd", "tol": 1e-6}, "tol"),
        ({"tol": 0.0}, "tol"),
        ({"max_iter": 0}, "max_iter"),
        ({"solver": "sparse_cg", "alpha": 0.0}, "alpha > 0"),
        ({"solver": "sparse_cg", "keep_state": True}, "keep_state"),
        ({"solver": "sparse_cg", "refine": 2}, "refine"),
        ({"fit_intercept": 1}, "fit_intercept"),
        ({"n_threads": 0}, "n_threads"),
    ],
)
def test_refuses_what_has_no_effect_or_sense(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ridge(**parameters).fit(*data())


def test_refuses_weights_that_are_all_zero_and_what_does_not_fit() -> None:
    X, y = data()
    with pytest.raises(ValueError, match="zero"):
        Ridge().fit(X, y, sample_weight=np.zeros(len(X)))
    wide = sparse.csr_array((np.ones(3), (np.arange(3), [0, 7, 299_999])), shape=(3, 300_000))
    with pytest.raises(ValueError, match=r"X'X of 300000 columns takes 720 GB.*SGDRegressor"):
        Ridge(keep_state=True).fit(wide, [1.0, 2.0, 3.0])
    with pytest.raises(
        ValueError, match=r"X'X of 1000 columns, with what summing holds, takes 1. MB.*SGDRegressor"
    ):
        Ridge(solver="cholesky", max_memory="4MB").fit(np.ones((2000, 1000), np.float32), np.ones(2000))


def test_partial_fit_sums_what_fit_sums() -> None:
    X, y = data(1000)
    whole, parts = Ridge().fit(X, y), Ridge()
    for i in range(0, 1000, 130):
        parts.partial_fit(X[i : i + 130], y[i : i + 130])
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-11)
    assert parts.state_.rows == 1000
    with pytest.raises(ValueError, match="features"):
        parts.partial_fit(X[:, :3], y)
    wide = Ridge().fit(*data(20, 50))
    with pytest.raises(ValueError, match="keep_state=True"):
        wide.partial_fit(*data(20, 50))


class Stop(Exception):
    pass


def test_an_interrupted_fit_resumes_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(40_000, 6)
    path, file = tmp_path / "fit.ckpt", tmp_path / "x.npy"
    np.save(file, np.column_stack([X, y]))
    monkeypatch.setattr(Checkpoint, "every", 0.0)

    def blocks() -> Any:
        return open_blocks(file, target=6, block_size=4096 * 7 * 8)

    plain = Ridge().fit(blocks())
    seen: list[int] = []
    update = Gram.update

    def dies(self: Gram, block: Any) -> None:
        if sum(seen) >= 20_000:
            raise Stop
        seen.append(len(block))
        update(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(Gram, "update", dies)
        with pytest.raises(Stop):
            Ridge(checkpoint=path).fit(blocks())
    assert path.exists()
    with pytest.raises(ValueError, match="alpha was"):
        Ridge(2.0, checkpoint=path).fit(blocks())
    after: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Gram, "update", lambda self, block: (after.append(len(block)), update(self, block))[1])
        resumed = Ridge(checkpoint=path).fit(blocks())
    assert 0 < sum(after) < 40_000
    assert resumed.coef_.tobytes() == plain.coef_.tobytes()
    assert resumed.intercept_ == plain.intercept_
    assert not path.exists()


def test_lives_in_scikit_learn() -> None:
    X, y = data()
    pipe = pickle.loads(pickle.dumps(make_pipeline(StandardScaler(), Ridge())))
    search = GridSearchCV(pipe, {"ridge__alpha": [0.1, 10.0]}, n_jobs=2)
    with parallel_config("threading"):
        search.fit(X, y)
    # Worker processes take kernels and scipy's BLAS up anew, with the cores that joblib leaves each.
    fit = delayed(Ridge.fit)
    one, two = Parallel(n_jobs=2, inner_max_num_threads=1)(fit(Ridge(alpha), X, y) for alpha in (0.1, 10.0))
    assert one.coef_.tobytes() == Ridge(0.1).fit(X, y).coef_.tobytes() != two.coef_.tobytes()
    assert search.best_params_["ridge__alpha"] in (0.1, 10.0)
    model = Ridge(0.5, keep_state=True).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    again.partial_fit(X, y)
    assert again.state_.rows == 2 * len(X)
    assert not hasattr(clone(model), "coef_")
    np.testing.assert_allclose(model.to_sklearn().predict(X), model.predict(X), rtol=1e-12)


def test_says_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from esker.linear_model import _gram_walk

    ticks = iter(range(0, 1000, 3))
    monkeypatch.setattr(_gram_walk, "perf_counter", lambda: float(next(ticks)))
    Ridge(verbose=1).fit(*data())
    assert "rows summed" in capsys.readouterr().out


def test_passes_that_correct_nothing():
    """The second pass divided by what the first had corrected, which may be nothing."""
    X = np.array([[0.0], [1.0], [3.0], [4.0]])
    for y in (np.ones(4), X[:, 0]):
        model = Ridge(1.0, solver="cholesky", refine=3).fit(X, y)
        np.testing.assert_allclose(model.coef_, np.polyfit(X[:, 0], y, 1)[0] * 10 / 11, atol=1e-15)


def test_later_rows_have_as_many_targets():
    X, y = np.eye(4), np.arange(4.0)
    model = Ridge().partial_fit(X, y)
    for more in (model.partial_fit, model.forget):
        with pytest.raises(ValueError, match="y must have 1 targets, as in earlier rows, got 2"):
            more(X, np.c_[y, y])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_coefficients_beyond_float32(storage):
    """Those of subnormal columns were infinite, and predictions NaN."""
    Z = np.random.default_rng(0).standard_normal((700, 3))
    X = (Z * 1e-40).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"are beyond float32, which they share with X: scale its columns up"
    ):
        Ridge(alpha=0, solver="cholesky").fit(storage(X), Z[:, 0])
    model = Ridge(alpha=0, solver="cholesky").fit(storage(X.astype(np.float64)), Z[:, 0])
    assert model.score(X.astype(np.float64), Z[:, 0]) > 0.999
