"""LassoCV and ElasticNetCV: the folds' errors, alphas and coefficients of scikit-learn, from one walk over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.linear_model
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

import esker
from esker.linear_model import ElasticNetCV, LassoCV

TIGHT: dict[str, Any] = {"tol": 1e-10, "max_iter": 10**5}


def rows(n: int = 300, d: int = 12, seed: int = 0, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Columns of scales over a decade, half of them far from zero."""
    rng = np.random.default_rng(seed)
    X = (
        rng.standard_normal((n, d)) + 0.3 * rng.standard_normal((n, 1)) + 10.0 * (np.arange(d) % 2)
    ) * np.logspace(0, -1, d)
    w = rng.standard_normal(d) * (rng.random(d) < 0.4) / np.logspace(0, -1, d)
    return X.astype(dtype), (X @ w + rng.standard_normal(n)).astype(dtype)


def agree(ours: Any, theirs: Any, *, rtol: float = 1e-7) -> None:
    np.testing.assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-10)
    assert ours.mse_path_.shape == theirs.mse_path_.shape
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=rtol)
    np.testing.assert_allclose(ours.alpha_, theirs.alpha_, rtol=1e-10)
    assert getattr(ours, "l1_ratio_", None) == getattr(theirs, "l1_ratio_", None)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fit_intercept": False},
        {"positive": True},
        {"cv": 3, "eps": 1e-2, "alphas": 20},
        {"alphas": [0.01, 1.0, 0.1]},
        {"alphas": [0.1]},
        {"cv": KFold(4, shuffle=True, random_state=0)},
        {"cv": ShuffleSplit(3, random_state=0, test_size=0.3)},
        {"cv": [(np.arange(100), np.arange(50, 200)), (np.arange(150, 300), np.arange(20))]},
        {"selection": "random", "random_state": 0},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_as_scikit_learn(options: dict[str, Any], weighted: bool) -> None:
    X, y = rows()
    weight = np.random.default_rng(1).integers(0, 4, len(X)).astype(float) if weighted else None
    options = {"alphas": 25, **options}
    agree(
        LassoCV(**options, **TIGHT).fit(X, y, weight),
        sklearn.linear_model.LassoCV(**options, **TIGHT).fit(X, y, weight),
    )
    for ratio in (0.3, [0.1, 0.9, 1.0]):
        agree(
            ElasticNetCV(l1_ratio=ratio, **options, **TIGHT).fit(X, y, weight),
            sklearn.linear_model.ElasticNetCV(l1_ratio=ratio, **options, **TIGHT).fit(X, y, weight),
        )


def test_at_the_default_tolerance_too() -> None:
    """The sweeps are the same, so that errors far below the tolerance agree."""
    X, y = rows()
    ours, theirs = ElasticNetCV().fit(X, y), sklearn.linear_model.ElasticNetCV().fit(X, y)
    agree(ours, theirs)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.dual_gap_, theirs.dual_gap_, rtol=1e-6, atol=1e-14)


def test_sparse_rows_and_float32() -> None:
    X, y = rows()
    X[np.random.default_rng(0).random(X.shape) < 0.6] = 0
    theirs = sklearn.linear_model.ElasticNetCV(**TIGHT).fit(X, y)
    agree(ElasticNetCV(**TIGHT).fit(sparse.csr_array(X), y), theirs)
    single = ElasticNetCV(**TIGHT).fit(X.astype(np.float32), y.astype(np.float32))
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.mse_path_, theirs.mse_path_, rtol=1e-5)
    np.testing.assert_allclose(single.coef_, theirs.coef_, rtol=1e-3, atol=1e-4)


def test_rows_of_files(tmp_path: Any) -> None:
    X, y = rows(6000)
    np.save(tmp_path / "rows.npy", np.c_[X, y])
    blocks = esker.open_blocks(tmp_path / "rows.npy", target=12, block_size=256 * 13 * 8)
    inside = LassoCV(alphas=20, **TIGHT).fit(X, y)
    agree(LassoCV(alphas=20, **TIGHT).fit(blocks), inside)
    np.savetxt(
        tmp_path / "rows.csv", np.c_[X, y], delimiter=",", header=",".join("abcdefghijklm"), comments=""
    )
    text = esker.open_blocks(tmp_path / "rows.csv", target="m")
    drawn = LassoCV(alphas=20, **TIGHT).fit(text)  # folds by key
    np.testing.assert_allclose(drawn.mse_path_.mean(1), inside.mse_path_.mean(1), rtol=0.02)
    np.testing.assert_allclose(drawn.coef_, inside.coef_, atol=0.1)
    assert not np.array_equal(drawn.mse_path_, inside.mse_path_)
    with pytest.raises(ValueError, match="cv must be a number of folds"):
        LassoCV(cv=KFold(3)).fit(text)


def test_threads_change_nothing() -> None:
    X, y = rows()
    one, two = (ElasticNetCV(l1_ratio=[0.2, 0.8], n_threads=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.mse_path_, two.mse_path_)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.coef_, ElasticNetCV(l1_ratio=[0.2, 0.8], n_jobs=-1).fit(X, y).coef_)
    with pytest.raises(ValueError, match="n_jobs and n_threads both"):
        ElasticNetCV(n_jobs=1, n_threads=1).fit(X, y)


def test_folds_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from esker.linear_model import _path_cv

    X, y = rows()
    whole = ElasticNetCV(l1_ratio=[0.2, 0.8]).fit(X, y)
    monkeypatch.setattr(_path_cv, "AT_ONCE", 1)
    np.testing.assert_array_equal(ElasticNetCV(l1_ratio=[0.2, 0.8]).fit(X, y).mse_path_, whole.mse_path_)


def test_groups_reach_the_splitter() -> None:
    X, y = rows()
    groups = np.arange(300) // 7
    with sklearn.config_context(enable_metadata_routing=True):
        ours = LassoCV(cv=GroupKFold(4), **TIGHT).fit(X, y, groups=groups)
        agree(ours, sklearn.linear_model.LassoCV(cv=GroupKFold(4), **TIGHT).fit(X, y, groups=groups))


def test_nothing_to_find() -> None:
    X, _ = rows(50)
    model = LassoCV(alphas=5).fit(X, np.full(50, 2.0))
    assert not model.coef_.any()
    assert (
        model.alphas_.tolist()
        == sklearn.linear_model.LassoCV(alphas=5).fit(X, np.full(50, 2.0)).alphas_.tolist()
    )


def test_refusals() -> None:
    X, y = rows(50)
    with pytest.raises(ValueError, match="not supported for l1_ratio=0"):
        ElasticNetCV(l1_ratio=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="Objective did not converge"):
        ElasticNetCV(max_iter=1, tol=1e-10).fit(X, y)
    with pytest.raises(ValueError, match=r"alphas\[1\] must be a number of at least 0"):
        LassoCV(alphas=[1, -1]).fit(X, y)
    for alphas in (None, True, 0, [], [[1.0]], "warn"):
        with pytest.raises(ValueError, match="alphas must be"):
            LassoCV(alphas=alphas).fit(X, y)
    for options, message in (
        ({"l1_ratio": [0.5, 2]}, r"l1_ratio\[1\] must be a number in \[0, 1\]"),
        ({"l1_ratio": []}, "l1_ratio must be a number in"),
        ({"eps": 0}, "eps must be a number above 0"),
        ({"precompute": X.T @ X}, "precompute as an array is not taken"),
        ({"cv": 60}, "cv must be at least 2 folds"),
    ):
        with pytest.raises(ValueError, match=message):
            ElasticNetCV(**options).fit(X, y)
    with pytest.raises(ValueError, match=r"X'X of 300 columns, 11 times, .*SGDRegressor"):
        LassoCV(max_memory="4MB").fit(np.zeros((10, 300)), np.zeros(10))
    weight = np.r_[np.zeros(10), np.ones(40)]
    with pytest.raises(ValueError, match=r"fold 0 of 5 .* no row of positive weight"):
        LassoCV().fit(X, y, weight)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        LassoCV().fit(X, np.c_[y, y])


def test_saved_and_handed_over(tmp_path: Any) -> None:
    X, y = rows()
    model = ElasticNetCV(l1_ratio=[0.5, 1.0]).fit(X, y)
    twin = model.to_sklearn()
    assert type(twin) is sklearn.linear_model.ElasticNetCV
    assert twin.alpha_ == model.alpha_
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    esker.save(model, tmp_path / "model")
    loaded = esker.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.mse_path_, model.mse_path_)
    assert not hasattr(LassoCV().fit(X, y), "l1_ratio_")
