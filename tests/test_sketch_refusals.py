"""Sketches of rows: what must not get in unseen, names of columns, and error estimates of very large and small numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from esker.sketch import (
    SRHT,
    CountSketch,
    FrequentDirections,
    GaussianSketch,
    LeverageRows,
    SparseSign,
    UniformRows,
)

ONE_WALK = [SparseSign, CountSketch, GaussianSketch, SRHT, UniformRows, FrequentDirections]
one_walk = pytest.mark.parametrize("family", ONE_WALK, ids=lambda f: f.__name__)
X = np.random.default_rng(5).standard_normal((900, 4))


@pytest.mark.parametrize("family", [*ONE_WALK, LeverageRows], ids=lambda f: f.__name__)
@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_one_gap_anywhere_is_refused(family: Any, gap: float) -> None:
    gaps, y, w = X.copy(), X[:, 0].copy(), np.ones(len(X))
    gaps[[3, 500], 2] = gap, 0.0
    y[700] = gap
    w[77] = gap
    with pytest.raises(ValueError, match="NaN"):
        family(20).fit_resample(gaps)
    with pytest.raises(ValueError, match="NaN"):
        family(20).fit_resample(X, y)
    with pytest.raises(ValueError, match=r"weights must be finite and at least 0, got (nan|inf) in row 77"):
        family(20).fit_resample(X, None, w)


def test_gaps_are_not_dropped_as_rows_without_leverage() -> None:
    gaps = X.copy()
    gaps[3, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN or infinity in row 3, column 2"):
        LeverageRows(20, first_sketch=SparseSign(40).partial_fit(X)).fit_resample(gaps)


@one_walk
def test_columns_of_other_names_are_not_added(family: Any) -> None:
    named = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    turned = named[["a", "c", "b", "d"]]
    match = "'b' in place 1 .* got 'c'"
    with pytest.raises(ValueError, match=match):
        family(20).partial_fit(named).partial_fit(turned)
    with pytest.raises(ValueError, match=match):
        family(20).partial_fit(named).merge(family(20).partial_fit(turned, first_row=900))
    # rows without names go by their places
    both = family(20).partial_fit(named).partial_fit(X)
    assert both.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_allclose(both.sketch_, family(20).partial_fit(np.tile(X, (2, 1))).sketch_, atol=1e-9)


def test_test_sketches_of_other_seeds_are_not_added() -> None:
    a, b = (
        FrequentDirections(20, n_probes=5, random_state=s).partial_fit(X, first_row=900 * s) for s in (0, 1)
    )
    with pytest.raises(ValueError, match=r"n_probes=5 of seed 0.* cannot absorb .*n_probes=5 of seed 1"):
        a.merge(b)
    # without one, nothing of the sketch is random
    a, b = (FrequentDirections(20, random_state=s).partial_fit(X, first_row=900 * s) for s in (0, 1))
    a.merge(b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exponent", [-100, 60, 100])
def test_error_estimates_do_not_depend_on_the_unit(dtype: str, exponent: int) -> None:
    plain, scaled = SparseSign(50, n_probes=5), SparseSign(50, n_probes=5)
    plain.fit_resample(X.astype(dtype))
    scaled.fit_resample((X * 2.0**exponent).astype(dtype))
    np.testing.assert_allclose(scaled.error_estimate_, plain.error_estimate_, rtol=1e-4)


def test_a_size_beyond_all_machines_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"size must be an integer from 1 to 1073741823, got 10+$"):
        SparseSign(10**30).fit_resample(np.ones((5, 2)))
