"""scikit-learn's own checks of the contract, for the ridge models that choose alpha or learn labels."""

from __future__ import annotations

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from esker.linear_model import RidgeClassifier, RidgeClassifierCV, RidgeCV


@parametrize_with_checks([RidgeCV(), RidgeClassifier(), RidgeClassifierCV(), RidgeCV(cv=3)])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)
