"""How the race of test error against seconds is judged. No timing: points are made up, or learned from few rows."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("benchmarks", reason="the benchmarks are in the source tree; run pytest from its root")

from benchmarks.bars import time_to_error
from benchmarks.datasets import Split
from benchmarks.race import worker
from benchmarks.race.judge import apart, below, reach
from benchmarks.race.learners import LEARNERS, OURS
from benchmarks.race.measure import Point, fits
from benchmarks.race.texts import vw_rows
from benchmarks.tables import TABLES, Table


def point(learner, seconds, wrong, losses=None):
    wrong = np.asarray(wrong, dtype=np.float32)
    errors = np.full(1, wrong.mean())
    loss = None if losses is None else np.full(len(wrong), losses, dtype=np.float32)
    each = None if losses is None else np.array([losses])
    return Point(learner, 1, np.atleast_1d(seconds), errors, each, wrong, loss, 0.0)


def rows(error, n=1000):
    """Which of n rows are wrong: the first ones, so that learners err on the same."""
    return np.arange(n) < round(error * n)


def test_a_paired_error_is_that_of_the_difference():
    a, b = rows(0.2), rows(0.1)
    assert apart(a, a) == 0
    assert apart(a, b) == pytest.approx(np.std(a * 1.0 - b, ddof=1) / np.sqrt(1000))


def test_seconds_to_a_threshold_are_the_median_over_seeds():
    few = Point("x", 1, np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.3, 0.1]), None, rows(0.1), None, 0.0)
    more = Point("x", 2, np.array([5.0, 6.0, 7.0]), np.array([0.1, 0.1, 0.1]), None, rows(0.1), None, 0.0)
    assert reach([few, more], 0.15, lambda p: p.errors) == 3.0  # of 1, 6, 3
    assert reach([few], 0.05, lambda p: p.errors) == np.inf
    assert reach([few], 0.15, lambda p: p.losses) == np.inf


def test_a_point_below_the_curve_is_found():
    ours = [point(OURS[0], 1.0, rows(0.20)), point(OURS[0], 3.0, rows(0.10))]
    early, same, late = (point("vw", s, rows(e)) for s, e in ((0.5, 0.3), (2.0, 0.198), (2.0, 0.15)))
    found = below([*ours, early, same, late, point("vw", 4.0, rows(0.12))])
    assert [b.peer for b in found] == [early, same, late]
    assert found[0].ours is None
    assert found[2].ours is ours[0]
    assert found[2].by == pytest.approx(0.05)
    # One error less, of three rows on which they differ, is less than their paired error.
    almost = rows(0.201).copy()
    almost[:2] = False
    assert not below([*ours, point("vw", 2.0, almost)])


def test_the_bar_fails_where_a_peer_is_sooner(capsys):
    ours = point(OURS[0], 1.0, rows(0.2), losses=0.5)
    sooner = point("liblinear -s 0", 0.5, rows(0.1), losses=0.3)
    later = point("liblinear -s 0", 50.0, rows(0.3), losses=0.5)
    assert not time_to_error.judge("made up", [ours, sooner])
    assert "MISS" in capsys.readouterr().out
    assert time_to_error.judge("made up", [ours, later])
    assert "MISS" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["esker SGDClassifier", "scikit-learn SGD, averaged", "liblinear -s 2"])
@pytest.mark.filterwarnings("ignore")
def test_learners_learn(name, tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    X = draw.standard_normal((600, 5)).astype(np.float32)
    y = np.where(X[:, 0] + 0.1 * draw.standard_normal(600) > 0, 1.0, -1.0)
    split = Split("made up", "none", X[:500], y[:500], X[500:], y[500:])
    if not fits(name, split):
        pytest.skip("its package is not installed")
    monkeypatch.setattr("benchmarks.race.data.DATA", {"made up": lambda part: split})
    out = tmp_path / "points.npz"
    monkeypatch.setattr(sys, "argv", ["worker", "made up", name, "1", "5", str(out)])
    worker.main()
    with np.load(out) as found:
        assert found["budgets"][0]
        for budget in found["budgets"]:
            assert found[f"{budget}/wrong"].shape == (100,)
            assert (f"{budget}/loss" in found) == LEARNERS[name].probabilities
        assert found['"default"/errors'].mean() < 0.1


def test_rows_as_text_keep_six_digits(tmp_path):
    from scipy import sparse

    X = sparse.csr_array(np.array([[0.0, 0.123456789], [-1234567.0, 0.0]], dtype=np.float32))
    with (tmp_path / "rows").open("wb") as out:
        vw_rows(X, np.array([1.0, -1.0]), out)
    assert (tmp_path / "rows").read_text() == "1 | 2:0.123457\n-1 | 1:-1234570\n"


def test_tables_are_split_by_seed_or_by_their_own_order():
    X = np.arange(8.0)[:, None]
    table = Table("made up", X, np.arange(8) % 2, ["a"])
    train, _, test, labels = table.split(0)
    assert sorted(np.concatenate([train, test]).ravel()) == list(range(8))
    assert (labels == test.ravel() % 2).all()
    assert (table.split(1)[2] != test).any()
    assert (Table("by time", X, table.y, ["a"], train=6).split(3)[2].ravel() == [6, 7]).all()
    assert len(TABLES) > 10
