"""Sketches that are rows, and Frequent Directions: statistics, leverage, bounds, merging, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from esker.blocks import open_blocks
from esker.sketch import CountSketch, FrequentDirections, LeverageRows, SparseSign, UniformRows

ROWS = [UniformRows, LeverageRows]
ALL = [*ROWS, FrequentDirections]
samples = pytest.mark.parametrize("family", ROWS, ids=lambda f: f.__name__)
every = pytest.mark.parametrize("family", ALL, ids=lambda f: f.__name__)


def rows(n: int = 2000, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, 2)), rng.random(n)


def grams(family: Any, X: np.ndarray, size: int, seeds: int = 200, weight: Any = None) -> np.ndarray:
    found = []
    for seed in range(seeds):
        Z, _ = family(size, random_state=seed).fit_resample(X, None, weight)
        found.append(Z.T @ Z)
    return np.array(found)


def test_a_uniform_sample_varies_as_theory_says() -> None:
    X = rows(300, 3, 1)[0]
    size, n, G = 40, 300, X.T @ X
    errors = grams(UniformRows, X, size) - G
    products = X[:, :, None] * X[:, None, :]
    variance = n**2 * (1 - size / n) / size * products.var(axis=0, ddof=1)  # sampling without replacement
    assert (np.abs(errors.mean(axis=0)) < 4 * np.sqrt(variance / len(errors))).all()
    assert (errors**2).mean(axis=0).sum() == pytest.approx(variance.sum(), rel=0.2)


def test_a_sample_by_leverage_is_unbiased_and_sees_what_is_rare() -> None:
    X, _, weight = rows(400, 3, 1)
    X = np.column_stack([X, np.zeros(400)])
    X[7, 3] = 5.0
    root = np.sqrt(weight)[:, None]
    G = (root * X).T @ (root * X)
    found = grams(LeverageRows, X, 60, weight=weight)
    spread = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - G) <= 4 * spread + 1e-9).all()
    assert (found[:, 3, 3] > 0).mean() > 0.98  # in a sixth of uniform samples
    whitened = np.linalg.inv(np.linalg.cholesky(G))
    distortion = [np.linalg.norm(whitened @ g @ whitened.T - np.eye(4), 2) for g in found]
    assert np.median(distortion) < 2 * np.sqrt(4 / 60)


def test_coherent_rows_are_all_kept() -> None:
    X = np.zeros((1000, 5))
    X[100:105] = np.eye(5)
    Z, _ = LeverageRows(20).fit_resample(X)
    np.testing.assert_allclose(Z.T @ Z, np.eye(5), rtol=1e-12)
    assert np.linalg.matrix_rank(UniformRows(20).fit_resample(X)[0]) < 5


@every
@pytest.mark.parametrize("sparse", [False, True])
def test_cuts_and_shards(family: Any, sparse: bool) -> None:
    X, Y, w = rows()
    options = {"first_sketch": SparseSign(100).partial_fit(X, None, w)} if family is LeverageRows else {}
    given = sp.csr_array(X) if sparse else X
    whole = family(50, n_probes=5, **options).partial_fit(X, Y, w)
    blocks = open_blocks(given, target=Y, weight=w, block_size=8192)
    cut = family(50, n_probes=5, **options).partial_fit(blocks)
    np.testing.assert_allclose(cut.sketch_, whole.sketch_, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cut.y_sketch_, whole.y_sketch_, rtol=0, atol=1e-9)
    assert cut.error_estimate_.estimate == pytest.approx(whole.error_estimate_.estimate)
    first = family(50, **options).partial_fit(given[:700], Y[:700], w[:700])
    second = family(50, **options).partial_fit(given[700:], Y[700:], w[700:], first_row=700)
    merged = second.merge(first)
    if family is FrequentDirections:
        A = np.sqrt(w)[:, None] * np.column_stack([X, Y])
        Z = np.column_stack([merged.sketch_, merged.y_sketch_])
        assert np.linalg.norm(A.T @ A - Z.T @ Z, 2) <= merged.covariance_error_ + 1e-9
    else:
        np.testing.assert_allclose(merged.sketch_, whole.sketch_, rtol=0, atol=1e-9)
        np.testing.assert_allclose(merged.y_sketch_, whole.y_sketch_, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="both sketches have seen the row of key 700"):
        second.merge(family(50, **options).partial_fit(given[700:], Y[700:], w[700:], first_row=700))


@every
def test_dtypes_and_few_rows(family: Any) -> None:
    X, Y, _ = rows(30)
    if family is FrequentDirections:
        Z, z = family(50).fit_resample(X.astype(np.float32), Y[:, 0])
        assert Z.shape == (50, 12)
        assert z.shape == (50,)
    else:
        with pytest.warns(UserWarning, match="gains nothing on 30 rows"):
            Z, z = family(50).fit_resample(X.astype(np.float32), Y[:, 0])
        np.testing.assert_allclose(Z, X, rtol=1e-6)
        np.testing.assert_allclose(z, Y[:, 0])
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z.T @ Z, X.T @ X, atol=1e-4)


@every
def test_bad_input(family: Any) -> None:
    X = rows()[0]
    with pytest.raises(ValueError, match="size must be an integer from 1 to 1073741823, got 0"):
        family(0).fit_resample(X)
    gaps = X.copy()
    gaps[:] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        family(500).fit_resample(gaps)
    zero = family(20, n_probes=2)
    Z, _ = zero.fit_resample(np.zeros((100, 3)))
    assert not Z.any()
    assert zero.error_estimate_.estimate == 0
    one = family(1).fit_resample(np.full((5, 1), 2.0))[0]
    assert one.shape == (1, 1)
    with pytest.raises(ValueError, match="must be numbers to be added up"):
        family(20).fit_resample(X, np.full(len(X), "a"))


def test_leverage_walks_twice() -> None:
    X = rows()[0]
    with pytest.raises(ValueError, match="need a first sketch of all rows"):
        LeverageRows(50).partial_fit(X)
    with pytest.raises(ValueError, match="read only once"):
        LeverageRows(50).fit_resample(open_blocks(iter([(X, None)])))
    with pytest.raises(ValueError, match="first_sketch has 5 columns, and the rows have 12"):
        LeverageRows(50, first_sketch=CountSketch(60).partial_fit(X[:, :5])).partial_fit(X)
    one = LeverageRows(50, first_sketch=CountSketch(60).partial_fit(X)).partial_fit(X)
    other = LeverageRows(50, first_sketch=CountSketch(61).partial_fit(X)).partial_fit(X, first_row=9000)
    with pytest.raises(ValueError, match=r"scores=\w+.* cannot absorb .*scores=\w+"):
        one.merge(other)


def test_frequent_directions_hold_their_bound() -> None:
    X = rows(1500, 40)[0] * 0.8 ** np.arange(40)
    G, size = X.T @ X, 15
    sketch = FrequentDirections(size)
    Z, _ = sketch.fit_resample(X)
    lost = np.linalg.eigvalsh(G - Z.T @ Z)
    assert lost[0] > -1e-9 * lost[-1]
    assert lost[-1] <= sketch.covariance_error_ * (1 + 1e-9)
    values = np.linalg.svd(X, compute_uv=False) ** 2
    assert sketch.covariance_error_ <= min(values[k:].sum() / (size - k) for k in range(size))
    again = FrequentDirections(size).partial_fit(X[:100])
    for begin in range(100, 1500, 350):
        again.partial_fit(X[begin : begin + 350])
    np.testing.assert_allclose(again.sketch_, Z, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_leverage_has_no_units(dtype: str) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((1000, 3)) * [1e9, 1.0, 0.0]).astype(dtype)
    X[77] = [0.0, 0.0, 1e-6]  # the only row of its column
    Z, _ = LeverageRows(60).fit_resample(X)
    assert (Z[:, 2] ** 2).sum() == pytest.approx(1e-12, rel=1e-4)


def test_what_a_failed_call_left_in_the_sketch_is_said() -> None:
    X = rows()[0]

    def parts() -> Any:
        yield X[:700], None
        yield np.where(X[700:] > 3, np.nan, X[700:]), None

    sketch = UniformRows(50).partial_fit(X)
    with pytest.raises(ValueError, match="NaN") as failed:
        sketch.partial_fit(open_blocks(parts()))
    assert sketch.n_rows_ in (2000, 2700)
    notes = getattr(failed.value, "__notes__", [])
    assert any("700 rows of" in note for note in notes) == (sketch.n_rows_ == 2700)
    with pytest.raises(ValueError, match="first_row must be an integer from 0 to"):
        sketch.partial_fit(X, first_row=2**63 - 1)


def test_a_first_sketch_that_has_no_room_is_refused() -> None:
    X = sp.csr_array(([1.0, 2.0], ([0, 1], [5, 2**20 - 1])), shape=(2, 2**20))
    with pytest.raises(ValueError, match=r"a first sketch of 4 x 1048576 rows .* give a smaller one"):
        LeverageRows(10).fit_resample(X)
