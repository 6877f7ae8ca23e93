"""PCA, IncrementalPCA and TruncatedSVD: scikit-learn's results, exact, streamed, merged, and the error that they tell."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import core
from esker.decomposition import PCA, IncrementalPCA, TruncatedSVD
from esker.linear_model import Ridge
from esker.preprocessing import StandardScaler


@parametrize_with_checks(
    [
        PCA(),
        PCA(svd_solver="covariance_eigh"),
        PCA(1, svd_solver="randomized"),
        IncrementalPCA(),
        TruncatedSVD(1),
    ]
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 1500, d: int = 12, dtype: Any = np.float64, far: float = 0.0) -> Any:
    """Columns that depend on each other, with well separated variances."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) * 1.5 ** np.arange(d) @ np.linalg.qr(rng.normal(size=(d, d)))[0]
    return (X + far * rng.normal(size=d)).astype(dtype)


def decaying(n: int = 700, d: int = 300, density: float = 0.1) -> sparse.csr_array:
    """Sparse rows with a few strong directions."""
    rng = np.random.default_rng(1)
    strong = rng.normal(size=(n, 12)) * 0.6 ** np.arange(12) @ rng.normal(size=(12, d))
    return sparse.csr_array(np.where(rng.random((n, d)) < density, strong + 0.05, 0))


def assert_same(ours: Any, theirs: Any, rtol: float) -> None:
    k = len(theirs.components_)
    assert ours.components_.shape == theirs.components_.shape
    signs = np.sign(np.sum(ours.components_ * theirs.components_, axis=1))[:, np.newaxis]
    np.testing.assert_allclose(ours.components_, signs * theirs.components_, atol=50 * rtol)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "noise_variance_"):
        if hasattr(theirs, name):
            np.testing.assert_allclose(
                getattr(ours, name), getattr(theirs, name), rtol=rtol, atol=1e-14, err_msg=name
            )
    np.testing.assert_array_equal(
        np.argmax(np.abs(ours.components_), axis=1), np.argmax(ours.components_, axis=1)
    )
    assert len(ours.get_feature_names_out()) == k


# --- PCA ---


@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh", "randomized"])
@pytest.mark.parametrize("n_components", [1, 5, 12])
def test_pca_as_scikit_learn(solver: str, n_components: int) -> None:
    X = rows(far=3.0)
    theirs = sklearn.decomposition.PCA(n_components, svd_solver="full").fit(X)
    ours = PCA(n_components, svd_solver=solver, random_state=0).fit(X)
    assert_same(ours, theirs, 1e-10)
    np.testing.assert_allclose(ours.mean_, theirs.mean_)
    assert (ours.n_samples_, ours.n_components_) == (theirs.n_samples_, theirs.n_components_)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(X)), theirs.inverse_transform(theirs.transform(X)), atol=1e-8
    )
    np.testing.assert_allclose(ours.score(X), theirs.score(X), rtol=1e-8)
    np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.get_precision(), theirs.get_precision(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", ["full", "covariance_eigh"])
@pytest.mark.parametrize("n_components", [None, 0.5, 0.99, "mle", 0])
def test_components_by_share_and_by_mle(solver: str, n_components: Any) -> None:
    X = rows()
    theirs = sklearn.decomposition.PCA(n_components, svd_solver="full").fit(X)
    ours = PCA(n_components, svd_solver=solver).fit(X)
    assert ours.n_components_ == theirs.n_components_
    assert_same(ours, theirs, 1e-10)


def test_whitened() -> None:
    X = rows()
    theirs = sklearn.decomposition.PCA(5, whiten=True, svd_solver="full").fit(X)
    ours = PCA(5, whiten=True).fit(esker.open_blocks(X, block_size="20kB"))
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-9)
    made = np.concatenate([block.X for block in ours.transform(esker.open_blocks(X, block_size="20kB"))])
    np.testing.assert_allclose(made, theirs.transform(X), atol=1e-9)
    np.testing.assert_allclose(
        ours.inverse_transform(made), theirs.inverse_transform(theirs.transform(X)), atol=1e-9
    )


@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "randomized"])
def test_float32_far_from_zero(solver: str) -> None:
    """Means 10,000 times the spread: float32 rows keep what their own rounding left."""
    X = rows(4000, dtype=np.float32, far=1e6)
    exact = sklearn.decomposition.PCA(4, svd_solver="full").fit(X.astype(np.float64))
    ours = PCA(4, svd_solver=solver, random_state=0).fit(X)
    assert ours.components_.dtype == ours.explained_variance_.dtype == np.float32
    np.testing.assert_allclose(ours.explained_variance_, exact.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(ours.components_, exact.components_, atol=1e-4)
    got = ours.transform(X)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, exact.transform(X.astype(np.float64)), atol=1e-4 * np.abs(got).max())


@pytest.mark.parametrize("solver", ["covariance_eigh", "randomized"])
def test_sparse_rows_and_blocks_are_the_same_data(solver: str) -> None:
    X = decaying()
    dense = X.toarray()
    theirs = sklearn.decomposition.PCA(3, svd_solver="full").fit(dense)
    power = {"iterated_power": 24} if solver == "randomized" else {}
    for data in (
        X,
        X.tocsc(),
        dense,
        esker.open_blocks(X, block_size="20kB"),
        esker.open_blocks(dense, block_size="200kB"),
    ):
        ours = PCA(3, svd_solver=solver, random_state=0, **power).fit(data)
        assert_same(ours, theirs, 1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(dense), atol=1e-9)
    made = np.concatenate([block.X for block in ours.transform(esker.open_blocks(X, block_size="20kB"))])
    np.testing.assert_allclose(made, theirs.transform(dense), atol=1e-9)


def test_weights_of_blocks_count_as_repeats() -> None:
    X = rows(400)
    w = np.random.default_rng(2).integers(0, 4, 400).astype(float)
    theirs = sklearn.decomposition.PCA(3, svd_solver="full").fit(np.repeat(X, w.astype(int), axis=0))
    for solver in ("covariance_eigh", "randomized"):
        ours = PCA(3, svd_solver=solver, random_state=0).fit(esker.open_blocks(X, weight=w))
        np.testing.assert_allclose(ours.mean_, theirs.mean_)
        np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-9)
        np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_no_bit(dtype: Any) -> None:
    dense, csr = rows(900, 40, dtype), decaying().astype(dtype)
    models = [
        lambda t: PCA(3, svd_solver="covariance_eigh", n_threads=t).fit(dense),
        lambda t: PCA(3, svd_solver="randomized", random_state=0, n_threads=t).fit(dense),
        lambda t: PCA(3, svd_solver="randomized", random_state=0, n_threads=t).fit(csr),
        lambda t: TruncatedSVD(3, random_state=0, n_threads=t).fit(csr),
        lambda t: IncrementalPCA(3, n_threads=t).fit(dense),
    ]
    for make in models:
        one = make(1)
        for t in (2, 4):
            other = make(t)
            assert np.array_equal(one.components_, other.components_)
            assert np.array_equal(one.singular_values_, other.singular_values_)


# --- the kernel ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("csr", [False, True])
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 150), min_size=1, max_size=4),
    st.integers(1, 90),
    st.integers(1, 50),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_range_product(
    dtype: Any, csr: bool, cuts: list[int], d: int, lanes: int, seed: int, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = sum(cuts)
    X = np.where(rng.random((n, d)) < 0.5, rng.normal(size=(n, d)), 0).astype(dtype)
    w = rng.random(n) if weighted else None
    shift, Q = rng.normal(size=d), rng.normal(size=(d, lanes)).astype(dtype)
    product = (core.RangeProduct32 if dtype == np.float32 else core.RangeProduct64)(d, lanes, csr)
    out = np.empty((d, lanes), dtype)
    for _ in range(2):  # a walk begins anew
        product.begin(Q, shift)
        begin = 0
        for size in cuts:
            piece = X[begin : begin + size]
            s = sparse.csr_array(piece)
            raw = (s.data, s.indices, s.indptr, d) if csr else piece
            product.update(raw, None if w is None else w[begin : begin + size])
            begin += size
        product.finish(out)
    C = X.astype(np.longdouble) - shift
    want = C.T @ ((np.ones(n) if w is None else w)[:, np.newaxis] * (C @ Q))
    scale = np.abs(C).T @ (np.abs(C) @ np.abs(Q))
    assert (np.abs(out - want) <= 40 * np.finfo(dtype).eps * scale + 1e-30).all()


# --- TruncatedSVD ---


@pytest.mark.parametrize("n_components", [1, 6])
def test_truncated_svd_as_scikit_learn(n_components: int) -> None:
    X = decaying()
    theirs = sklearn.decomposition.TruncatedSVD(n_components, algorithm="arpack", random_state=0).fit(X)
    for data in (
        X,
        esker.open_blocks(X, block_size="20kB"),
        X.toarray(),
        esker.open_blocks(X.toarray(), block_size="100kB"),
    ):
        ours = TruncatedSVD(n_components, n_iter=16, random_state=0).fit(data)
        assert_same(ours, theirs, 1e-8)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-6)
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(X)), theirs.inverse_transform(theirs.transform(X)), atol=1e-6
    )
    arpack = TruncatedSVD(n_components, algorithm="arpack", random_state=0).fit(X)
    assert_same(arpack, theirs, 1e-10)


def test_defaults_capture_as_much_as_scikit_learns() -> None:
    """A flat spectrum, where power iterations gain slowly."""
    X = sparse.random_array(
        (2000, 900), density=0.02, rng=np.random.default_rng(0), format="csr", dtype=np.float32
    )
    theirs = sklearn.decomposition.TruncatedSVD(20, random_state=0).fit(X)
    ours = TruncatedSVD(20, random_state=0).fit(X)
    captured = [np.linalg.norm(X @ model.components_.T) ** 2 for model in (ours, theirs)]
    assert captured[0] >= captured[1]
    np.testing.assert_allclose(np.sum(ours.singular_values_.astype(float) ** 2), captured[0], rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 60),
    st.integers(2, 60),
    st.integers(1, 8),
    st.integers(0, 6),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_the_error_is_the_truth(n: int, d: int, k: int, rank: int, seed: int, csr: bool) -> None:
    """error_estimate_ is the residual's norm, whatever the rank, the directions and the walks."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) + (seed % 3) * rng.normal(size=(n, d))
    X[:, 0] = 0
    k = min(k, d)
    data = sparse.csr_array(X) if csr else X
    ours = TruncatedSVD(k, n_iter=seed % 4, n_oversamples=1, random_state=seed).fit(data)
    V = ours.components_
    np.testing.assert_allclose(V @ V.T, np.eye(k), atol=1e-9)
    total = np.linalg.norm(X)
    left = np.linalg.norm(X - X @ V.T @ V)
    np.testing.assert_allclose(ours.error_estimate_ * total, left, atol=3e-7 * total + 1e-12)
    if k <= min(n, d) and n > 1:
        pca = PCA(k, svd_solver="randomized", n_oversamples=1, random_state=seed).fit(data)
        C, V = X - X.mean(axis=0), pca.components_
        left, total = np.linalg.norm(C - C @ V.T @ V), np.linalg.norm(C)
        np.testing.assert_allclose(pca.error_estimate_ * total, left, atol=3e-7 * total + 1e-12)


def test_rows_that_come_once_have_a_bound() -> None:
    X = decaying(600, 200)
    best = np.sqrt(np.sum(np.linalg.svd(X.toarray())[1][5:] ** 2))
    size = sparse.linalg.norm(X)
    for seed in range(10):
        once = esker.open_blocks(
            ((X[i : i + 100], np.zeros(100)) for i in range(0, 600, 100)), n_features=200
        )
        ours = TruncatedSVD(5, random_state=seed).fit(once)
        assert ours.n_walks_ == 1
        V = ours.components_
        left = np.linalg.norm(X - X @ V.T @ V)
        assert left <= ours.error_estimate_ * size * (1 + 1e-12)
        assert ours.error_estimate_ * size <= 1.5 * best


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sketches_of_shards_add_up(dtype: Any, tmp_path: Path) -> None:
    X = decaying(600, 200).astype(dtype)
    near = 1e-5 if dtype == np.float32 else 1e-11
    whole = TruncatedSVD(4, random_state=7).partial_fit(X)
    stream = TruncatedSVD(4, random_state=7)
    for i in range(0, 600, 150):
        stream.partial_fit(X[i : i + 150].toarray() if i else X[:150])  # sparse or dense, as they come
    shards = [TruncatedSVD(4, random_state=7).partial_fit(part) for part in (X[:100], X[100:350], X[350:])]
    esker.save(shards[2], tmp_path / "shard.esker")
    merged = shards[0].merge(shards[1], esker.load(tmp_path / "shard.esker"))
    for ours in (stream, merged):
        np.testing.assert_allclose(ours.singular_values_, whole.singular_values_, rtol=10 * near)
        np.testing.assert_allclose(ours.components_[:2], whole.components_[:2], atol=1e3 * near)
        assert ours.sketch_.rows == 600
    V = whole.components_.astype(np.float64)
    left = np.linalg.norm(X - X @ V.T @ V)
    assert left <= whole.error_estimate_ * sparse.linalg.norm(X) * (1 + 10 * near)
    exact = TruncatedSVD(4, n_iter=12, random_state=0).fit(X)
    assert whole.error_estimate_ <= 1.05 * exact.error_estimate_
    with pytest.raises(ValueError, match=r"seed=7, .* seed=8, "):
        merged.merge(TruncatedSVD(4, random_state=8).partial_fit(X))
    with pytest.raises(ValueError, match="fit keeps no sketch"):
        merged.merge(exact)
    with pytest.warns(UserWarning, match="begins anew"):
        exact.partial_fit(X)


@pytest.mark.parametrize(
    ("dtype", "by"), [(np.float64, 1e150), (np.float64, 1e-150), (np.float32, 1e18), (np.float32, 1e-25)]
)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_very_large_and_very_small_rows(dtype: Any, by: float, make: Any) -> None:
    X = np.random.default_rng(0).standard_normal((1000, 60)) * np.logspace(0, -2, 60)
    for plain in (PCA(5, svd_solver="randomized", random_state=0), TruncatedSVD(5, random_state=0)):
        far = clone(plain).fit(make((X * by).astype(dtype)))
        plain.fit(X)
        np.testing.assert_allclose(far.singular_values_ / np.float64(by), plain.singular_values_, rtol=1e-4)
        np.testing.assert_allclose(
            np.abs(far.components_[:2] @ plain.components_[:2].T), np.eye(2), atol=2e-3
        )


def test_squares_that_vanish_are_refused_by_a_sketch() -> None:
    X = np.random.default_rng(0).standard_normal((100, 60)).astype(np.float32) * np.float32(1e-25)
    with pytest.raises(ValueError, match="vanish in float32: scale the columns up"):
        TruncatedSVD(5, random_state=0).partial_fit(X)


def test_tolerance_ends_walks() -> None:
    X = decaying(1000, 400)
    full = TruncatedSVD(3, n_iter=20, random_state=0).fit(X)
    early = TruncatedSVD(3, n_iter=20, tol=1e-3, random_state=0).fit(X)
    assert early.n_walks_ < full.n_walks_
    np.testing.assert_allclose(early.singular_values_, full.singular_values_, rtol=1e-3)


def test_directions_that_memory_has_no_room_to_keep() -> None:
    X = decaying(500, 2500, 0.02)
    free = TruncatedSVD(3, random_state=0, n_iter=10).fit(X)
    tight = TruncatedSVD(3, random_state=0, n_iter=10, max_memory="3MB").fit(
        esker.open_blocks(X, max_memory="3MB")
    )
    assert tight.n_walks_ > free.n_walks_
    np.testing.assert_allclose(tight.singular_values_, free.singular_values_, rtol=1e-4)
    low = sparse.csr_array(rows(300, 2) @ np.random.default_rng(3).normal(size=(2, 2500)))  # of rank 2
    of_low = TruncatedSVD(3, random_state=0, max_memory="3MB").fit(low)
    np.testing.assert_allclose(of_low.components_ @ of_low.components_.T, np.eye(3), atol=1e-9)
    assert of_low.error_estimate_ < 1e-7
    with pytest.raises(ValueError, match=r"random directions .* takes .* grant more memory"):
        TruncatedSVD(3, max_memory="2MB").fit(X)


# --- IncrementalPCA ---


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 400), min_size=1, max_size=4), st.integers(0, 2**31), st.booleans())
def test_any_cut_and_any_merge_is_the_whole(cuts: list[int], seed: int, csr: bool) -> None:
    rng = np.random.default_rng(seed)
    n = sum(cuts)
    X = rng.normal(size=(n, 4)) * [8, 4, 2, 1] + 50
    whole = PCA(2, svd_solver="covariance_eigh").fit(X)
    stream, parts, begin = IncrementalPCA(2), [], 0
    for size in cuts:
        piece: Any = X[begin : begin + size]
        piece = sparse.csr_array(piece) if csr else piece
        stream.partial_fit(piece)
        parts.append(IncrementalPCA(2).fit(piece))
        begin += size
    merged = parts[0].merge(*parts[1:])
    for ours in (stream, merged):
        assert ours.n_samples_seen_ == n
        np.testing.assert_allclose(ours.explained_variance_, whole.explained_variance_, rtol=1e-9)
        np.testing.assert_allclose(ours.mean_, whole.mean_)
        np.testing.assert_allclose(ours.var_, X.var(axis=0), rtol=1e-9)
        gap = whole.explained_variance_[0] / whole.explained_variance_[1]
        if n > 20 and gap > 1.2:
            np.testing.assert_allclose(ours.components_[0], whole.components_[0], atol=1e-6)


def test_incremental_refusals() -> None:
    X = rows(100, 5)
    model = IncrementalPCA(2).fit(X)
    before = model.components_.copy()
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :4])
    with pytest.raises(ValueError, match="columns differ"):
        model.merge(IncrementalPCA(2).fit(X[:, :4]))
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((5, 5), np.nan))
    assert np.array_equal(model.components_, before)
    assert model.n_samples_seen_ == 100
    with pytest.raises(
        ValueError, match="n_components=4 must be less or equal to the batch number of samples 3"
    ):
        IncrementalPCA(4).partial_fit(X[:3])


# --- bad input, memory, pipelines, disk ---


def test_bad_input() -> None:
    X = rows(50, 6)
    for estimator in (
        PCA(2),
        PCA(2, svd_solver="covariance_eigh"),
        PCA(2, svd_solver="randomized"),
        TruncatedSVD(2),
    ):
        bad = X.copy()
        bad[3, 2] = np.nan
        for data in (bad, sparse.csr_array(bad)):
            if estimator.get_params().get("svd_solver") != "full":
                with pytest.raises(ValueError, match="NaN"):
                    clone(estimator).fit(data)
    for solver in ("full", "covariance_eigh", "randomized"):
        with pytest.raises(ValueError, match="n_components=7 must be between"):
            PCA(7, svd_solver=solver).fit(X)
        with pytest.raises(ValueError, match="n_samples = 1"):
            PCA(1, svd_solver=solver).fit(X[:1])
    with pytest.raises(ValueError, match=r"n_components\(7\) must be <= n_features\(6\)"):
        TruncatedSVD(7).fit(X)
    with pytest.raises(ValueError, match="whole number"):
        PCA(0.5, svd_solver="randomized").fit(X)
    with pytest.raises(ValueError, match="'LU' would lose digits"):
        TruncatedSVD(2, power_iteration_normalizer="LU").fit(X)
    blocks = esker.open_blocks(X)
    for refused in (
        PCA(2, svd_solver="full"),
        PCA(2, svd_solver="arpack"),
        TruncatedSVD(2, algorithm="arpack"),
    ):
        with pytest.raises(ValueError, match=r"covariance_eigh|randomized"):
            refused.fit(blocks)
    with pytest.raises(ValueError, match="max_memory"):
        PCA(2, max_memory="2MB", svd_solver="covariance_eigh").fit(rows(600, 500))


def test_narrow_short_and_constant() -> None:
    one = PCA().fit(rows(50, 1))
    assert one.components_.tolist() == [[1.0]]
    for solver in ("full", "covariance_eigh", "randomized"):
        short = PCA(2, svd_solver=solver, random_state=0).fit(rows(2, 40))
        theirs = sklearn.decomposition.PCA(2, svd_solver="full").fit(rows(2, 40))
        np.testing.assert_allclose(short.explained_variance_[0], theirs.explained_variance_[0])
        np.testing.assert_allclose(short.components_[0], theirs.components_[0], atol=1e-8)
        still = PCA(1, svd_solver=solver, random_state=0).fit(np.ones((30, 3)))
        assert still.explained_variance_[0] <= 1e-25
        low = PCA(6, svd_solver=solver, random_state=0).fit(rows(60, 3) @ rows(3, 8))  # of rank 3
        assert (low.explained_variance_[3:] <= 1e-10 * low.explained_variance_[0]).all()
        np.testing.assert_allclose(low.components_ @ low.components_.T, np.eye(6), atol=1e-8)


def test_pipelines_stream_and_names_are_kept(tmp_path: Path) -> None:
    X = rows(3000, 8, np.float32)
    y = X[:, 0] * 2 + 1
    blocks = esker.open_blocks(X, target=y, block_size="20kB")
    streamed = make_pipeline(StandardScaler(), PCA(8), Ridge(1e-6)).fit(blocks)
    whole = make_pipeline(StandardScaler(), PCA(8), Ridge(1e-6)).fit(X, y)
    np.testing.assert_allclose(streamed.predict(X), whole.predict(X), rtol=1e-3, atol=1e-2)
    assert PCA(3).fit(blocks).get_feature_names_out().tolist() == ["pca0", "pca1", "pca2"]
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    made = PCA(2).set_output(transform="pandas").fit_transform(frame)
    assert list(made.columns) == ["pca0", "pca1"]
    assert TruncatedSVD(2).fit(frame).feature_names_in_.tolist() == list("abcdefgh")


@pytest.mark.parametrize("model", [PCA(2), IncrementalPCA(2), TruncatedSVD(2, random_state=0)])
def test_saved_and_pickled(model: Any, tmp_path: Path) -> None:
    X = rows(600, 6)
    model = clone(model).fit(X)
    esker.save(model, tmp_path / "model.esker")
    for again in (esker.load(tmp_path / "model.esker"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.transform(X), model.transform(X))
        if isinstance(model, IncrementalPCA):
            again.partial_fit(X[:50])
            assert again.n_samples_seen_ == 650
