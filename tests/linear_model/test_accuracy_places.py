"""Rows far from the origin, and columns that share a trend: errors against long double on the same rounded data.

A column such as a year has its mean 130 standard deviations away; sorted rows drift. Sums about the origin, or about a mean
that is fixed early, lose all digits there. `pytest -s` prints the figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.reference import error, oracle

from esker import open_blocks
from esker.linear_model import LinearRegression, Ridge, merge

PLACES = ["offset 0", "offset 100", "offset 1e4", "trend 100", "trend 1e4"]
N, D = 3000, 12


def rows(place: str, dtype: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    kind, size = place.split()
    shift = float(size) if kind == "offset" else np.linspace(-1, 1, N)[:, None] * (3**0.5 * float(size))
    X = (rng.standard_normal((N, D)) + shift).astype(dtype)
    return X, X.astype(np.float64) @ rng.standard_normal(D) + rng.standard_normal(N)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_digits_do_not_depend_on_the_place(place: str, dtype: Any, alpha: float) -> None:
    rng = np.random.default_rng(8)
    X, y = rows(place, dtype, rng)
    weight = rng.uniform(0.5, 2, N)
    true, intercept = oracle(X, y, alpha, weight)

    def fresh(**more: Any) -> Any:
        return Ridge(alpha, **more) if alpha else LinearRegression(**more)

    cuts = [slice(i, i + 1000) for i in range(0, N, 1000)]
    added = fresh()
    for cut in cuts:
        added.partial_fit(X[cut], y[cut], weight[cut])
    apart = [fresh(keep_state=True).partial_fit(X[cut], y[cut], weight[cut]) for cut in cuts]
    fits: dict[str, Any] = {
        "dense": fresh().fit(X, y, weight),
        "never refined": fresh(refine=False).fit(X, y, weight),
        "sparse": fresh().fit(sparse.csr_array(X), y, weight),
        "streamed": fresh().fit(open_blocks([(X[cut], y[cut], weight[cut]) for cut in cuts])),
        "partial_fit": added,
        "merged": merge(apart),
    }
    # Float64 keeps what the condition of the columns about their means allows: that of a shared trend is its size squared.
    again = {"dense", "sparse", "streamed"}
    for how, model in fits.items():
        found = error(model.coef_, true)
        print(f"{place}, {np.dtype(dtype).name}, alpha {alpha:g}, {how}: {found:.1e}, passes {model.n_iter_}")
        if dtype == np.float32:
            assert found <= 1e-5
        else:
            assert found <= (1e-10 if how in again or place != "trend 1e4" else 1e-7)
        assert model.coef_.dtype == dtype
        truth = X.astype(np.longdouble) @ true[0] + intercept[0]
        assert float(np.abs(model.predict(X.astype(np.float64)) - truth).max() / y.std()) <= 1e-6


def test_few_nonzeros_and_a_column_of_years() -> None:
    rng = np.random.default_rng(2)
    X = np.where(rng.random((2000, 100)) < 0.02, rng.standard_normal((2000, 100)), 0.0)
    X[:, 0] = 2000 + rng.integers(0, 15, 2000)
    y = X @ rng.standard_normal(100) + rng.standard_normal(2000)
    given = sparse.csr_array(X)
    assert given.nnz < 0.05 * X.size
    true, intercept = oracle(X, y, 0.5)
    for how, model in {
        "fit": Ridge(0.5).fit(given, y),
        "partial_fit": Ridge(0.5).partial_fit(given[:1000], y[:1000]).partial_fit(given[1000:], y[1000:]),
    }.items():
        found = error(model.coef_, true)
        print(f"years, {how}: {found:.1e}")
        assert found <= 1e-9
        np.testing.assert_allclose(model.intercept_, intercept.astype(float), rtol=1e-7)
