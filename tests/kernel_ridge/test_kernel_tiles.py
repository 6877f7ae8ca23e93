"""Tiles of kernel matrices, against scikit-learn's pairwise kernels in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels

from esker._native import core, threads

KERNELS = ("rbf", "laplacian", "linear", "poly", "sigmoid")


def values(X: Any, Z: Any, kernel: str, gamma: float, wide: bool = False) -> Any:
    return core.kernel_block(X, Z, kernel, gamma, 0.5, 3, wide)


def oracle(X: Any, Z: Any, kernel: str, gamma: float) -> Any:
    more = {} if kernel == "linear" else {"gamma": gamma}
    more |= {"coef0": 0.5} if kernel in ("poly", "sigmoid") else {}
    more |= {"degree": 3} if kernel == "poly" else {}
    return pairwise_kernels(X.astype(np.float64), Z.astype(np.float64), metric=kernel, **more)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (7, 33, 5), (130, 47, 28), (25, 16, 300)])
def test_block(dtype: Any, kernel: str, n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n)
    X, Z = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((m, d)).astype(dtype)
    Z[0] = X[0]
    found, truth = values(X, Z, kernel, 0.7 / d), oracle(X, Z, kernel, 0.7 / d)
    assert found.dtype == dtype
    assert np.abs(found - truth).max() <= 12 * np.finfo(dtype).eps * max(np.abs(truth).max(), 1)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
def test_large_means_do_not_cancel(kernel: str) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((60, 8)) + 1e4).astype(np.float32)
    found, truth = values(X, X[:20].copy(), kernel, 0.1), oracle(X, X[:20], kernel, 0.1)
    assert np.abs(found - truth).max() < 2e-6


def test_wide_is_float64() -> None:
    rng = np.random.default_rng(0)
    X = (30 * rng.standard_normal((40, 8))).astype(np.float32)
    found, truth = values(X, X[:20].copy(), "rbf", 1.0, wide=True), oracle(X, X[:20], "rbf", 1.0)
    assert found.dtype == np.float64
    assert np.abs(found - truth).max() < 1e-10


def test_far_rows_have_no_similarity() -> None:
    X = np.array([[0.0, 0.0], [1e4, 0.0], [-1e18, 1.0]], dtype=np.float32)
    found = values(X, X[:1].copy(), "rbf", 1.0)
    assert found[0, 0] == 1
    assert (found[1:] < 1e-30).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_rows(kernel: str, index: Any) -> None:
    X = sparse.random_array((90, 40), density=0.1, rng=np.random.default_rng(1), format="csr")
    dense = np.ascontiguousarray(X.toarray())
    raw = (X.data, X.indices.astype(index), X.indptr.astype(index), 40)
    found = values(raw, dense[:30].copy(), kernel, 0.2)
    np.testing.assert_allclose(found, values(dense, dense[:30].copy(), kernel, 0.2), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 100, 3000])
def test_normal_product(dtype: Any, n: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 6)).astype(dtype)
    Z = np.ascontiguousarray(rng.standard_normal((75, 6)).astype(dtype))
    at = core.KernelLandmarks(Z, "rbf", 0.1)
    v, y, w, base = rng.standard_normal((3, 75)), rng.standard_normal((n, 3)), rng.random(n), np.arange(3.0)
    K = oracle(X, Z, "rbf", 0.1)
    for own_v, own_y, own_w in ((v, y, w), (None, y, None), (v, None, None)):
        sums = core.KernelNormal(at, 3)
        sums.begin(own_v, base)
        half = n // 2
        for a, b in ((0, half), (half, n)):
            sums.update(X[a:b], None if own_y is None else own_y[a:b], None if own_w is None else own_w[a:b])
        out, level, squares = sums.finish()
        s = base + (y if own_y is not None else 0) + (K @ v.T if own_v is not None else np.zeros((n, 3)))
        ws = s if own_w is None else w[:, None] * s
        tol = 50 * np.finfo(dtype).eps
        np.testing.assert_allclose(out, ws.T @ K, atol=tol * np.abs(ws).sum(axis=0).max())
        np.testing.assert_allclose(level, ws.sum(axis=0), atol=tol * np.abs(ws).sum())
        np.testing.assert_allclose(squares, (ws * s).sum(axis=0), rtol=tol, atol=tol)
    np.testing.assert_allclose(at.scores(X, v), K @ v.T, atol=tol * 20)


def test_the_same_bits_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 9)).astype(np.float32)
    at = core.KernelLandmarks(X[:200].copy(), "rbf", 0.1)
    v, found = rng.standard_normal((2, 200)), []
    for n in (1, 2, 4):
        with threads(n):
            sums = core.KernelNormal(at, 2)
            sums.begin(v, np.zeros(2))
            sums.update(X, None, None)
            found.append((*sums.finish(), at.scores(X, v), at.block(X)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_refusals() -> None:
    X = np.ones((3, 2))
    with pytest.raises(ValueError, match="columns"):
        core.kernel_block(X, np.ones((3, 4)), "rbf", 1.0)
    with pytest.raises(ValueError, match="kernel must be"):
        core.kernel_block(X, X, "cosine", 1.0)
    with pytest.raises(ValueError, match="at least one landmark"):
        core.kernel_block(X, X[:0], "rbf", 1.0)
    with pytest.raises(ValueError, match="landmarks"):
        core.KernelNormal(core.KernelLandmarks(X, "rbf", 1.0), 1).begin(np.ones((1, 5)), np.zeros(1))


def test_priorities_are_of_keys() -> None:
    whole = core.row_priorities(3, 10, 1000)
    assert len(set(whole.tolist())) == 1000
    np.testing.assert_array_equal(core.row_priorities(3, np.arange(500, 600), 100), whole[490:590])
    assert (core.row_priorities(4, 10, 1000) != whole).all()
    assert abs(float(np.mean(whole / 2.0**64)) - 0.5) < 0.04
