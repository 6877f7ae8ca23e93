"""Linear models, named as in scikit-learn."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name -> the module that defines it.
_NAMES: dict[str, str] = {
    "GammaRegressor": "esker.linear_model.glm",
    "PoissonRegressor": "esker.linear_model.glm",
    "TweedieRegressor": "esker.linear_model.glm",
    "LinearRegression": "esker.linear_model.linear_regression",
    "ElasticNet": "esker.linear_model.elastic_net",
    "ElasticNetCV": "esker.linear_model.elastic_net_cv",
    "LogisticRegression": "esker.linear_model.logistic_regression",
    "Lasso": "esker.linear_model.elastic_net",
    "LassoCV": "esker.linear_model.elastic_net_cv",
    "Ridge": "esker.linear_model.ridge",
    "RidgeCV": "esker.linear_model.ridge_cv",
    "RidgeClassifier": "esker.linear_model.ridge_classifier",
    "RidgeClassifierCV": "esker.linear_model.ridge_cv",
    "SGDClassifier": "esker.linear_model.sgd",
    "SGDClassifierCV": "esker.linear_model.sgd_cv",
    "SGDRegressor": "esker.linear_model.sgd",
    "SGDRegressorCV": "esker.linear_model.sgd_cv",
    "enet_path": "esker.linear_model._enet_path",
    "lasso_path": "esker.linear_model._enet_path",
    "ridge_path": "esker.linear_model._ridge_path",
    "merge": "esker.linear_model._merge",
}

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'esker.linear_model' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
