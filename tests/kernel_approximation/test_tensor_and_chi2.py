"""PolynomialCountSketch and AdditiveChi2Sampler: scikit-learn's numbers, the kernel by many seeds, the same on Blocks."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.kernel_approximation as theirs
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.kernel_approximation import AdditiveChi2Sampler, PolynomialCountSketch


@parametrize_with_checks([PolynomialCountSketch(n_components=9), AdditiveChi2Sampler()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 300, d: int = 13, dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(0)
    return np.where(rng.random((n, d)) < 0.4, 0, rng.exponential(size=(n, d))).astype(dtype)


def blocks_of(X: Any, **options: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]) % 2, block_size="20kB", **options)


def whole(blocks: Any) -> Any:
    X = [block.X for block in blocks]
    assert len(X) > 1
    return sparse.vstack(X).toarray() if sparse.issparse(X[0]) else np.concatenate(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "coef0", "gamma"), [(1, 0.0, 1.0), (15, 0.5, 0.3), (64, 1.0, 0.0), (1000, 0.0, 2.0)]
)
def test_their_tables_give_their_features(
    dtype: Any, degree: int, size: int, coef0: float, gamma: float
) -> None:
    X = rows(50, dtype=dtype)
    options = {"degree": degree, "n_components": size, "coef0": coef0, "gamma": gamma, "random_state": 0}
    twin = theirs.PolynomialCountSketch(**options).fit(X.astype(float))
    ours = PolynomialCountSketch(**options).fit(X)
    assert ours.indexHash_.shape == twin.indexHash_.shape
    ours.indexHash_, ours.bitHash_ = twin.indexHash_, twin.bitHash_
    exact = twin.transform(X.astype(float))
    scale = np.abs(exact).max() * (1e-5 if dtype == np.float32 else 1e-13)
    for given in (X, sparse.csr_array(X)):
        got = ours.transform(given)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, exact, atol=scale, rtol=0)


def test_unbiased_with_the_variance_of_theory() -> None:
    """Degree 1 is a count sketch: D Var = <x, z>^2 + |x|^2 |z|^2 - 2 sum x^2 z^2. Degree 2: at most (3^2 - 1) |x|^4 |z|^4 / (2 D)
    up to lower terms (Pham & Pagh, Avron et al. 2014)."""
    x, z = np.random.default_rng(1).normal(size=(2, 10))
    size = 32
    for degree in (1, 2):
        found = []
        for seed in range(200):
            Z = PolynomialCountSketch(degree=degree, n_components=size, random_state=seed).fit_transform(
                [x, z]
            )
            found.append(Z[0] @ Z[1])
        dot, squares = x @ z, (x @ x) * (z @ z)
        assert abs(np.mean(found) - dot**degree) < 4 * np.std(found) / np.sqrt(200)
        if degree == 1:
            theory = (dot**2 + squares - 2 * (x**2 @ z**2)) / size
            assert 0.7 < np.var(found) / theory < 1.4
        else:
            assert np.var(found) < 1.4 * (2 + 3**2) * squares**2 / size


def test_tables_are_uniform() -> None:
    step = PolynomialCountSketch(degree=3, n_components=7, random_state=0).fit(np.zeros((1, 5000)))
    counts = np.bincount(step.indexHash_.ravel(), minlength=7)
    assert ((counts - 15000 / 7) ** 2 / (15000 / 7)).sum() < 25
    assert abs(step.bitHash_.mean()) < 0.04
    assert set(np.unique(step.bitHash_)) == {-1, 1}
    wider = PolynomialCountSketch(degree=4, n_components=7, random_state=0).fit(np.zeros((1, 6000)))
    np.testing.assert_array_equal(wider.indexHash_[:3, :5000], step.indexHash_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("steps", "interval"), [(1, None), (2, None), (3, None), (5, 0.3), (2, 50.0)])
def test_additive_as_scikit_learn(dtype: Any, steps: int, interval: Any) -> None:
    X = rows(dtype=dtype)
    X[0, :4] = [0, 1, 1e-30, 1e30]
    options = {"sample_steps": steps, "sample_interval": interval}
    exact = theirs.AdditiveChi2Sampler(**options).fit_transform(X.astype(float))
    got = AdditiveChi2Sampler(**options).fit_transform(X)
    assert got.dtype == dtype
    tolerance = 1e-6 if dtype == np.float32 else 1e-13
    size = np.sqrt(np.tile(X, 2 * steps - 1)) * (interval or 1) ** 0.5
    assert (np.abs(got - exact) <= tolerance * np.where(size > 0, size, 1e-300)).all()
    for kind in (sparse.csr_array, sparse.csr_matrix):
        some = AdditiveChi2Sampler(**options).fit_transform(kind(X))
        assert isinstance(some, kind)
        np.testing.assert_array_equal(some.toarray(), got)


def test_blocks_give_what_arrays_give() -> None:
    for dtype in (np.float32, np.float64):
        X = rows(3000, 5, dtype)
        for given in (X, sparse.csr_array(X)):
            for step in (
                PolynomialCountSketch(n_components=12, coef0=1, random_state=0),
                AdditiveChi2Sampler(),
            ):
                direct = step.fit_transform(given)
                made = step.fit(blocks_of(given)).transform(blocks_of(given))
                assert made.dtype == dtype
                assert made.is_sparse == sparse.issparse(direct)
                assert made.n_columns == direct.shape[1]
                direct = direct.toarray() if sparse.issparse(direct) else direct
                np.testing.assert_array_equal(whole(made), direct)


def test_same_bits() -> None:
    X = rows(1000, 20)
    for step in (PolynomialCountSketch(n_components=70, random_state=5, degree=3), AdditiveChi2Sampler()):
        found = []
        for count in (1, 2, 4):
            with threads(count):
                found.append(step.fit_transform(X))
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])


def test_bad_input() -> None:
    X = rows()
    with pytest.raises(ValueError, match="n_components"):
        PolynomialCountSketch(n_components=0).fit(X)
    with pytest.raises(ValueError, match="coef0 must not be negative"):
        PolynomialCountSketch(coef0=-1).fit(X)
    with pytest.raises(ValueError, match="gamma"):
        PolynomialCountSketch(gamma=-1.0).fit(X)
    with pytest.raises(ValueError, match="sample_interval"):
        AdditiveChi2Sampler(sample_steps=4).fit(X)
    with pytest.raises(NotFittedError, match="width"):
        AdditiveChi2Sampler().transform(blocks_of(X))
    for step in (PolynomialCountSketch(), AdditiveChi2Sampler()):
        with pytest.raises(ValueError, match="NaN"):
            step.fit(np.where(X > 1, np.nan, X))
        assert step.fit_transform(X[:1, :1]).shape[0] == 1
    for bad in (-X, sparse.csr_array(-X)):
        with pytest.raises(ValueError, match="Negative values"):
            AdditiveChi2Sampler().fit(X).transform(bad)
        with pytest.raises(ValueError, match="Negative values"):
            whole(AdditiveChi2Sampler().fit(X).transform(blocks_of(bad)))


def test_kept(tmp_path: Any) -> None:
    X = rows()
    for step in (PolynomialCountSketch(n_components=4, random_state=0), AdditiveChi2Sampler(sample_steps=3)):
        step.fit(X)
        esker.save(step, tmp_path / "step.esker")
        for again in (pickle.loads(pickle.dumps(step)), esker.load(tmp_path / "step.esker")):
            np.testing.assert_array_equal(again.transform(X), step.transform(X))
        frame = step.set_output(transform="pandas").transform(X)
        assert list(frame.columns) == list(step.get_feature_names_out())
        step.set_output(transform="default")
