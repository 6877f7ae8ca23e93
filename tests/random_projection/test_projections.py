"""Projections: scikit-learn's interface and distributions, maps that no cut of the rows changes, lengths kept as theory says."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.random_projection
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import DataDimensionalityWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.linear_model import Ridge
from esker.random_projection import (
    CountSketchProjection,
    GaussianRandomProjection,
    SparseRandomProjection,
    SRHTProjection,
    johnson_lindenstrauss_min_dim,
)

FOUR = [GaussianRandomProjection, SparseRandomProjection, SRHTProjection, CountSketchProjection]


@parametrize_with_checks([step(n_components=2) for step in FOUR])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 70, d: int = 300, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).normal(size=(n, d)).astype(dtype)


def dense(X: Any) -> Any:
    return X.toarray() if sparse.issparse(X) else np.asarray(X)


def blocks_of(X: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]), block_size="20kB")


@pytest.mark.parametrize("kind", FOUR)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "p"), [(70, 300, 40), (1, 5, 3), (33, 2100, 17), (5, 1, 1), (40, 64, 64), (3, 5000, 9)]
)
def test_the_result_is_the_product_with_components(kind: Any, dtype: Any, n: int, d: int, p: int) -> None:
    X = rows(n, d, dtype)
    step = kind(n_components=p, random_state=3).fit(X)
    want = X.astype(float) @ dense(step.components_).astype(float).T
    made = step.transform(X)
    assert made.dtype == dtype
    assert made.shape == (n, p)
    close = {"rtol": 0, "atol": (3e-6 if dtype == np.float32 else 1e-13) * (abs(want).max() + 1)}
    np.testing.assert_allclose(made, want, **close)
    np.testing.assert_array_equal(kind(n_components=p, random_state=3).fit_transform(X), made)
    S = sparse.random_array((n, d), density=0.2, format="csr", rng=np.random.default_rng(1)).astype(dtype)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(S.indptr, S.indptr[1:])])
    turned = sparse.csr_array(
        (S.data[order], S.indices[order], S.indptr), S.shape
    )  # columns in another order
    want = S.toarray().astype(float) @ dense(step.components_).astype(float).T
    for given in (S, S.tocsc(), turned):
        np.testing.assert_allclose(dense(step.transform(given)), want, **close)
    assert step.components_.dtype == dtype
    assert list(step.get_feature_names_out()) == [f"{kind.__name__.lower()}{c}" for c in range(p)]


@pytest.mark.parametrize("kind", FOUR)
def test_any_cut_and_any_threads_give_the_same(kind: Any) -> None:
    X = rows(150, 700, np.float32)
    step = kind(n_components=50, random_state=1).fit(X)
    whole = step.transform(X)
    piece = step.transform(X[37:90])
    if kind is GaussianRandomProjection:  # BLAS may sum in another order
        np.testing.assert_allclose(piece, whole[37:90], rtol=0, atol=1e-5)
    else:
        np.testing.assert_array_equal(piece, whole[37:90])
        for n in (1, 2, 4):
            with threads(n):
                np.testing.assert_array_equal(step.transform(X), whole)
    # Other columns change nothing about those that are shared; nor does the rows' precision.
    wider = kind(
        n_components=50, random_state=1, **({"density": step.density_} if hasattr(step, "density_") else {})
    )
    wider.fit(rows(3, 720))
    if kind is not SRHTProjection:  # whose outputs are drawn among as many as the padded columns
        np.testing.assert_allclose(
            dense(wider.components_)[:, :700], dense(step.components_), rtol=2e-6, atol=1e-6
        )
    np.testing.assert_allclose(step.transform(X.astype(float)), whole, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", FOUR)
@pytest.mark.parametrize("as_sparse", [False, True])
def test_blocks_stream(kind: Any, as_sparse: bool, tmp_path: Path) -> None:
    X = rows(900, 40)
    X[abs(X) < 1] = 0
    data = sparse.csr_array(X) if as_sparse else X
    step = kind(n_components=8, random_state=0)
    lazy = step.fit_transform(blocks_of(data))
    assert lazy.n_columns == 8
    made = [block.X for block in lazy]
    assert len(made) > 1
    want = kind(n_components=8, random_state=0).fit(data).transform(data)
    assert sparse.issparse(made[0]) == sparse.issparse(want) == bool(lazy.is_sparse)
    np.testing.assert_allclose(np.concatenate([dense(m) for m in made]), dense(want), rtol=0, atol=1e-12)
    model = make_pipeline(clone(step), Ridge()).fit(blocks_of(data))
    alone = make_pipeline(clone(step), Ridge()).fit(data, np.arange(900.0))
    np.testing.assert_allclose(model.predict(data), alone.predict(data), rtol=1e-8)
    auto = kind(eps=0.99, random_state=0)
    assert auto.fit(blocks_of(rows(30, 200))).n_components_ == johnson_lindenstrauss_min_dim(30, eps=0.99)
    esker.save(step, tmp_path / "step.esker")
    for again in (esker.load(tmp_path / "step.esker"), pickle.loads(pickle.dumps(step))):
        np.testing.assert_array_equal(dense(again.transform(data)), dense(want))


@pytest.mark.parametrize("kind", FOUR)
def test_the_inverse_is_the_pseudo_inverse(kind: Any) -> None:
    X = rows(20, 30)
    for kept in (True, False):
        step = kind(n_components=12, compute_inverse_components=kept, random_state=0).fit(X)
        assert hasattr(step, "inverse_components_") == kept
        back = step.inverse_transform(step.transform(X))
        np.testing.assert_allclose(step.transform(back), step.transform(X), atol=1e-9)
        components = dense(step.components_)
        np.testing.assert_allclose(back, X @ components.T @ np.linalg.pinv(components).T, atol=1e-9)
    if kind is SRHTProjection:  # all outputs of a power of two: nothing is lost
        whole = SRHTProjection(n_components=32, random_state=0).fit(rows(5, 32))
        np.testing.assert_allclose(
            whole.inverse_transform(whole.transform(rows(5, 32))), rows(5, 32), atol=1e-12
        )


def test_entries_have_scikit_learns_distribution() -> None:
    X = np.zeros((1, 2500))
    ours = GaussianRandomProjection(n_components=200, random_state=0).fit(X).components_
    assert scipy.stats.kstest(ours.ravel() * np.sqrt(200), "norm").pvalue > 1e-3
    for density in ("auto", 1 / 3, 0.9, 1.0):
        step = SparseRandomProjection(n_components=200, density=density, random_state=0).fit(X)
        twin = sklearn.random_projection.SparseRandomProjection(
            n_components=200, density=density, random_state=0
        ).fit(X)
        assert step.density_ == twin.density_
        assert sparse.issparse(step.components_) == sparse.issparse(twin.components_)
        C, share = dense(step.components_), step.density_
        values = np.unique(C)
        np.testing.assert_allclose(values, np.unique(dense(twin.components_)), rtol=1e-12)
        assert abs((C != 0).mean() - share) < 5 * np.sqrt(share / C.size)
        assert abs(np.sign(C).mean()) < 5 * np.sqrt(share / C.size)
        # Independent by rows and by columns: counts of nonzero entries are binomial.
        for axis, n in ((0, 200), (1, 2500)):
            counts = (C != 0).sum(axis=axis)
            spread = n * share * (1 - share)
            assert counts.var() == pytest.approx(spread, rel=6 * np.sqrt(2 / counts.size), abs=1e-12)


@pytest.mark.parametrize("kind", FOUR)
@pytest.mark.parametrize("coherent", [False, True])
def test_inner_products_are_kept_on_average(kind: Any, coherent: bool) -> None:
    # Over 200 seeds: unbiased, with at most the variance of a Gaussian map (a count sketch's at p places is about the same).
    X = np.eye(2, 64) if coherent else rows(2, 64) / 8
    X[1] += X[0]
    p, seeds = 16, 200
    made = [kind(n_components=p, random_state=s).fit(X).transform(X) for s in range(seeds)]
    gram = np.array([m @ m.T for m in made])
    exact = X @ X.T
    squared = exact**2 + np.outer(np.diag(exact), np.diag(exact))  # of a Gaussian map: this / p
    spread = np.sqrt(squared / p)
    assert (
        abs(gram.mean(axis=0) - exact) < 4.5 * spread / np.sqrt(seeds) * (2 if coherent else 1) + 1e-12
    ).all()
    limit = 1.6 * squared / p
    if kind is SparseRandomProjection:  # the kurtosis of its entries adds sum x^2 y^2 (1 / density - 3) / p
        limit += (X**2 @ X.T**2) * 8 / p * 1.6
    assert (gram.var(axis=0) < limit + 1e-12).all()


@pytest.mark.parametrize("kind", [GaussianRandomProjection, SparseRandomProjection, SRHTProjection])
def test_distances_are_kept_as_the_bound_says(kind: Any) -> None:
    eps, X = 0.5, rows(25, 2000)
    p = johnson_lindenstrauss_min_dim(25, eps=eps)
    step = kind(eps=eps, random_state=0).fit(X)
    assert step.n_components_ == p
    made = step.transform(X)
    first, second = np.triu_indices(25, 1)
    before = ((X[first] - X[second]) ** 2).sum(axis=1)
    ratio = ((made[first] - made[second]) ** 2).sum(axis=1) / before
    assert ratio.min() > 1 - eps
    assert ratio.max() < 1 + eps
    assert ratio.std() < 1.3 * np.sqrt(2 / p)


def test_srht_spreads_what_lies_in_one_column() -> None:
    # A column alone is multiplied with +-1 / sqrt(p) in every place: lengths of single columns are kept exactly.
    made = SRHTProjection(n_components=10, random_state=0).fit_transform(np.eye(50))
    np.testing.assert_allclose(abs(made), 1 / np.sqrt(10))


def test_sparse_in_sparse_out() -> None:
    S = sparse.random_array((50, 400), density=0.05, format="csr", rng=np.random.default_rng(0))
    for kind in (SparseRandomProjection, CountSketchProjection):
        made = kind(n_components=30, random_state=0).fit_transform(S)
        assert made.format == "csr"
        whole = kind(n_components=30, dense_output=True, random_state=0).fit_transform(S)
        assert isinstance(whole, np.ndarray)
        np.testing.assert_allclose(made.toarray(), whole, atol=1e-15)
    for kind in (GaussianRandomProjection, SRHTProjection):
        assert isinstance(kind(n_components=30, random_state=0).fit_transform(S), np.ndarray)


@pytest.mark.parametrize("kind", FOUR)
def test_bad_input(kind: Any) -> None:
    for size in (0, -1, 2.5, "many"):
        with pytest.raises(ValueError, match="n_components"):
            kind(n_components=size).fit(rows(5, 5))
    for bad in (np.nan, np.inf):
        X = rows(40, 30)
        X[11, 7] = bad
        for data in (X, sparse.csr_array(X), X.astype(np.float32)):
            for call in ("fit", "fit_transform"):
                with pytest.raises(ValueError, match=r"NaN|infinity"):
                    getattr(kind(n_components=2), call)(data)
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                kind(n_components=2).fit(rows(40, 30)).transform(data)
    with pytest.raises(NotFittedError):
        kind(n_components=2).transform(rows())
    with pytest.raises(ValueError, match=r"30 features|expecting 30"):
        kind(n_components=2).fit(rows(4, 30)).transform(rows(4, 31))
    with pytest.raises(ValueError, match="larger than the original space"):
        kind().fit(rows(5, 5))
    with pytest.warns(DataDimensionalityWarning):
        kind(n_components=6).fit(rows(5, 5))
    # All-zero rows and columns, and rows that are none
    X = rows(6, 20)
    X[2], X[:, 3] = 0, 0
    made = kind(n_components=4, random_state=0).fit_transform(X)
    assert (made[2] == 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kind(n_components=1, random_state=0).fit_transform(np.ones((1, 1))).shape == (1, 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataDimensionalityWarning")
def test_srht_has_as_many_outputs_as_padded_columns() -> None:
    assert SRHTProjection(n_components=8, random_state=0).fit_transform(rows(3, 5)).shape == (3, 8)
    with pytest.raises(ValueError, match="at most 8, the 5 columns padded"):
        SRHTProjection(n_components=9).fit(rows(3, 5))
    with pytest.raises(ValueError, match="density"):
        SparseRandomProjection(n_components=2, density=0).fit(rows())


def test_frames() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(9, 6), columns=list("abcdef"))
    step = SRHTProjection(n_components=3, random_state=0).set_output(transform="pandas")
    assert step.fit_transform(frame).columns.tolist() == [f"srhtprojection{i}" for i in range(3)]
    assert step.transform(frame).columns.tolist() == [f"srhtprojection{i}" for i in range(3)]
    assert step.feature_names_in_.tolist() == list("abcdef")
