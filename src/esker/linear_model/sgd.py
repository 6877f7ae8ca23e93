"""SGDRegressor and SGDClassifier; the two share `_sgd`."""

from esker.linear_model._sgd_classifier import SGDClassifier
from esker.linear_model._sgd_regressor import SGDRegressor

__all__ = ["SGDClassifier", "SGDRegressor"]
