"""A fit that one absurd value has ruined says so, and which value; one that is merely poor does not."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from esker.linear_model import SGDClassifier, SGDRegressor


def ruined(n=2000, at=700):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 4))
    y = X @ [1.0, 2.0, -1.0, 3.0] + rng.standard_normal(n) / 2
    X[at] = 1e5
    return X, y


@pytest.mark.parametrize(("kind", "n"), [(SGDRegressor, 400), (SGDRegressor, 2000), (SGDClassifier, 400)])
def test_a_value_that_ruins_a_fit_is_named(kind, n):
    X, y = ruined(n, 200)
    y = y > 0 if kind is SGDClassifier else y
    with pytest.warns(
        ConvergenceWarning, match=r"no better than a constant.*value 1e\+05 in row 200, column [0-3]"
    ):
        kind(random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(random_state=0).fit(np.delete(X, 200, axis=0), np.delete(y, 200))


@pytest.mark.parametrize("rate", ["adagrad", "ftrl"])
def test_raw_steps_that_are_worse_than_a_constant_say_so(rate):
    X, y = ruined(400, 200)
    with pytest.warns(ConvergenceWarning, match="no better than a constant"):
        SGDRegressor(learning_rate=rate, random_state=0).fit(X, y)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "huber", "log_loss", "hinge"])
def test_targets_that_are_noise_are_no_fault(loss, make):
    """No column says anything of them, so that a constant is best; nothing stands out."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((3000, 5))
    kind = SGDRegressor if loss in ("squared_error", "quantile", "huber") else SGDClassifier
    y = rng.standard_normal(3000) if kind is SGDRegressor else rng.random(3000) < 0.3
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kind(loss, random_state=0).fit(make(X), y)
    assert not [w for w in told if "constant" in str(w.message)]
