"""Rows that come, go and meet: partial_fit, forget and merge equal one fit of the rows that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from esker import open_blocks
from esker.blocks import ArrayBlocks, Block
from esker.folds import Gram
from esker.linear_model import Ridge, SGDRegressor, merge


def rows(n: int = 600, d: int = 7, offset: float = 5.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + offset
    return X, X @ np.arange(1.0, d + 1) + rng.standard_normal(n)


def kept(X: Any, y: Any, **options: Any) -> Ridge:
    return Ridge(keep_state=True, **options).fit(X, y)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_merged_models_are_the_fit_of_all_rows(make: Any, fit_intercept: bool) -> None:
    X, y = rows()
    parts = [slice(0, 100), slice(100, 350), slice(350, None)]
    both = merge([kept(make(X[p]), y[p], fit_intercept=fit_intercept) for p in parts])
    whole = Ridge(fit_intercept=fit_intercept).fit(make(X), y)
    np.testing.assert_allclose(both.coef_, whole.coef_, rtol=1e-11)
    np.testing.assert_allclose(both.intercept_, whole.intercept_, rtol=1e-10)
    assert both.n_features_in_ == 7
    assert both.state_.rows == len(X)


def test_a_merged_model_goes_on() -> None:
    X, y = rows()
    both = merge([kept(X[:200], y[:200]), kept(X[200:300], y[200:300])])
    np.testing.assert_allclose(both.partial_fit(X[300:], y[300:]).coef_, Ridge().fit(X, y).coef_, rtol=1e-11)


def test_what_cannot_be_merged_is_refused() -> None:
    X, y = rows()
    one = kept(X, y)
    with pytest.raises(ValueError, match="at least one fitted model"):
        merge([])
    with pytest.raises(ValueError, match=r"differ in alpha: 1\.0 and 2\.0"):
        merge([one, kept(X, y, alpha=2.0)])
    with pytest.raises(ValueError, match="7 and 6 columns"):
        merge([one, kept(X[:, :6], y)])
    with pytest.raises(ValueError, match="those that step cannot be merged"):
        merge([one, SGDRegressor(max_iter=1).fit(X, y)])
    wide = Ridge().fit(*rows(20, 400))
    with pytest.raises(ValueError, match="keep_state=True"):
        merge([wide, wide])


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 60),
    gone=st.integers(1, 40),
    d=st.integers(1, 5),
    seed=st.integers(0, 2**20),
    offset=st.sampled_from([0.0, 100.0, 1e4]),
    weighted=st.booleans(),
)
def test_what_is_forgotten_never_was(
    n: int, gone: int, d: int, seed: int, offset: float, weighted: bool
) -> None:
    gone = min(gone, n - 2)
    X, y = rows(n, d, offset, seed)
    w = np.random.default_rng(seed).uniform(0.5, 2, n) if weighted else None
    state, left, rest = Gram(), Gram(), Gram()
    state.update(Block(X, y, w))
    left.update(Block(X[:gone], y[:gone], None if w is None else w[:gone]))
    rest.update(Block(X[gone:], y[gone:], None if w is None else w[gone:]))
    state.forget(left)
    scale = np.sqrt(np.outer(*2 * [(X - X.mean(axis=0)).std(axis=0)])) * n
    np.testing.assert_allclose(state.mean_x, rest.mean_x, rtol=1e-11)
    assert np.abs((state.finish() - rest.finish()) / scale).max() < 1e-10 * max(1.0, offset / 10)
    assert state.rows == rest.rows
    np.testing.assert_allclose(state.weight, rest.weight, rtol=1e-12)


def test_a_sliding_window() -> None:
    X, y = rows(3_000)
    model = kept(X[:500], y[:500])
    for begin in range(0, 2_500, 100):
        model.partial_fit(X[begin + 500 : begin + 600], y[begin + 500 : begin + 600])
        model.forget(X[begin : begin + 100], y[begin : begin + 100])
    np.testing.assert_allclose(model.coef_, Ridge().fit(X[2_500:], y[2_500:]).coef_, rtol=1e-10)
    assert model.state_.rows == 500


def test_a_category_that_disappears_is_constant_again() -> None:
    X, y = rows()
    X[:, 3] = np.arange(len(X)) < 50
    model = kept(X, y).forget(X[:50], y[:50])
    assert model.coef_[3] == 0
    want = Ridge().fit(X[50:], y[50:])
    np.testing.assert_allclose(model.coef_, want.coef_, rtol=1e-10, atol=1e-15)


def test_rounding_that_would_be_left_is_refused_and_nothing_changes() -> None:
    X, y = rows(100, 3, 0.0)
    X[:50, 1] *= 1e6
    model = kept(X, y)
    before = model.coef_.copy(), model.state_.to_arrays()
    with pytest.raises(ValueError, match="would leave column 1 with"):
        model.forget(X[:50], y[:50])
    with pytest.raises(ValueError, match="fewer rows to forget"):
        model.forget(X, y)
    assert np.array_equal(model.coef_, before[0])
    for name, array in model.state_.to_arrays().items():
        assert np.array_equal(array, before[1][name])


def test_digits_lost_by_forgetting_are_told() -> None:
    X, y = rows(400, 3, 0.0)
    X[:200] *= 3e3
    model = kept(X, y, alpha=0.0)
    lost = model.state_._state.loss(True)
    model.forget(X[:200], y[:200])
    assert model.state_._state.loss(True) > 1e6 * lost
    np.testing.assert_allclose(model.coef_, Ridge(alpha=0.0).fit(X[200:], y[200:]).coef_, rtol=1e-6)


def test_rows_that_were_not_learned_are_not_forgotten() -> None:
    X, y = rows()
    model = kept(X, y)
    before, coef = model.state_.to_arrays(), model.coef_.copy()
    with pytest.raises(ValueError, match="more of column 0 than was learned"):
        model.forget(X[:100] * 1e3, y[:100])
    with pytest.raises(ValueError, match="more of target 0 than was learned"):
        model.forget(X[:100], y[:100] * 1e3)
    assert all(np.array_equal(before[name], array) for name, array in model.state_.to_arrays().items())
    assert np.array_equal(model.coef_, coef)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": [1.0, 2.0]}, "one number a target"),
        ({"refine": True}, "reads the rows again"),
        ({"refine": 2}, "reads the rows again"),
        ({"keep_state": False, "solver": "sparse_cg"}, "have their sums only"),
    ],
)
def test_parameters_without_a_use_are_refused_before_the_sums_change(options: Any, message: str) -> None:
    X, y = rows()
    model = kept(X[:300], y[:300])
    usual = {name: value for name, value in model.get_params().items() if name in options}
    model.set_params(**options)
    for learn in (model.partial_fit, model.forget):
        with pytest.raises(ValueError, match=message):
            learn(X[300:], y[300:])
    if "alpha" not in options:
        with pytest.raises(ValueError, match=message):
            merge([model, model])
    model.set_params(**usual).partial_fit(X[300:], y[300:])
    np.testing.assert_allclose(model.coef_, Ridge().fit(X, y).coef_, rtol=1e-11)


def test_forgetting_needs_sums() -> None:
    X, y = rows(20, 400)
    with pytest.raises(ValueError, match="keep_state=True"):
        Ridge().fit(X, y).forget(X, y)


def test_a_stream_that_breaks_leaves_the_sums_as_they_were(tmp_path: Path) -> None:
    X, y = rows()
    model = kept(X, y)
    before = model.state_.to_arrays()
    lines = [",".join(map(str, [*x, t])) for x, t in zip(X.tolist(), y.tolist())]
    lines[-1] = lines[-1].replace(",", ",oops", 1)
    (tmp_path / "x.csv").write_text("a,b,c,d,e,f,g,y\n" + "\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="oops"):
        model.partial_fit(open_blocks(tmp_path / "x.csv", target="y", block_size="20KB"))
    for name, array in model.state_.to_arrays().items():
        assert np.array_equal(array, before[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("weight", [None, 0.0])
def test_numbers_that_are_none_are_found_by_the_sums(bad: float, weight: float | None) -> None:
    X, y = rows()
    X[77, 2] = bad
    w = None if weight is None else np.where(np.arange(len(X)) == 77, weight, 1.0)
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        Ridge().fit(X, y, sample_weight=w)
    model = kept(*rows())
    before = model.state_.to_arrays()
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        model.partial_fit(X, y)
    assert np.array_equal(model.state_.to_arrays()["xx"], before["xx"])


def test_array_blocks_are_searched_by_default() -> None:
    X, _ = rows()
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        list(ArrayBlocks(X))
