"""scikit-learn's own checks of the contract."""

from __future__ import annotations

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from esker.linear_model import Ridge


@parametrize_with_checks([Ridge()])
def test_contract(estimator: Any, check: Any) -> None:
    check(estimator)
