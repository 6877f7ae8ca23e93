"""Random Fourier features: scikit-learn's by its own weights, the kernel by many seeds, the same on Blocks and any threads."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.kernel_approximation as theirs
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.kernel_approximation import OrthogonalRandomFeatures, RBFSampler, SkewedChi2Sampler

MAPS = [RBFSampler, OrthogonalRandomFeatures, SkewedChi2Sampler]


@parametrize_with_checks([Map(n_components=7) for Map in MAPS])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 300, d: int = 13, dtype: Any = np.float64) -> Any:
    return np.abs(np.random.default_rng(0).normal(size=(n, d))).astype(dtype)


def blocks_of(X: Any, **options: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]) % 2, block_size="20kB", **options)


def whole(blocks: Any) -> Any:
    return np.concatenate([block.X for block in blocks])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 2), (97, 13, 33), (200, 300, 1100)])
@pytest.mark.parametrize("name", ["RBFSampler", "SkewedChi2Sampler"])
def test_their_weights_give_their_features(name: str, shape: tuple[int, int, int], dtype: Any) -> None:
    n, d, features = shape
    X = rows(n, d, dtype)
    options = {"gamma": 0.3 / d} if name == "RBFSampler" else {"skewedness": 0.5}
    twin = getattr(theirs, name)(n_components=features, random_state=3, **options).fit(X)
    ours = globals()[name](n_components=features, random_state=3, **options).fit(X)
    ours.random_weights_, ours.random_offset_ = twin.random_weights_, twin.random_offset_
    got = ours.transform(X)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, twin.transform(X), atol=5e-6 if dtype == np.float32 else 1e-13)
    if name == "RBFSampler":
        np.testing.assert_allclose(ours.transform(sparse.csr_array(X)), got, atol=5e-6)


@pytest.mark.parametrize("Map", [RBFSampler, OrthogonalRandomFeatures])
def test_distribution_of_weights(Map: Any) -> None:
    gamma = 0.7
    W = Map(gamma=gamma, n_components=4000, random_state=1).fit(np.zeros((2, 5))).random_weights_
    assert stats.kstest(W.ravel() / np.sqrt(2 * gamma), "norm").pvalue > 1e-3
    lengths = (W**2).sum(axis=0) / (2 * gamma)
    assert stats.kstest(lengths, "chi2", args=(5,)).pvalue > 1e-3
    offset = Map(n_components=4000, random_state=1).fit(np.zeros((2, 5))).random_offset_
    assert stats.kstest(offset / (2 * np.pi), "uniform").pvalue > 1e-3


def values(Map: Any, points: Any, features: int, seeds: int = 200, **options: Any) -> Any:
    """Products of the features of each pair of points, for each seed."""
    found = []
    for seed in range(seeds):
        Z = Map(n_components=features, random_state=seed, **options).fit_transform(points)
        found.append((Z @ Z.T)[np.triu_indices(len(points), 1)])
    return np.array(found)


def test_unbiased_with_the_variance_of_theory() -> None:
    """E = k, and D Var = 1/2 + k(2 (x - z)) / 2 - k^2 + 1/2 for cosines with a random offset (Sutherland & Schneider 2015)."""
    points, gamma, features = np.random.default_rng(0).normal(size=(6, 4)) * 0.6, 0.5, 64
    K = rbf_kernel(points, gamma=gamma)[np.triu_indices(6, 1)]
    far = rbf_kernel(2 * points, gamma=gamma)[np.triu_indices(6, 1)]
    found = values(RBFSampler, points, features, gamma=gamma)
    variance = (1 + far / 2 - K**2) / features
    deviation = (found.mean(axis=0) - K) / np.sqrt(variance / 200)
    assert np.abs(deviation).max() < 4
    assert np.abs(found.var(axis=0) / variance - 1).mean() < 0.2


def test_orthogonal_features_vary_less() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 16)) * 0.25
    K = rbf_kernel(points, gamma=0.5)[np.triu_indices(6, 1)]
    plain = values(RBFSampler, points, 64, gamma=0.5)
    found = values(OrthogonalRandomFeatures, points, 64, gamma=0.5)
    error = found.std(axis=0) / np.sqrt(200)
    assert (np.abs(found.mean(axis=0) - K) < 4 * error).all()
    # The offsets' own variance, (1 + k(2 (x - z)) / ... ) / 2, is the same for both; what is left shrinks.
    assert found.var(axis=0).mean() < 0.9 * plain.var(axis=0).mean()


def test_skewed_kernel() -> None:
    X, c = rows(6, 3), 0.8
    Z = SkewedChi2Sampler(skewedness=c, n_components=40_000, random_state=0).fit_transform(X)
    A, B = X[:, np.newaxis] + c, X[np.newaxis] + c
    np.testing.assert_allclose(Z @ Z.T, (2 * np.sqrt(A * B) / (A + B)).prod(axis=2), atol=0.03)


@pytest.mark.parametrize("Map", MAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_give_what_arrays_give(Map: Any, dtype: Any) -> None:
    X = rows(3000, 5, dtype)
    ours = Map(n_components=19, random_state=0).fit(X)
    made = Map(n_components=19, random_state=0).fit(blocks_of(X)).transform(blocks_of(X))
    assert made.n_columns == 19
    assert made.dtype == dtype
    assert len(list(made)) > 1
    np.testing.assert_array_equal(whole(made), ours.transform(X))
    np.testing.assert_array_equal(
        whole(Map(n_components=19, random_state=0).fit_transform(blocks_of(X))), ours.transform(X)
    )


def test_sparse_blocks() -> None:
    X = sparse.random_array((4000, 30), density=0.2, format="csr", rng=np.random.default_rng(0))
    ours = RBFSampler(gamma="scale", n_components=11, random_state=0).fit(blocks_of(X))
    twin = RBFSampler(gamma="scale", n_components=11, random_state=0).fit(X)
    np.testing.assert_array_equal(whole(ours.transform(blocks_of(X))), twin.transform(X))
    np.testing.assert_allclose(twin.transform(X), twin.transform(X.toarray()), atol=1e-13)
    with pytest.raises(TypeError, match="dense rows"):
        SkewedChi2Sampler().fit(blocks_of(X))


@pytest.mark.parametrize("csr", [False, True])
def test_gamma_scale(csr: bool) -> None:
    X = rows() + 3
    given = sparse.csr_array(X) if csr else X
    for step in (RBFSampler(gamma="scale").fit(given), RBFSampler(gamma="scale").fit(blocks_of(given))):
        assert step._gamma == pytest.approx(1 / (13 * X.var()))
    assert RBFSampler(gamma="scale").fit(np.ones((3, 2)))._gamma == 1


@pytest.mark.parametrize("Map", MAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits(Map: Any, dtype: Any) -> None:
    X, found = rows(1000, 20, dtype), []
    for count in (1, 2, 4):
        with threads(count):
            found.append(Map(n_components=70, random_state=5).fit(X).transform(X))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    step = Map(n_components=70, random_state=5).fit(X)
    np.testing.assert_array_equal(
        np.concatenate([step.transform(X[i : i + 1]) for i in range(20)]), found[0][:20]
    )
    larger = Map(n_components=90, random_state=5).fit(X)  # nested
    np.testing.assert_allclose(larger.random_weights_[:, :70], step.random_weights_, rtol=1e-6, atol=1e-12)


def test_bad_input() -> None:
    X = rows()
    for Map in MAPS:
        with pytest.raises(ValueError, match="n_components"):
            Map(n_components=0).fit(X)
        with pytest.raises(NotFittedError):
            Map().transform(blocks_of(X))
        with pytest.raises(ValueError, match="NaN"):
            Map().fit(X).transform(np.where(X > 2, np.nan, X))
        with pytest.raises(ValueError, match="features"):
            whole(Map().fit(X).transform(blocks_of(X[:, :5])))
        assert Map(n_components=3).fit_transform(X[:1, :1]).shape == (1, 3)
    with pytest.raises(ValueError, match="gamma"):
        RBFSampler(gamma=-1.0).fit(X)
    with pytest.raises(ValueError, match="smaller than -skewedness"):
        SkewedChi2Sampler(skewedness=0.5).fit(X).transform(X - 5)


@pytest.mark.parametrize("Map", MAPS)
def test_kept(Map: Any) -> None:
    X = rows()
    step = Map(n_components=4, random_state=np.random.RandomState(0)).fit(X)
    assert list(step.get_feature_names_out()) == [f"{Map.__name__.lower()}{i}" for i in range(4)]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(step)).transform(X), step.transform(X))
    clone(step)
    frame = Map(n_components=4).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == list(step.get_feature_names_out())
