"""One absurd value in one row: learning by steps gets over it, and the other features with it."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import StandardScaler

from esker.linear_model import SGDClassifier, SGDRegressor

# Of the row itself the prediction is absurd, which is said.
pytestmark = pytest.mark.filterwarnings("ignore:.*predicts no better than a constant")
X, LABELS = load_breast_cancer(return_X_y=True)
D, NUMBERS = load_diabetes(return_X_y=True)


@pytest.mark.parametrize("value", [1e5, 1e10, 1e15, 1e20, -1e30])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_epsilon_insensitive"])
def test_one_absurd_value_spares_the_other_features(loss, value):
    rows = StandardScaler().fit_transform(D)
    rest = np.arange(442) != 5
    rows[5, 2] = value
    kept = SGDRegressor(loss, random_state=0).fit(rows, NUMBERS).score(rows[rest], NUMBERS[rest])
    assert kept > 0.35
    for x in (rows, rows.astype(np.float32)):
        labels = SGDClassifier(loss, random_state=0).fit(x, NUMBERS > 140)
        assert labels.score(x[rest], NUMBERS[rest] > 140) > 0.68


def test_an_absurd_value_among_columns_that_depend_on_each_other():
    rows = StandardScaler().fit_transform(X)
    rows[5, 2] = 1e20
    rest = np.arange(569) != 5
    for model in (SGDRegressor(random_state=0), SGDRegressor("huber", random_state=0)):
        assert model.fit(rows, LABELS).score(rows[rest], LABELS[rest]) > 0.6
    model = SGDClassifier("squared_error", random_state=0).fit(rows, LABELS)
    assert model.score(rows[rest], LABELS[rest]) > 0.93


@pytest.mark.parametrize("value", [1e6, 1e300])
def test_an_absurd_value_after_the_scales_are_settled_spares_its_own_feature(value):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80_000, 2))
    y = rows @ [1.0, 2.0] + 0.1 * rng.normal(size=80_000)
    rows[70_000, 0] = value
    model = SGDRegressor(random_state=0, shuffle=False, max_iter=1, tol=None, early_stopping=False)
    np.testing.assert_allclose(model.fit(rows, y).coef_, [1.0, 2.0], atol=0.05)


@pytest.mark.parametrize("value", [1e4, 1e6, 1e20])
@pytest.mark.parametrize("n", [1500, 20_000])
def test_an_absurd_value_on_the_right_side_spares_its_own_feature(n, value):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 6))
    labels = rows[:, 3] * 2 + rows[:, 0] + rng.logistic(size=n) > 0
    rows[5, 3], labels[5] = value, True
    coef = SGDClassifier(random_state=0).fit(rows, labels).coef_[0]
    assert 1.5 < coef[3] < 2.5
