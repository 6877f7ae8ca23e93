"""The sketches of rows: statistics against theory, merging, weights, errors, and what they refuse."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from esker.blocks import open_blocks
from esker.sketch import SRHT, CountSketch, GaussianSketch, SparseSign

LINEAR = [SparseSign, CountSketch, GaussianSketch, SRHT]
linear = pytest.mark.parametrize("family", LINEAR, ids=lambda f: f.__name__)


def rows(n: int = 2000, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, 2)), rng.random(n)


def matrix(family: Any, size: int, n: int, **options: Any) -> np.ndarray:
    """S itself: the sketch of the identity."""
    return family(size, **options).partial_fit(np.eye(n)).sketch_


@linear
def test_the_gram_is_unbiased_and_varies_as_theory_says(family: Any) -> None:
    X = rows(300, 3, 1)[0] * [1.0, 3.0, 0.2]
    size, seeds, G = 40, 200, X.T @ X
    grams = np.array(
        [np.dot(Z.T, Z) for s in range(seeds) for Z in [family(size, random_state=s).fit_resample(X)[0]]]
    )
    errors = grams - G
    # E (Z'Z - G)_ij^2 = (G_ii G_jj + G_ij^2 - 2 sum_k x_ki^2 x_kj^2) / size
    squares = X**2
    variance = (np.outer(np.diag(G), np.diag(G)) + G**2 - 2 * squares.T @ squares) / size
    assert (np.abs(errors.mean(axis=0)) < 4 * np.sqrt(variance / seeds)).all()
    np.testing.assert_allclose((errors**2).mean(axis=0), variance, rtol=0.45)
    total = (errors**2).sum(axis=(1, 2)).mean() / variance.sum()
    assert total == pytest.approx(1.0, rel=0.3)


@linear
@pytest.mark.parametrize("coherent", [False, True])
def test_embedding_distortion(family: Any, coherent: bool) -> None:
    n, d = 1024, 8
    size = 400 if family is CountSketch else 128
    Q = np.eye(n, d) if coherent else np.linalg.qr(rows(n, d)[0])[0]
    worst = []
    for seed in range(30):
        found = np.linalg.svd(family(size, random_state=seed).fit_resample(Q)[0], compute_uv=False)
        worst.append(max(found[0] - 1, 1 - found[-1]))
    assert np.median(worst) < 1.5 * np.sqrt(d / size)
    assert max(worst) < 0.75


@linear
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_the_matrix_times_the_weighted_rows(family: Any, dtype: str, sparse: bool) -> None:
    X, Y, w = rows()
    S = matrix(family, 64, len(X))
    given = X.astype(dtype)
    given = sp.csr_array(given) if sparse else given
    Z, z = family(64).fit_resample(given, Y, w)
    assert Z.dtype == dtype
    assert z.dtype == np.float64
    root = np.sqrt(w)[:, None]
    np.testing.assert_allclose(Z, S @ (root * X), rtol=0, atol=1e-3 if dtype == "float32" else 1e-11)
    np.testing.assert_allclose(z, S @ (root * Y), rtol=0, atol=1e-11)


@linear
def test_shards_add_up_in_any_cut(family: Any) -> None:
    X, Y, w = rows()
    whole = family(50, n_probes=5).partial_fit(X, Y, w)
    first, second = family(50, n_probes=5), family(50, n_probes=5)
    for begin in range(0, 1200, 400):
        first.partial_fit(X[begin : begin + 400], Y[begin : begin + 400], w[begin : begin + 400])
    second.partial_fit(sp.csr_array(X[1200:]), Y[1200:], w[1200:], first_row=1200)
    merged = pickle.loads(pickle.dumps(second)).merge(first)
    for one in (
        merged,
        family(50, n_probes=5).partial_fit(open_blocks(X, target=Y, weight=w, block_size=8192)),
    ):
        np.testing.assert_allclose(one.sketch_, whole.sketch_, rtol=0, atol=1e-11)
        np.testing.assert_allclose(one.y_sketch_, whole.y_sketch_, rtol=0, atol=1e-11)
        assert one.error_estimate_.estimate == pytest.approx(whole.error_estimate_.estimate)
        assert one.n_rows_ == 2000
        assert one.sum_of_weights_ == pytest.approx(w.sum())


@linear
def test_error_estimates_cover_the_truth(family: Any) -> None:
    X = rows(500, 6)[0] * np.geomspace(1, 10, 6)
    G = X.T @ X
    ratios, covered = [], 0
    for seed in range(200):
        sketch = family(100, random_state=seed, n_probes=10).partial_fit(X)
        truth = np.linalg.norm(sketch.sketch_.T @ sketch.sketch_ - G) / np.linalg.norm(G)
        found = sketch.error_estimate_
        covered += truth <= found.bound
        ratios.append(
            (found.estimate / truth * np.linalg.norm(sketch.sketch_.T @ sketch.sketch_) / np.linalg.norm(G))
            ** 2
        )
    assert found.confidence == 0.95
    assert covered >= 190
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.15)  # unbiased, and not merely large


@linear
def test_same_bits_for_any_number_of_threads(family: Any) -> None:
    from esker._native import threads

    cases = [
        rows(6000, 70)[0],
        rows(9000, 40)[0].astype(np.float32),
        sp.random_array((9000, 300), density=0.02, rng=1).tocsr(),
    ]
    for X in cases:
        for size in (40, 2500):
            found = []
            for n in (1, 2, 4):
                with threads(n):
                    found.append(family(size).fit_resample(X)[0].tobytes())
            assert found[0] == found[1] == found[2]


@linear
def test_rank_deficient_and_empty_rows_and_columns(family: Any) -> None:
    X = np.zeros((500, 4))
    X[::3, 1] = 1.0
    X[::3, 2] = 2.0
    sketch = family(30, n_probes=4)
    Z, _ = sketch.fit_resample(X)
    assert not Z[:, [0, 3]].any()
    np.testing.assert_allclose(Z[:, 2], 2 * Z[:, 1], rtol=1e-14)
    assert np.isfinite(sketch.error_estimate_.estimate)
    nothing = family(30, n_probes=4)
    assert not nothing.fit_resample(np.zeros((500, 4)))[0].any()
    assert nothing.error_estimate_[:2] == (0.0, 0.0)


@linear
def test_one_row_and_one_column(family: Any) -> None:
    with pytest.warns(UserWarning, match="gains nothing on 1 rows"):
        Z, z = family(8).fit_resample([[3.0]], [2.0])
    np.testing.assert_allclose(2 * Z[:, 0], 3 * z)
    if family is not GaussianSketch:
        assert np.linalg.norm(Z) == pytest.approx(3.0)


@linear
def test_bad_input(family: Any) -> None:
    X, Y, w = rows()
    with pytest.raises(ValueError, match="size must be an integer from 1 to 1073741823, got 0"):
        family(0).fit_resample(X)
    gaps = X.copy()
    gaps[7, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        family(50).fit_resample(gaps)
    good = family(50).partial_fit(X)
    before = good.sketch_
    with pytest.raises(ValueError, match="X contains NaN or infinity in row 7, column 3"):
        good.partial_fit(gaps)
    assert good.sketch_.tobytes() == before.tobytes()
    with pytest.raises(ValueError, match="zero in every row"):
        family(50).fit_resample(X, Y, np.zeros(len(X)))
    with pytest.raises(ValueError, match="weights must be finite and at least 0"):
        family(50).fit_resample(X, Y, -w)
    with pytest.raises(ValueError, match="must be numbers to be added up"):
        family(50).fit_resample(X, np.full(len(X), "a"))
    with pytest.raises(ValueError, match="expected float64 rows with 0 targets"):
        good.partial_fit(X.astype(np.float32))
    with pytest.raises(ValueError, match="expecting 12 columns"):
        good.partial_fit(X[:, :5])
    with pytest.raises(ValueError, match="more than half"):
        family(10**6).fit_resample(open_blocks(X, max_memory="64MB"))
    with pytest.raises(AttributeError, match="n_probes=10"):
        _ = good.error_estimate_
    assert clone(good).get_params() == good.get_params()


@linear
def test_what_does_not_merge(family: Any) -> None:
    X, Y, _ = rows()
    base = family(50).partial_fit(X)
    later = {"first_row": len(X)}
    others = [
        family(51).partial_fit(X, **later),
        family(50, random_state=1).partial_fit(X, **later),
        family(50).partial_fit(X.astype(np.float32), **later),
        family(50).partial_fit(X, Y, **later),
        family(50).partial_fit(X[:, :3], **later),
        family(50, n_probes=3).partial_fit(X, **later),
        next(f for f in LINEAR if f is not family)(50).partial_fit(X, **later),
    ]
    for other in others:
        with pytest.raises(
            ValueError, match=rf"^{family.__name__}\(size=50.* cannot absorb {type(other).__name__}\("
        ):
            base.merge(other)
    with pytest.raises(ValueError, match="both sketches have seen the row of key 1500"):
        base.merge(family(50).partial_fit(X, first_row=1500))
    with pytest.raises(ValueError, match="cannot absorb itself"):
        base.merge(base)
    with pytest.raises(TypeError, match="expected a fitted"):
        base.merge(X)
    with pytest.raises(ValueError, match="the row of key 10 is in the sketch already"):
        base.partial_fit(X, first_row=10)


def test_few_nonzeros_need_as_many_rows() -> None:
    with pytest.raises(ValueError, match="at least the 8 rows"):
        SparseSign(7).fit_resample(rows()[0])
    with pytest.raises(ValueError, match="nonzeros must be an integer from 1 to 64"):
        SparseSign(100, nonzeros=65).fit_resample(rows()[0])
    base = SparseSign(50).partial_fit(rows()[0])
    with pytest.raises(ValueError, match=r"nonzeros=8.*cannot absorb.*nonzeros=4"):
        base.merge(SparseSign(50, nonzeros=4).partial_fit(rows()[0], first_row=5000))
