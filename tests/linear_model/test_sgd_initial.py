"""coef_init and intercept_init of fit; sparsify and densify; t_."""

import numpy as np
import pytest
import sklearn.linear_model
from scipy import sparse

from esker import open_blocks, save
from esker.linear_model import SGDClassifier, SGDRegressor


def table(n=3000, d=8, classes=2, *, csr=False, seed=0, unit=1.0):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, d)) + 0.5) * np.geomspace(0.1, 100, d) * unit
    X = np.where(rng.random((n, d)) < 0.7, X, 0)
    W = rng.standard_normal((d, classes)) / np.geomspace(0.1, 100, d)[:, None]
    z = X / unit @ W
    y = (z + rng.gumbel(size=(n, classes)) * 0.5).argmax(axis=1)
    return (sparse.csr_array(X) if csr else X), y, z[:, 0] + 0.1 * rng.standard_normal(n) + 3


#: A rate so small that fit changes nothing: what it begins with is what comes out.
STILL = {"eta0": 1e-14, "max_iter": 1, "tol": None, "penalty": None, "random_state": 0}


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("rate", ["adagrad", "constant", "invscaling", "ftrl"])
def test_fit_begins_with_the_given_weights(csr, rate):
    X, y, z = table(csr=csr)
    rng = np.random.default_rng(1)
    coef, intercept = rng.standard_normal(8), 0.7
    params = {"learning_rate": rate, **STILL}
    model = SGDRegressor(**params).fit(X, z, coef_init=coef, intercept_init=intercept)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(model.predict(X), X @ coef + intercept, rtol=1e-4, atol=1e-3)
    model = SGDClassifier(**params).fit(X, y, coef_init=coef[None], intercept_init=[intercept])
    np.testing.assert_allclose(model.decision_function(X), X @ coef + intercept, rtol=1e-4, atol=1e-3)
    X, y, z = table(classes=3, csr=csr)
    coef, intercept = rng.standard_normal((3, 8)), rng.standard_normal(3)
    model = SGDClassifier(**params).fit(X, y, coef_init=coef, intercept_init=intercept)
    np.testing.assert_allclose(model.decision_function(X), X @ coef.T + intercept, rtol=1e-4, atol=1e-3)
    only = SGDClassifier(**params).fit(X, y, intercept_init=intercept)
    np.testing.assert_allclose(only.decision_function(X), np.zeros((3000, 3)) + intercept, atol=1e-3)


def test_poisson_begins_with_the_given_level():
    X, _, z = table()
    counts = np.random.default_rng(0).poisson(2.0, len(z))
    model = SGDRegressor("poisson", learning_rate="adagrad", **STILL).fit(
        X, counts, coef_init=np.zeros(8), intercept_init=1.5
    )
    np.testing.assert_allclose(model.intercept_, 1.5, atol=1e-4)


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("average", [False, True])
def test_plain_steps_go_on_as_scikit_learn_does(csr, average):
    X, y, _ = table(400, csr=csr, unit=0.01)
    coef, intercept = np.linspace(-1, 1, 8)[None], np.array([0.3])
    shared = {"loss": "hinge", "learning_rate": "constant", "eta0": 0.05, "alpha": 0.01, "average": average}
    shared |= {"shuffle": False, "max_iter": 2, "tol": None}
    ours = SGDClassifier(early_stopping=False, **shared).fit(X, y, coef_init=coef, intercept_init=intercept)
    theirs = sklearn.linear_model.SGDClassifier(**shared).fit(
        X, y, coef_init=coef.copy(), intercept_init=intercept.copy()
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=2e-3, atol=1e-5)
    assert ours.t_ == theirs.t_


@pytest.mark.parametrize("csr", [False, True])
def test_good_weights_save_epochs(csr):
    X, _, z = table(csr=csr)
    X = X @ np.diag(1 / np.geomspace(0.1, 100, 8))
    X = sparse.csr_array(X) if csr else X
    coef = sklearn.linear_model.Ridge(1e-6).fit(X, z)
    params = {"max_iter": 1, "tol": None, "eta0": 1e-4, "random_state": 0, "learning_rate": "constant"}
    cold = SGDRegressor(**params).fit(X, z)
    warm = SGDRegressor(**params).fit(X, z, coef_init=coef.coef_, intercept_init=coef.intercept_)
    exact = np.mean((coef.predict(X) - z) ** 2)
    assert np.mean((warm.predict(X) - z) ** 2) - exact < 0.2 * (np.mean((cold.predict(X) - z) ** 2) - exact)
    kept = SGDRegressor(warm_start=True, **params).fit(X, z)
    kept.fit(X, z, coef_init=coef.coef_, intercept_init=coef.intercept_)
    assert np.array_equal(kept.coef_, warm.coef_)  # they go before warm_start


def test_bad_first_weights_are_refused():
    X, y, z = table(300)
    plain = SGDRegressor(learning_rate="constant", eta0=1e-6)
    plain_without = SGDRegressor(learning_rate="constant", eta0=1e-6, fit_intercept=False)
    for model, given, message in [
        (plain, {"coef_init": np.zeros(7)}, r"coef_init must have shape \(8,\), got \(7,\)"),
        (SGDClassifier(learning_rate="ftrl"), {"coef_init": np.zeros((2, 8))}, "coef_init must have shape"),
        (plain, {"intercept_init": [1, 2]}, r"intercept_init must have shape \(1,\)"),
        (plain, {"coef_init": np.full(8, np.nan)}, "finite"),
        (plain_without, {"intercept_init": 1.0}, "no effect with fit_intercept=False"),
        (SGDRegressor(), {"coef_init": np.zeros(8)}, "are not for learning_rate='auto'"),
        (SGDRegressor(learning_rate="coin", penalty=None), {"coef_init": np.zeros(8)}, "'coin'"),
        (SGDRegressor(learning_rate="normalized"), {"coef_init": np.zeros(8)}, "'normalized'"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y if isinstance(model, SGDClassifier) else z, **given)


def test_a_checkpoint_with_other_first_weights_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.learning.CHECKPOINT_EVERY", 0.0)
    X, _, z = table()

    class Killed(Exception):
        pass

    def kill(self, entry):
        if entry["epoch"] == 1:
            raise Killed

    params = {"random_state": 0, "max_iter": 4, "tol": None, "learning_rate": "adagrad"}
    with monkeypatch.context() as patch:
        patch.setattr(SGDRegressor, "_show", kill)
        with pytest.raises(Killed):
            SGDRegressor(verbose=1, checkpoint=tmp_path / "c", **params).fit(X, z, coef_init=np.ones(8))
    with pytest.raises(ValueError, match="coef_init was"):
        SGDRegressor(checkpoint=tmp_path / "c", **params).fit(X, z)
    resumed = SGDRegressor(checkpoint=tmp_path / "c", **params).fit(X, z, coef_init=np.ones(8))
    assert np.array_equal(resumed.coef_, SGDRegressor(**params).fit(X, z, coef_init=np.ones(8)).coef_)


# --- sparse weights ---


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 3])
def test_sparse_weights_predict_the_same(csr, dtype, classes, tmp_path):
    X, y, z = table(classes=classes, csr=csr)
    X = X.astype(dtype)
    models = [
        SGDClassifier(learning_rate="ftrl", penalty="l1", alpha=0.01, random_state=0).fit(X, y),
        SGDRegressor(random_state=0).fit(X, z),
    ]
    for model in models:
        dense, before = model.coef_, model.predict(X)
        assert model.sparsify() is model
        assert sparse.issparse(model.coef_)
        assert model.coef_.shape == np.atleast_2d(dense).shape
        if isinstance(model, SGDClassifier):
            assert model.coef_.nnz < dense.size
            np.testing.assert_array_equal(model.predict(X), before)
            assert model.predict_proba(X).shape == (3000, classes)
        else:
            np.testing.assert_allclose(model.predict(X), before, rtol=1e-6)
        assert model.predict(open_blocks(X)).shape == before.shape
        with pytest.raises(ValueError, match=r"call densify\(\) first"):
            save(model, tmp_path / "m")
        assert sparse.issparse(model.sparsify().coef_)
        assert model.densify() is model
        assert np.array_equal(model.densify().coef_, dense)
        model.sparsify()
        model.partial_fit(X, y if isinstance(model, SGDClassifier) else z)
        assert isinstance(model.coef_, np.ndarray)


def test_only_fitted_models_have_weights_to_store_sparsely():
    for method in ("sparsify", "densify"):
        with pytest.raises(AttributeError, match="not fitted"):
            getattr(SGDClassifier(), method)()
