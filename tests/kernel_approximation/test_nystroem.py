"""Nystroem: scikit-learn's features of the same landmarks, which are a function of row keys; the same on Blocks."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.kernel_approximation as theirs
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.kernel_approximation import Nystroem
from esker.linear_model import Ridge


@parametrize_with_checks([Nystroem(n_components=9)])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 300, d: int = 7, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).exponential(size=(n, d)).astype(dtype)


def blocks_of(X: Any, **options: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]) % 2, block_size="20kB", **options)


def whole(blocks: Any) -> Any:
    X = [block.X for block in blocks]
    assert len(X) > 1
    return np.concatenate(X)


KERNELS = [
    {"kernel": "rbf", "gamma": 0.1},
    {"kernel": "rbf"},
    {"kernel": "laplacian", "gamma": 0.1},
    {"kernel": "linear"},
    {"kernel": "poly", "degree": 2, "coef0": 0.5},
    {"kernel": "polynomial", "degree": 2.5, "gamma": 0.1},
    {"kernel": "sigmoid", "gamma": 0.01},
    {"kernel": "cosine"},
    {"kernel": "chi2", "gamma": 0.1},
    {"kernel": "rbf", "kernel_params": {"gamma": 0.2}},
    {"kernel": lambda x, z, power: float(x @ z) ** power, "kernel_params": {"power": 2}},
]


@pytest.mark.parametrize("options", KERNELS, ids=lambda options: str(options["kernel"])[:10])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_kernel_between_landmarks(options: Any, kind: Any) -> None:
    """What is asked of the features whatever the normalisation's numbers: k(X, Z) K^-1 k(Z, X) by the pseudo-inverse."""
    if kind is not np.asarray and (options["kernel"] in ("chi2",) or callable(options["kernel"])):
        pytest.skip("dense rows only")
    X = rows(60)
    step = Nystroem(n_components=20, random_state=0, **options).fit(kind(X))
    Z = X[step.component_indices_]
    mine = step.components_.toarray() if sparse.issparse(step.components_) else step.components_
    np.testing.assert_array_equal(mine, Z)
    twin = theirs.Nystroem(n_components=20, **options).fit(Z)
    params = twin._get_kernel_params()
    K = pairwise_kernels(X, Z, metric=options["kernel"], filter_params=True, **params)
    assert Z.shape == (20, 7)
    inner = pairwise_kernels(Z, metric=options["kernel"], filter_params=True, **params)
    # Below its rank a kernel's inverse is rounding; features there are at most 1e-12^-1/2 of it.
    u, s, v = np.linalg.svd(inner)
    exact = K @ (u / np.sqrt(np.maximum(s, 1e-12)) @ v).T
    got = step.transform(kind(X))
    np.testing.assert_allclose(got, exact, atol=1e-6 * np.abs(exact).max())


def test_all_landmarks_give_the_kernel() -> None:
    X = rows(80)
    for dtype, error in ((np.float64, 1e-8), (np.float32, 1e-3)):
        with pytest.warns(UserWarning, match="n_components > n_samples"):
            Z = Nystroem(gamma=0.3, n_components=200, random_state=0).fit_transform(X.astype(dtype))
        assert Z.dtype == dtype
        np.testing.assert_allclose(Z @ Z.T, rbf_kernel(X, gamma=0.3), atol=error)


def test_error_falls_with_landmarks() -> None:
    X = rows(400)
    K, errors = rbf_kernel(X, gamma=0.1), []
    for size in (5, 20, 80, 320):
        found = []
        for seed in range(5):
            Z = Nystroem(gamma=0.1, n_components=size, random_state=seed).fit_transform(X)
            found.append(np.linalg.norm(K - Z @ Z.T))
        errors.append(np.mean(found))
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 8 * errors[3]


def test_landmarks_are_uniform_and_nested() -> None:
    X, counts = np.arange(40.0).reshape(40, 1), np.zeros(40)
    for seed in range(400):
        counts[Nystroem(n_components=10, random_state=seed).fit(X).component_indices_] += 1
    assert (np.abs(counts - 100) < 5 * np.sqrt(400 * 0.25 * 0.75)).all()
    small, large = (set(Nystroem(n_components=m, random_state=1).fit(X).component_indices_) for m in (5, 15))
    assert small < large


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("csr", [False, True])
def test_blocks_give_what_arrays_give(dtype: Any, csr: bool) -> None:
    X = rows(3000, 5, dtype)
    given = sparse.csr_array(X) if csr else X
    step = Nystroem(gamma=0.2, n_components=19, random_state=0)
    direct = step.fit_transform(given)
    made = step.fit(blocks_of(given)).transform(blocks_of(given))
    assert made.n_columns == 19
    assert made.dtype == dtype
    np.testing.assert_array_equal(whole(made), direct)


def test_same_bits_of_any_threads() -> None:
    X, found = rows(1000, 20), []
    step = Nystroem(n_components=70, random_state=5).fit(X)
    for count in (1, 2, 4):
        with threads(count):
            found.append(step.transform(X))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(
        Nystroem(n_components=70, random_state=5, n_jobs=1).fit(X).transform(X), found[0]
    )


def test_precomputed() -> None:
    K = rbf_kernel(rows(30))
    Z = Nystroem(kernel="precomputed", n_components=30, random_state=0).fit_transform(K)
    np.testing.assert_allclose(Z @ Z.T, K, atol=1e-8)
    with pytest.raises(ValueError, match="precomputed"):
        Nystroem(kernel="precomputed").fit(blocks_of(K))


def test_bad_input() -> None:
    X = rows()
    with pytest.raises(ValueError, match="n_components"):
        Nystroem(n_components=0).fit(X)
    with pytest.raises(ValueError, match="gamma"):
        Nystroem(gamma=-1.0).fit(X)
    with pytest.raises(ValueError, match="callable"):
        Nystroem(kernel=lambda x, z: 1.0, gamma=1.0).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        Nystroem().fit(np.where(X > 1, np.nan, X))
    assert Nystroem(n_components=1).fit_transform(X[:1, :1]).shape == (1, 1)
    assert np.isfinite(Nystroem(n_components=5).fit_transform(np.zeros((9, 2)))).all()


def test_pipeline_streams(tmp_path: Any) -> None:
    X = rows(3000, 5, np.float32)
    y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 4
    blocks = esker.open_blocks(X, target=y, block_size="20kB")
    model = make_pipeline(Nystroem(gamma=0.1, n_components=200, random_state=0), Ridge(alpha=1e-3)).fit(
        blocks
    )
    assert model.score(X, y) > 0.9 > Ridge().fit(X, y).score(X, y) + 0.1
    esker.save(model, tmp_path / "model.esker")
    np.testing.assert_array_equal(esker.load(tmp_path / "model.esker").predict(X), model.predict(X))
    step = model[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(step)).transform(X), step.transform(X))
    assert list(step.get_feature_names_out()[:2]) == ["nystroem0", "nystroem1"]
    frame = Nystroem(n_components=4).set_output(transform="pandas").fit_transform(X)
    assert frame.shape == (3000, 4)
