"""What linear models share: input as Blocks, widths and names, float64 scores, streamed predict and score, to_sklearn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file, make_classification, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from esker import open_blocks
from esker._parameters import parse_duration
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor
from esker.linear_model._base import scores_of


class Pieces:
    """A re-iterable of (X, y) in several blocks."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __iter__(self):
        return iter(self.pieces)


def fitted(kind="regressor", n=2000, d=6, csr=False, **params):
    if kind == "regressor":
        X, y = make_regression(n, d, noise=3.0, random_state=0)
        model = SGDRegressor(random_state=0, **params)
    else:
        X, y = make_classification(n, d, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
        y = np.array(["a", "b", "c"])[y]
        model = SGDClassifier(random_state=0, **params)
    if csr:
        X = sparse.csr_array(np.where(X > 0, X, 0))
    return model.fit(X, y), X, y


# --- scores ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("csr", [False, True])
def test_scores_are_accumulated_in_float64(dtype, csr):
    rng = np.random.default_rng(0)
    dense = (1e4 + rng.standard_normal((5000, 40))).astype(dtype)
    X = sparse.csr_array(dense) if csr else dense
    coef = rng.standard_normal((2, 40)).astype(dtype)
    exact = dense.astype(np.float64) @ coef.T.astype(np.float64) + [1.0, -2.0]
    np.testing.assert_allclose(scores_of(X, coef, np.array([1.0, -2.0])), exact, rtol=1e-12, atol=1e-7)
    np.testing.assert_allclose(scores_of(X, coef[0], 1.0), exact[:, 0], rtol=1e-12, atol=1e-7)


def test_no_float64_copy_of_x_is_made():
    import tracemalloc

    X = np.ones((200_000, 50), np.float32)
    tracemalloc.start()
    try:
        scores_of(X, np.ones(50, np.float32), 0.0)
        assert tracemalloc.get_traced_memory()[1] < 8e6  # a copy is 80 MB
    finally:
        tracemalloc.stop()


# --- predict and score of Blocks ---


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("csr", [False, True])
def test_blocks_are_predicted_and_scored_as_arrays_are(kind, csr, tmp_path):
    model, X, y = fitted(kind, csr=csr)
    blocks = open_blocks(Pieces((X[:700], y[:700]), (X[700:1100], y[700:1100]), (X[1100:], y[1100:])))
    wanted = model.predict(X)
    assert np.array_equal(model.predict(blocks), wanted)
    path = model.predict(blocks, out=tmp_path / "p.npy")
    assert np.array_equal(np.load(path), wanted)
    assert model.score(blocks) == pytest.approx(model.score(X, y), rel=1e-12)
    if kind == "classifier":
        np.testing.assert_allclose(model.predict_proba(blocks), model.predict_proba(X))
        np.testing.assert_allclose(
            np.load(model.decision_function(blocks, out=tmp_path / "d.npy")), model.decision_function(X)
        )
    assert sorted(p.name for p in tmp_path.iterdir()) in (["p.npy"], ["d.npy", "p.npy"])


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_weighted_scores_of_blocks(kind):
    model, X, y = fitted(kind)
    weight = np.random.default_rng(0).random(len(y))
    weight[:300] = 0
    pieces = [(X[i : i + 250], y[i : i + 250], weight[i : i + 250]) for i in range(0, 2000, 250)]
    assert model.score(open_blocks(Pieces(*pieces))) == pytest.approx(model.score(X, y, weight), rel=1e-12)


def test_r2_of_constant_targets_is_scikit_learns():
    model, X, _ = fitted()
    y = np.full(2000, 3.0)
    assert model.score(open_blocks(X, target=y)) == model.score(X, y) == 0.0


def test_predictions_that_fail_leave_no_file(tmp_path):
    model, X, y = fitted()
    bad = X.copy()
    bad[1500, 2] = np.nan
    with pytest.raises(ValueError, match="row 2500"):
        model.predict(
            open_blocks(Pieces((X, y), (bad[1000:], y[1000:]))).map(lambda b: b), out=tmp_path / "p.npy"
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="out= is for Blocks"):
        model.predict(X, out=tmp_path / "p.npy")
    with pytest.raises(OSError, match=r"p\.npy"):
        model.predict(open_blocks(X), out=tmp_path / "missing" / "p.npy")


# --- what is given to fit ---


def test_a_data_set_brings_its_own_target_and_weights():
    model, X, y = fitted()
    blocks = open_blocks(X, target=y)
    with pytest.raises(ValueError, match="brings its target with it"):
        model.fit(blocks, y)
    with pytest.raises(ValueError, match="brings its weights with it"):
        model.fit(blocks, sample_weight=np.ones(2000))
    with pytest.raises(ValueError, match="has none; name it"):
        model.fit(open_blocks(X))
    with pytest.raises(ValueError, match="learns one target"):
        model.fit(open_blocks(X, target=np.column_stack([y, y])))
    with pytest.raises(ValueError, match="labels are for a classifier"):
        model.fit(open_blocks(X, target=np.full(2000, "a")))
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.fit(X)


@pytest.mark.parametrize("model", [SGDRegressor(), SGDClassifier()])
def test_bad_numbers_and_weights_are_refused(model):
    X, y = np.random.default_rng(0).standard_normal((50, 3)), np.arange(50) % 2
    with pytest.raises(ValueError, match=r"must not be negative, got -1 in row 7.*weight 0"):
        model.fit(X, y, np.where(np.arange(50) == 7, -1.0, 1.0))
    with pytest.raises(ValueError, match=r"non-zero|zero in every row"):
        model.fit(X, y, np.zeros(50))
    for bad in (np.nan, np.inf):
        Z = X.copy()
        Z[3, 1] = bad
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            model.fit(Z, y)
        with pytest.raises(ValueError, match=r"row 3\b"):
            model.fit(open_blocks(Z, target=y))
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(X[:0], y[:0])
    with pytest.raises(ValueError, match="0 feature"):
        model.fit(X[:, :0], y)


# --- widths and names ---


def test_sparse_rows_are_widened_and_dense_ones_are_not():
    model, X, y = fitted(csr=True)
    narrow, wide = X[:, :4], sparse.csr_array(sparse.hstack([X, X[:, :1]]))
    padded = sparse.csr_array((narrow.data, narrow.indices, narrow.indptr), shape=(2000, 6))
    blocks = open_blocks(Pieces((narrow, y)))
    assert np.array_equal(model.predict(blocks), model.predict(padded))
    assert model.score(blocks) == pytest.approx(model.score(padded, y))
    with pytest.raises(ValueError, match=r"X has 7 features, but SGDRegressor is expecting 6 .* never saw"):
        model.predict(open_blocks(wide))
    with pytest.raises(
        ValueError, match=r"X has 4 features, but SGDRegressor is expecting 6 .* lacks columns"
    ):
        model.predict(open_blocks(narrow.toarray()))
    with pytest.raises(ValueError, match="X has 4 features"):
        model.predict(narrow)  # an array has the width that its maker gave it


def test_names_of_columns_are_compared():
    _, X, y = fitted()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    by_frame = SGDRegressor(random_state=0).fit(frame, y)
    by_blocks = SGDRegressor(random_state=0).fit(open_blocks(frame.assign(y=y), target="y"))
    assert by_frame.feature_names_in_.tolist() == by_blocks.feature_names_in_.tolist() == list("abcdef")
    for model in (by_frame, by_blocks):
        assert model.predict(open_blocks(frame)).shape == (2000,)
        np.testing.assert_allclose(model.predict(open_blocks(frame)), model.predict(frame), rtol=1e-12)
        with pytest.raises(ValueError, match="unseen at fit time:\n- z"):
            model.predict(open_blocks(frame.rename(columns={"a": "z"})))
        with pytest.raises(ValueError, match="same order"):
            model.predict(open_blocks(frame[list("bacdef")]))
    with pytest.raises(ValueError, match="same order"):
        by_blocks.score(open_blocks(frame[list("bacdef")].assign(y=y), target="y"))


def test_a_width_that_only_the_walk_tells(tmp_path):
    _, X, y = fitted(csr=True)
    path = tmp_path / "rows.svm"
    dump_svmlight_file(X, y, str(path), zero_based=True)
    blocks = open_blocks(path, zero_based=True)
    model = SGDRegressor(random_state=0, shuffle=False).fit(blocks)
    assert model.n_features_in_ == 6
    again = SGDRegressor(random_state=0, shuffle=False, early_stopping=False).fit(blocks)
    wanted = SGDRegressor(random_state=0, shuffle=False, early_stopping=False).fit(X, y)
    np.testing.assert_allclose(again.coef_, wanted.coef_, rtol=1e-3)


# --- to scikit-learn ---


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_to_sklearn_predicts_the_same(kind):
    model, X, y = fitted(kind)
    twin = model.to_sklearn()
    assert type(twin).__module__.startswith("sklearn.")
    assert type(twin).__name__ == type(model).__name__
    if kind == "regressor":
        np.testing.assert_allclose(twin.predict(X), model.predict(X), rtol=1e-12)
    else:
        assert np.array_equal(twin.predict(X), model.predict(X))
        np.testing.assert_allclose(twin.predict_proba(X), model.predict_proba(X), rtol=1e-9, atol=1e-15)
    assert twin.score(X, y) == pytest.approx(model.score(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twin.partial_fit(X, y)  # complete enough to go on


# --- durations ---


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("2min", 120),
        ("1.5h", 5400),
        ("1h30min", 5400),
        ("250ms", 0.25),
        (3, 3),
        ("7", 7),
        (0, 0),
        ("0s", 0),
        (None, None),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "bad", ["", "soon", "3 parsecs", "-3s", -1, True, "5 5", float("inf"), float("nan"), [3]]
)
def test_bad_durations(bad):
    with pytest.raises(ValueError, match="max_time must be a number of seconds of at least 0"):
        parse_duration(bad)


@pytest.mark.parametrize(
    "fit",
    [
        lambda b: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}).fit(b),
        lambda b: cross_val_score(Ridge(), b),
        lambda b: make_pipeline(StandardScaler(), Ridge()).fit(b),
    ],
)
def test_what_takes_arrays_alone_names_the_way_when_given_blocks(fit):
    blocks = open_blocks(np.eye(30), target=np.arange(30.0))
    with pytest.raises(TypeError, match=r"blocks\.take_all\(\)"):
        fit(blocks)
    block = blocks.take_all()
    assert make_pipeline(StandardScaler(), Ridge()).fit(block.X, block.y).n_features_in_ == 30
    assert make_pipeline(Ridge()).fit(blocks).n_features_in_ == 30
