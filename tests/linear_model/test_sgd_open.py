"""partial_fit(classes="open"): new classes may come later, and the model is that of all classes named at the start."""

import numpy as np
import pytest
from scipy import sparse

from esker import load, open_blocks, save
from esker.linear_model import SGDClassifier


def stream(n=2000, d=6, classes=5, *, csr=False, seed=0):
    """Rows whose classes come one after the other."""
    rng = np.random.default_rng(seed)
    y = np.minimum(rng.integers(0, classes, n), np.arange(n) * classes // n)
    y[-classes:] = np.arange(classes)
    X = rng.standard_normal((n, d)) + 2 * rng.standard_normal((classes, d))[y]
    X = np.where(np.abs(X) > 0.5, X, 0)
    return (sparse.csr_array(X) if csr else X), y


def learned(X, y, step, **params):
    model = SGDClassifier(**params)
    for i in range(0, len(y), step):
        model.partial_fit(X[i : i + step], y[i : i + step], classes="open" if i == 0 else None)
    return model


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("params", [{}, {"learning_rate": "constant"}, {"penalty": "l1"}, {"average": True}])
@pytest.mark.parametrize("classes", [3, 20, 40])
def test_any_cut_gives_the_model_of_classes_named_at_the_start(csr, params, classes):
    X, y = stream(classes=classes, csr=csr)
    names = np.array([f"class {c * 7 % classes:02d}" for c in range(classes)])
    models = [learned(X, names[y], step, **params) for step in (2000, 137, 16)]
    for model in models[1:]:
        assert model.coef_.tobytes() == models[0].coef_.tobytes()
        assert model.intercept_.tobytes() == models[0].intercept_.tobytes()
    assert models[0].classes_.tolist() == sorted(set(names.tolist()))
    named = SGDClassifier(eta0=0.5 if "learning_rate" not in params else None, **params)
    named.partial_fit(X, names[y], classes=names)
    np.testing.assert_allclose(models[0].coef_, named.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(models[0].intercept_, named.intercept_, rtol=1e-4, atol=1e-5)
    assert models[0].score(X, names[y]) == pytest.approx(named.score(X, names[y]), abs=0.002)


def test_one_class_two_classes_and_more():
    X, y = stream()
    model = SGDClassifier().partial_fit(X[:50], np.full(50, 7), classes="open")
    assert model.classes_.tolist() == [7]
    assert model.predict(X).tolist() == [7] * 2000
    assert model.predict_proba(X).tolist() == [[1.0]] * 2000
    assert model.coef_.shape == (1, 6)
    model.partial_fit(X[:50], np.full(50, 3))
    assert model.classes_.tolist() == [3, 7]
    assert model.coef_.shape == (2, 6)
    assert model.decision_function(X).shape == model.predict_proba(X).shape == (2000, 2)
    assert set(model.predict(X).tolist()) <= {3, 7}
    model.partial_fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 3, 4, 7]
    assert model.score(X, y) > 0.6


def test_saved_models_go_on(tmp_path):
    X, y = stream(classes=20)
    whole = learned(X, y, 1000)
    model = learned(X[:1000], y[:1000], 500)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert np.array_equal(again.predict(X), model.predict(X))
    model.partial_fit(X[1000:], y[1000:])
    assert model.coef_.tobytes() == whole.coef_.tobytes()


def test_class_weights_count():
    X, y = stream(classes=3)
    weight = {0: 1.0, 2: 4.0}
    model = learned(X, y, 100, class_weight=weight)
    by_rows = SGDClassifier()
    by_rows.partial_fit(X, y, classes="open", sample_weight=np.where(y == 2, 4.0, 1.0))
    assert model.coef_.tobytes() == by_rows.coef_.tobytes()


def test_what_cannot_be_open_is_refused():
    X, y = stream()
    with pytest.raises(ValueError, match="an array of labels or 'open'"):
        SGDClassifier().partial_fit(X, y, classes="any")
    named = SGDClassifier().partial_fit(X, y, classes=range(5))
    with pytest.raises(ValueError, match="is for the first call"):
        named.partial_fit(X, y, classes="open")
    model = SGDClassifier().partial_fit(X, y, classes="open")
    with pytest.raises(ValueError, match="needs no classes"):
        model.partial_fit(X, y, classes=range(5))
    with pytest.raises(ValueError, match="all texts or all numbers"):
        model.partial_fit(X[:2], np.array(["a", "b"]))
    with pytest.raises(ValueError, match="Unknown label type"):
        model.partial_fit(X, np.linspace(0, 1, 2000))
    with pytest.raises(ValueError, match="class_weight"):
        SGDClassifier(class_weight="balanced").partial_fit(X, y, classes="open")
    with pytest.raises(ValueError, match="begun with classes='open'"):
        model.set_params(warm_start=True).fit(X, y)
    model.set_params(warm_start=False).fit(X, y)
    assert model.coef_.shape == (5, 6)
    with pytest.raises(ValueError, match="is for the first call"):
        model.partial_fit(X, y, classes="open")


def test_a_call_that_fails_on_its_way_keeps_what_its_rows_taught_and_their_labels():
    X, y = stream(classes=4)
    names = np.array(["a", "b", "c", "d"])[y]
    first = 700

    def fails(begin):
        for i in range(begin, 1700, 100):
            yield X[i : i + 100], names[i : i + 100]
        raise OSError("the line is dead")

    def broken(model, begin, **more):
        with pytest.raises(OSError, match="the line is dead"):
            model.partial_fit(open_blocks(fails(begin), block_size="4 KiB"), **more)

    failed = SGDClassifier().partial_fit(X[:first], names[:first], classes="open")
    known, coef = failed.classes_.tolist(), failed.coef_.copy()
    broken(failed, first)
    assert failed.classes_.tolist() == known == ["a", "b"]  # as it was, until a call succeeds
    assert failed.coef_.tobytes() == coef.tobytes()
    taught = failed._kept["facts"]["rows"]
    assert taught > 1000  # where the third class has come
    failed.partial_fit(X[taught:], names[taught:])
    whole = learned(X, names, 2000)
    assert failed.classes_.tolist() == whole.classes_.tolist() == ["a", "b", "c", "d"]
    assert failed.coef_.tobytes() == whole.coef_.tobytes()
    assert failed.t_ == whole.t_
    fresh = SGDClassifier()
    broken(fresh, 0, classes="open")
    fresh.partial_fit(X, names, classes="open")
    assert fresh.coef_.tobytes() == whole.coef_.tobytes()
