"""Targets that are too large to square, constant, or of odd shapes: a right answer or an error in words, and no warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from esker import open_blocks
from esker.linear_model import ElasticNet, Lasso, LassoCV, LinearRegression, Ridge, RidgeCV

REGRESSORS: list[Any] = [
    Ridge(),
    Ridge(fit_intercept=False),
    Ridge(solver="sparse_cg"),
    Ridge(solver="svd"),
    Ridge(positive=True),
    LinearRegression(),
    RidgeCV(),
    RidgeCV(cv=3),
    RidgeCV(cv=3, scoring="neg_mean_absolute_error"),
    RidgeCV(gcv_mode="gcv"),
]


def data(n: int = 60, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    return X, X[:, 0] + 0.5 * rng.standard_normal(n)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 1e200, 1e154, 1e146])
@pytest.mark.parametrize("shape", [(60, 3), (20, 50)], ids=str)
@pytest.mark.parametrize(
    "model", [*REGRESSORS, Lasso(), ElasticNet(fit_intercept=False), LassoCV(cv=3)], ids=str
)
def test_targets_whose_squares_overflow_are_refused(model: Any, shape: tuple[int, int], scale: float) -> None:
    X, y = data(*shape)
    y = y / np.abs(y).max() * scale
    for rows in ((X, y), (X.astype(np.float32), y), (sparse.csr_array(X), y), (X, y, np.full(len(y), 0.3))):
        with pytest.raises(ValueError, match=r"sum of squares of target 0 is beyond 1e.290.*scale it down"):
            model.fit(*rows)
    if hasattr(model, "partial_fit") and getattr(model, "solver", "auto") != "sparse_cg":
        with pytest.raises(ValueError, match="sum of squares of target 0"):
            model.__class__(**model.get_params()).partial_fit(X, y)


@pytest.mark.parametrize("shape", [(60, 3), (20, 50)], ids=str)
@pytest.mark.parametrize(
    "model", [*REGRESSORS, Lasso(), ElasticNet(fit_intercept=False), LassoCV(cv=3)], ids=str
)
def test_columns_whose_squares_overflow_are_refused(model: Any, shape: tuple[int, int]) -> None:
    """Lasso made coefficients of 0 of them, and said nothing."""
    X, y = data(*shape)
    X[:, 1] *= 1e200
    with pytest.raises(ValueError, match=r"(the sums? of (products|squares) of (column 1|the rows)).*scale"):
        model.fit(X, y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", REGRESSORS, ids=str)
@pytest.mark.parametrize("scale", [1e142, 1e-140])
def test_targets_near_the_ends_of_the_range_scale_the_answer(model: Any, scale: float) -> None:
    X, y = data()
    plain = model.fit(X, y).coef_
    np.testing.assert_allclose(
        model.fit(X, y * scale).coef_, plain * scale, rtol=1e-3 if "cg" in str(model) else 1e-9
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 3), (20, 50)], ids=str)
@pytest.mark.parametrize("model", [m for m in REGRESSORS if m.fit_intercept], ids=str)
def test_a_constant_target_has_no_gap(model: Any, shape: tuple[int, int], weighted: bool) -> None:
    X, _ = data(*shape)
    weight = np.random.default_rng(1).uniform(0.1, 3, len(X)) if weighted else None
    for constant in (0.0, 3.0, 0.1, -1e5, 1e-7):
        for rows in (X, X.astype(np.float32), sparse.csr_array(X)):
            model.fit(rows, np.full(len(X), constant), sample_weight=weight)
            assert np.abs(model.coef_).max() <= 1e-15 * abs(constant)
            assert model.intercept_ == pytest.approx(constant, rel=1e-15)
            assert model.suboptimality_ == 0


def test_a_target_that_is_almost_constant_has_a_gap() -> None:
    """One row off by some last places is no constant: nothing is claimed that rounding does not bear out."""
    X, _ = data()
    y = np.full(60, 3.0)
    y[7] += 1e-12
    model = Ridge().fit(X, y)
    assert model.suboptimality_ > 0
    both = Ridge().fit(X, np.column_stack([np.full(60, 3.0), data()[1]]))
    assert 0 < both.suboptimality_ < 1e-20  # the constant one does not hide the other


def test_a_target_that_became_constant_by_forgetting() -> None:
    X, y = data()
    y[30:] = 2.0
    model = Ridge(keep_state=True).fit(X, y).forget(X[:30], y[:30])
    np.testing.assert_allclose(model.coef_, 0, atol=1e-13)
    assert model.intercept_ == pytest.approx(2, rel=1e-13)
    assert model.suboptimality_ == 0


def test_streams_of_constant_targets() -> None:
    X, _ = data()
    y = np.full(60, 0.3)
    blocks = open_blocks(lambda: iter([(X[i : i + 7], y[i : i + 7]) for i in range(0, 60, 7)]))
    assert Ridge().fit(blocks).suboptimality_ == 0
