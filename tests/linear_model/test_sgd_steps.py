"""scikit-learn's learning rates against scikit-learn itself, row by row; and how fit uses them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model

from esker.linear_model import SGDClassifier, SGDRegressor

#: scikit-learn's and ours are given the same parameters, also where one has no effect.
pytestmark = pytest.mark.filterwarnings("ignore:.*alpha=.* has no effect with penalty=None:UserWarning")

RATES = [
    {"learning_rate": "constant", "eta0": 0.03},
    {"learning_rate": "optimal"},
    {"learning_rate": "invscaling", "eta0": 0.5, "power_t": 0.5},
    {"learning_rate": "invscaling", "eta0": 0.3, "power_t": 0.3},
]
rates = pytest.mark.parametrize("rate", RATES, ids=lambda rate: "-".join(str(v) for v in rate.values()))
penalties = pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])


def table(n=3000, d=12, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X @ rng.normal(size=d) + 0.5 + rng.normal(size=n)


@rates
@penalties
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "perceptron"])
@pytest.mark.parametrize("sparse", [False, True])
def test_classifiers_walk_as_scikit_learn_does(rate, penalty, loss, sparse):
    X, z = table(600)
    y, data = z > 0, sp.csr_array(X) if sparse else X
    optimal = rate["learning_rate"] == "optimal"  # its first steps at a small alpha lose all digits
    common = {"loss": loss, "penalty": penalty, "alpha": 0.1 if optimal else 1e-3, "shuffle": False, **rate}
    ours = SGDClassifier(early_stopping=False, **common)
    theirs = sklearn.linear_model.SGDClassifier(**common)
    for model in (ours, theirs):
        model.partial_fit(data, y, classes=[False, True])
    atol = 2e-5 * np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=atol)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("rate", [RATES[0], *RATES[2:]])
@pytest.mark.parametrize(
    "loss", ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]
)
def test_regressors_walk_as_scikit_learn_does_where_steps_are_small(rate, loss):
    X, y = table(2000)
    common = {"loss": loss, "penalty": "l2", "alpha": 1e-2, "shuffle": False, **rate}
    common["eta0"] = rate["eta0"] / 30
    ours = SGDRegressor(early_stopping=False, **common).partial_fit(X, y)
    theirs = sklearn.linear_model.SGDRegressor(**common).partial_fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0.03, atol=0.03 * np.abs(theirs.coef_).max())


@rates
def test_fit_reaches_the_test_error_of_scikit_learn(rate):
    X, z = table(20000)
    y = z > 0
    ours = SGDClassifier(random_state=0, **rate).fit(X[:15000], y[:15000])
    theirs = sklearn.linear_model.SGDClassifier("log_loss", random_state=0, **rate).fit(X[:15000], y[:15000])
    assert ours.score(X[15000:], y[15000:]) > theirs.score(X[15000:], y[15000:]) - 0.01


def test_defaults_of_rates():
    X, z = table(500)
    for cls, power in ((SGDClassifier, 0.5), (SGDRegressor, 0.25)):
        y = z > 0 if cls is SGDClassifier else z
        bare, named = (
            cls(learning_rate="invscaling", early_stopping=False, random_state=0, **more).fit(X, y)
            for more in ({}, {"eta0": 0.01, "power_t": power})
        )
        np.testing.assert_array_equal(bare.coef_, named.coef_)


def test_adaptive_lowers_its_rate_when_nothing_is_gained():
    X, y = table(3000)
    params = {"eta0": 0.1, "random_state": 0, "tol": 1e-3, "n_iter_no_change": 2}
    model = SGDRegressor(learning_rate="adaptive", **params).fit(X, y)
    events = [e for e in model.schedule_["decisions"] if e["event"] == "lowered"]
    assert len(events) == 8  # 0.1 / 5^7 is above 1e-6, 0.1 / 5^8 below
    assert model.stop_reason_ == "converged"
    constant = SGDRegressor(learning_rate="constant", **params).fit(X, y)
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y)[0]
    assert np.linalg.norm(model.coef_ - exact[:-1]) < 0.5 * np.linalg.norm(constant.coef_ - exact[:-1])
    again = SGDRegressor(learning_rate="adaptive", **params).fit(X, y, schedule=model.schedule_)
    np.testing.assert_array_equal(again.coef_, model.coef_)
    warm = SGDRegressor(learning_rate="adaptive", warm_start=True, **params).fit(X, y)
    lowered = len(warm.fit(X, y).schedule_["decisions"])
    assert lowered == 8  # from eta0 on again


def test_a_killed_fit_goes_on_with_the_lowered_rate(tmp_path, monkeypatch):
    X, y = table(3000)
    params = {"learning_rate": "adaptive", "eta0": 0.1, "random_state": 0, "max_iter": 200}
    whole = SGDRegressor(**params).fit(X, y)
    from esker import learning

    monkeypatch.setattr(learning, "CHECKPOINT_EVERY", 0.0)
    path, epochs = tmp_path / "checkpoint", []

    class Killed(Exception):
        pass

    def kill(self, entry):
        epochs.append(entry["epoch"])
        if entry["epoch"] == 40:
            raise Killed

    monkeypatch.setattr(SGDRegressor, "_show", kill)
    with pytest.raises(Killed):
        SGDRegressor(checkpoint=path, verbose=1, **params).fit(X, y)
    monkeypatch.undo()
    resumed = SGDRegressor(checkpoint=path, **params).fit(X, y)
    np.testing.assert_array_equal(resumed.coef_, whole.coef_)
    assert resumed.schedule_ == whole.schedule_
    assert any(e["event"] == "lowered" for e in whole.schedule_["decisions"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"learning_rate": "fast"}, "learning_rate must be one of"),
        ({"learning_rate": "pa1"}, "learning_rate='pa1' is not implemented"),
        ({"learning_rate": "optimal", "eta0": 0.1}, "eta0=0.1 has no effect with learning_rate='optimal'"),
        ({"learning_rate": "optimal", "alpha": 0}, "divides by alpha"),
        ({"learning_rate": "constant", "power_t": 0.5}, "power_t=0.5 has no effect"),
        ({"power_t": 0.5}, "power_t=0.5 has no effect with learning_rate='auto'"),
        ({"learning_rate": "invscaling", "power_t": -1}, "power_t must be a number of at least 0"),
        ({"learning_rate": "adaptive", "tol": None}, "set tol"),
        ({"learning_rate": "adagrad", "power_t": 0.5}, "power_t=0.5 has no effect"),
        (
            {"learning_rate": "coin", "penalty": None, "eta0": 0.5},
            "eta0=0.5 has no effect with learning_rate='coin'",
        ),
        ({"learning_rate": "coin", "penalty": "l1"}, "has no penalty, got penalty='l1'"),
        ({"learning_rate": "coin", "alpha": 0.5}, "alpha=0.5 has no effect with learning_rate='coin'"),
        ({"penalty": None, "penalty_scale": "raw"}, "penalty_scale='raw' has no effect with penalty=None"),
        ({"learning_rate": "ftrl", "penalty_scale": "feature"}, "penalty_scale='feature' is for"),
        ({"learning_rate": "constant", "penalty_scale": "feature"}, "penalty_scale='feature' is for"),
    ],
)
def test_bad_steps_are_refused(params, message):
    X, z = table(100)
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**params).fit(X, z > 0)


@pytest.mark.parametrize("rate", ["adagrad", "normalized", "ftrl"])
@pytest.mark.parametrize("sparse", [False, True])
def test_adaptive_steps_reach_the_exact_solution_without_tuning(rate, sparse):
    X, z = table(20000)
    data = sp.csr_array(X) if sparse else X
    ours = SGDClassifier(learning_rate=rate, random_state=0).fit(data[:15000], z[:15000] > 0)
    exact = sklearn.linear_model.LogisticRegression(C=np.inf).fit(X[:15000], z[:15000] > 0)
    assert ours.score(data[15000:], z[15000:] > 0) > exact.score(X[15000:], z[15000:] > 0) - 0.005
    number = SGDRegressor(learning_rate=rate, random_state=0, alpha=1e-6).fit(data, z)
    least = np.linalg.lstsq(np.c_[X, np.ones(len(X))], z)[1][0] / len(X)
    assert np.mean((z - number.predict(data)) ** 2) < 1.02 * least


@pytest.mark.parametrize("rate", ["constant", "adagrad", "normalized", "ftrl"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_an_absurd_value_leaves_the_other_features_alone(rate, loss):
    X, z = table(5000)
    X[:, 0] = 0.0
    X[100, 0] = 1e20
    model = SGDClassifier(loss, learning_rate=rate, random_state=0).fit(sp.csr_array(X[:4000]), z[:4000] > 0)
    clean = SGDClassifier(loss, learning_rate=rate, random_state=0).fit(
        sp.csr_array(X[:4000, 1:]), z[:4000] > 0
    )
    assert np.isfinite(model.coef_).all()
    assert model.score(X[4000:], z[4000:] > 0) > clean.score(X[4000:, 1:], z[4000:] > 0) - 0.02


@pytest.mark.parametrize("sparse", [False, True])
def test_coin_betting_has_nothing_to_tune(sparse):
    X, z = table(20000)
    X *= 10.0 ** np.arange(-6, 6)
    data = sp.csr_array(X) if sparse else X
    ours = SGDClassifier(learning_rate="coin", penalty=None, random_state=0).fit(data[:15000], z[:15000] > 0)
    Z = X / 10.0 ** np.arange(-6, 6)
    exact = sklearn.linear_model.LogisticRegression(C=np.inf).fit(Z[:15000], z[:15000] > 0)
    assert ours.score(data[15000:], z[15000:] > 0) > exact.score(Z[15000:], z[15000:] > 0) - 0.01
    number = SGDRegressor(learning_rate="coin", penalty=None, random_state=0).fit(data, z)
    plain = SGDRegressor(learning_rate="coin", random_state=0).fit(data, z)  # whose "l2" is none
    np.testing.assert_array_equal(plain.coef_, number.coef_)
    least = np.linalg.lstsq(np.c_[Z, np.ones(len(Z))], z)[1][0] / len(Z)
    assert np.mean((z - number.predict(data)) ** 2) < 1.05 * least


@pytest.mark.parametrize(
    ("rate", "size"),
    [
        *((rate, size) for rate in ("adagrad", "normalized", "ftrl", "coin") for size in (1e-40, 1e-25)),
        ("normalized", 1e18),  # the others take features as they are
        ("coin", 1e18),
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_values_at_the_ends_of_float32_leave_the_other_features_alone(rate, sparse, size):
    X, z = table(3000)
    X[:, 0] *= size
    data = sp.csr_array(X) if sparse else X
    penalty = {"penalty": None} if rate == "coin" else {"penalty": "elasticnet"}
    model = SGDClassifier(learning_rate=rate, random_state=0, **penalty).fit(data[:2000], z[:2000] > 0)
    assert np.isfinite(model.coef_).all()
    assert model.score(data[2000:], z[2000:] > 0) > 0.75


def test_ftrl_selects_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20000, 50))
    y = X[:, :5] @ [2, -2, 1, -1, 1] + rng.normal(size=20000) > 0
    common = {"learning_rate": "ftrl", "random_state": 0}
    model = SGDClassifier(penalty="l1", alpha=0.02, **common).fit(X, y)
    assert (model.coef_[0, :5] != 0).all()
    assert (model.coef_[0, 5:] == 0).sum() > 40
    exact = sklearn.linear_model.LogisticRegression(
        l1_ratio=1, C=1 / (0.02 * len(X)), solver="saga", tol=1e-6, max_iter=1000
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=0.1)


def test_models_go_on_with_the_steps_that_they_have():
    X, y = table(200)
    model = SGDRegressor(learning_rate="constant", early_stopping=False).partial_fit(X, y)
    with pytest.raises(ValueError, match="other steps than learning_rate='invscaling'"):
        model.set_params(learning_rate="invscaling").partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit does not know"):
        SGDRegressor(learning_rate="adaptive").partial_fit(X, y)


def test_to_sklearn_keeps_the_rate():
    X, z = table(300)
    ours = SGDClassifier(learning_rate="invscaling", eta0=0.2, power_t=0.4, random_state=0).fit(X, z > 0)
    twin = ours.to_sklearn()
    assert (twin.learning_rate, twin.eta0, twin.power_t) == ("invscaling", 0.2, 0.4)
    np.testing.assert_array_equal(twin.predict(X), ours.predict(X))
