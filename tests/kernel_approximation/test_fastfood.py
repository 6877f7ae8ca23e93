"""Fastfood: the cosines of its own frequencies, which are distributed as normal ones; kernel values right on average."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.kernel_approximation import Fastfood


@parametrize_with_checks([Fastfood(n_components=10)])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int, d: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).normal(size=(n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "features"), [(50, 20, 100), (1, 1, 1), (17, 64, 64), (5, 3, 31), (40, 300, 700)]
)
def test_features_are_cosines_of_the_frequencies(dtype: Any, n: int, d: int, features: int) -> None:
    X = rows(n, d, dtype)
    step = Fastfood(gamma=0.3 / d, n_components=features, random_state=1).fit(X)
    W, offset = step.random_weights_.astype(float), step.random_offset_.astype(float)
    want = np.sqrt(2 / features) * np.cos(X.astype(float) @ W + offset)
    made = step.transform(X)
    assert made.dtype == W.astype(dtype).dtype == step.random_weights_.dtype
    np.testing.assert_allclose(made, want, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(step.transform(sparse.csr_array(X)), made, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(step.transform(X[n // 2 :]), made[n // 2 :])
    with threads(1):
        np.testing.assert_array_equal(step.transform(X), made)


def test_frequencies_are_normal() -> None:
    gamma, d = 0.7, 64
    found = [
        Fastfood(gamma=gamma, n_components=256, random_state=s).fit(rows(2, d)).random_weights_
        for s in range(20)
    ]
    W = np.concatenate(found, axis=1)
    one_each = W[np.arange(W.shape[1]) % d, np.arange(W.shape[1])] / np.sqrt(2 * gamma)
    assert scipy.stats.kstest(one_each, "norm").pvalue > 1e-3
    lengths = (W**2).sum(axis=0) / (2 * gamma)
    assert scipy.stats.kstest(lengths, "chi2", args=(d,)).pvalue > 1e-3


def test_kernel_values_are_right_on_average() -> None:
    X = rows(6, 10) / 2
    gamma, features, seeds = 0.4, 64, 200
    exact = np.exp(-gamma * ((X[:, np.newaxis] - X) ** 2).sum(axis=2))
    made = [
        Fastfood(gamma=gamma, n_components=features, random_state=s).fit(X).transform(X) for s in range(seeds)
    ]
    gram = np.array([Z @ Z.T for Z in made])
    assert abs(gram.mean(axis=0) - exact).max() < 5 * np.sqrt(1 / features / seeds)
    assert gram.var(axis=0).max() < 2 / features


def test_blocks_stream_and_models_are_kept(tmp_path: Path) -> None:
    X = rows(2000, 12, np.float32)
    blocks = esker.open_blocks(X, target=np.arange(2000), block_size="20kB")
    step = Fastfood(gamma="scale", n_components=40, random_state=0).fit(blocks)
    made = [block.X for block in step.transform(blocks)]
    assert len(made) > 1
    whole = np.concatenate(made)
    twin = Fastfood(gamma="scale", n_components=40, random_state=0).fit(X)
    np.testing.assert_allclose(twin.transform(X), whole, rtol=0, atol=1e-4)
    esker.save(step, tmp_path / "step.esker")
    for again in (esker.load(tmp_path / "step.esker"), pickle.loads(pickle.dumps(step))):
        np.testing.assert_array_equal(again.transform(X), whole)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="n_components"):
        Fastfood(n_components=0).fit(rows(3, 3))
    with pytest.raises(ValueError, match="NaN"):
        Fastfood().fit(np.array([[np.nan, 1.0]]))
    with pytest.raises(AttributeError, match="not fitted"):
        _ = Fastfood().random_weights_
