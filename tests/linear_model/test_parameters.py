"""Parameters of least squares: whatever they are set to, they are taken or refused by name, in words of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esker.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    TweedieRegressor,
)
from esker.svm import LinearSVC, LinearSVR

MODELS = [
    Ridge,
    LinearRegression,
    RidgeCV,
    RidgeClassifier,
    RidgeClassifierCV,
    Lasso,
    ElasticNet,
    LassoCV,
    ElasticNetCV,
    LogisticRegression,
    PoissonRegressor,
    GammaRegressor,
    TweedieRegressor,
    LinearSVC,
    LinearSVR,
]
ANYTHING: list[Any] = [
    "x", b"1", float("nan"), True, np.True_, 2.5, 0, -1, 10**30, 1j, None, [1, 2], [], {}, ["a"], [None], [[1.0]],
    np.array([1, 2]), np.array(4), np.int8(3), object(),
]  # fmt: skip


def data(model: Any) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).standard_normal((30, 2))
    labels = "Class" in model.__name__ or model in (LogisticRegression, LinearSVC)
    return X, (X[:, 0] > 0) if labels else np.exp(X[:, 0])


def refusal(model: Any, X: np.ndarray, y: np.ndarray) -> str:
    try:
        model.fit(X, y)
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", MODELS)
def test_anything_is_taken_or_refused_by_name(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = data(model)
    taken: dict[str, list[Any]] = {}
    for name in model().get_params():  # of refine only what is no number of passes: so many would be made
        for value in ANYTHING[:8] if name == "refine" else ANYTHING:
            told = refusal(model(**{name: value}), X, y)
            if not told:
                taken.setdefault(name, []).append(repr(value))
                continue
            if name == "random_state":  # in scikit-learn's words
                continue
            assert name in told, (name, value, told)
            # scikit-learn's of alphas are TypeErrors.
            assert told.startswith("ValueError") or name == "alphas", (name, value, told)
            assert "truth value" not in told, (name, value, told)
    flags = {"True", "False", "np.True_"}
    for name in ("copy_X", "fit_intercept", "positive", "warm_start", "keep_state", "store_cv_results"):
        assert set(taken.get(name, [])) <= flags
    for name in ("n_threads", "max_memory"):
        assert set(taken.get(name, [])) <= {"None", "np.int8(3)"}
    assert set(taken.get("cv", [])) <= {"None", "np.int8(3)"}
    assert set(taken.get("checkpoint", [])) <= {"None", "'x'", "b'1'"}


@pytest.mark.parametrize("value", ["x", float("nan"), 2.5, True, np.True_, 0, -1, [1], 1 << 40])
def test_threads_are_counted_in_integers(value: Any) -> None:
    with pytest.raises(ValueError, match="n_threads must be None or at least 1, an integer, got"):
        Ridge(n_threads=value).fit(*data(Ridge))


@pytest.mark.parametrize("value", [[1, 2], {}, 1j, "much", float("nan"), True, b"1GB"])
def test_memory_is_bytes_or_a_size(value: Any) -> None:
    with pytest.raises(ValueError, match="max_memory must be"):
        Ridge(max_memory=value).fit(*data(Ridge))


@pytest.mark.parametrize("value", [1, True, 2.5, ""])
def test_a_checkpoint_is_a_path(value: Any) -> None:
    """An integer would be a file that is open: 1 is the standard output, which would be closed."""
    for model in (Ridge, RidgeClassifier, Lasso, LinearRegression):
        with pytest.raises(ValueError, match="checkpoint must be None or a path, got"):
            model(checkpoint=value).fit(*data(model))
