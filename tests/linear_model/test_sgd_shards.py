"""n_shards: learners that share the rows of a fit."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

from esker.linear_model import SGDClassifier

X, Y = make_classification(120_000, 20, n_informative=10, flip_y=0.1, random_state=0)
X = X.astype(np.float32)
FIT = {"random_state": 0, "max_iter": 2, "tol": None}


def test_the_bits_do_not_depend_on_threads_and_differ_from_one_learner_little():
    shared = SGDClassifier(**FIT).fit(X, Y)
    again = SGDClassifier(**FIT, n_threads=1, n_shards=2).fit(X, Y)
    np.testing.assert_array_equal(shared.coef_, again.coef_)
    alone = SGDClassifier(**FIT, n_shards=1).fit(X, Y)
    assert (alone.coef_ != shared.coef_).any()
    np.testing.assert_allclose(shared.coef_, alone.coef_, atol=0.03)
    assert abs(shared.score(X, Y) - alone.score(X, Y)) < 0.002
    assert shared.t_ == alone.t_


def test_a_fit_cut_by_time_is_repeated_to_the_bit():
    model = SGDClassifier(random_state=0, max_iter=10**6, tol=None, max_time=1.5).fit(X, Y)
    assert model.stop_reason_ == "time"
    assert model.t_ > 1 << 16
    again = SGDClassifier(random_state=0, max_iter=10**6, tol=None, max_time=1.5)
    again.fit(X, Y, schedule=model.schedule_)
    np.testing.assert_array_equal(model.coef_, again.coef_)


def test_a_fit_that_ends_while_rows_are_shared_resumes(tmp_path, monkeypatch):
    from esker import learning

    class Enough(Exception):
        pass

    def stop(self, entry):
        if entry["rows"] > 1 << 16:
            raise Enough

    monkeypatch.setattr(learning, "CHECKPOINT_EVERY", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(SGDClassifier, "_show", stop)
        with pytest.raises(Enough):
            SGDClassifier(**FIT, checkpoint=tmp_path / "c", verbose=1).fit(X, Y)
    assert (tmp_path / "c").exists()
    resumed = SGDClassifier(**FIT, checkpoint=tmp_path / "c").fit(X, Y)
    np.testing.assert_array_equal(resumed.coef_, SGDClassifier(**FIT).fit(X, Y).coef_)


def test_where_nothing_is_shared():
    alone = SGDClassifier(**FIT, n_shards=1).fit(X, Y)
    within = SGDClassifier(**FIT, max_memory="1GB").fit(X, Y)
    np.testing.assert_array_equal(alone.coef_, within.coef_)
    for idle in ({"learning_rate": "normalized"}, {"loss": "hinge"}, {"average": True}, {"n_bootstrap": 5}):
        with pytest.raises(ValueError, match="n_shards=2 is for learning_rate='auto' and loss='log_loss'"):
            SGDClassifier(n_shards=2, **idle).fit(X, Y)
    with pytest.raises(ValueError, match="n_shards is for fit"):
        SGDClassifier(n_shards=2).partial_fit(X, Y, classes=[0, 1])
    for wrong in (0, 3):
        with pytest.raises(ValueError, match="n_shards"):
            SGDClassifier(n_shards=wrong).fit(X, Y)
