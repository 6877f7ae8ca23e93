"""Lasso, ElasticNet and their CVs inside scikit-learn: its checks of the contract, its parameters by name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import sklearn.linear_model
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker.linear_model

NAMES = ["Lasso", "ElasticNet", "LassoCV", "ElasticNetCV"]


@parametrize_with_checks([getattr(esker.linear_model, name)() for name in NAMES])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", [*NAMES, "lasso_path", "enet_path"])
def test_every_parameter_of_scikit_learns_is_there_with_its_default(name: str) -> None:
    ours = inspect.signature(getattr(esker.linear_model, name)).parameters
    theirs = inspect.signature(getattr(sklearn.linear_model, name)).parameters
    for parameter in theirs.values():
        assert parameter.name in ours
        if parameter.name not in ("y", "alphas", "verbose"):
            assert ours[parameter.name].default == parameter.default
        assert ours[parameter.name].kind == parameter.kind
