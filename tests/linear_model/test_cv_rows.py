"""`cv` as lists of rows and as splitters with groups: what scikit-learn takes, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as theirs
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from esker.linear_model import ElasticNetCV, LassoCV, RidgeClassifierCV, RidgeCV

N = 90
MAKES = [RidgeCV, RidgeClassifierCV, LassoCV, ElasticNetCV]


def data(make: Any) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((N, 4)) + 1
    y = X @ [1.0, -2.0, 0.0, 0.5] + rng.standard_normal(N)
    return X, (np.digitize(y, [-1.0, 1.0]) if make is RidgeClassifierCV else y)


def chosen(model: Any) -> np.ndarray:
    """The scores of every alpha."""
    return np.asarray(model.mse_path_ if hasattr(model, "mse_path_") else model.scores_)


def pairs(kind: str) -> list[tuple[Any, Any]]:
    fold = np.arange(N) % 3
    rows = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(3)]
    if kind == "lists":
        return [(train.tolist(), test.tolist()) for train, test in rows]
    if kind == "masks":
        return [(fold != i, fold == i) for i in range(3)]
    if kind == "masks as lists":
        return [((fold != i).tolist(), (fold == i).tolist()) for i in range(3)]
    if kind == "from the end":
        return [(train - N, test - N) for train, test in rows]
    if kind == "unsigned":
        return [(train.astype(np.uint8), test.astype(np.uint8)) for train, test in rows]
    return rows


@pytest.mark.parametrize("kind", ["lists", "masks", "masks as lists", "from the end", "unsigned"])
@pytest.mark.parametrize("make", MAKES)
def test_rows_may_be_named_in_any_way_that_numpy_takes(make: Any, kind: str) -> None:
    X, y = data(make)
    plain, named = make(cv=pairs("numbers")).fit(X, y), make(cv=pairs(kind)).fit(X, y)
    np.testing.assert_array_equal(chosen(named), chosen(plain))
    np.testing.assert_array_equal(named.coef_, plain.coef_)
    peer = getattr(theirs, make.__name__)(cv=pairs(kind)).fit(X, y)
    assert named.alpha_ == pytest.approx(peer.alpha_)


@pytest.mark.parametrize("make", MAKES)
def test_overlapping_rows_from_the_end(make: Any) -> None:
    """Splits that are no partition sum each set of rows by itself."""
    X, y = data(make)
    cv = [(np.arange(60), np.arange(-40, 0)), (np.arange(-60, 0), list(range(40)))]
    same = [(np.arange(60), np.arange(50, 90)), (np.arange(30, 90), np.arange(40))]
    np.testing.assert_array_equal(chosen(make(cv=cv).fit(X, y)), chosen(make(cv=same).fit(X, y)))


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize(
    ("test", "message"),
    [
        ([0, N], "cv names row 90 in test of fold 0, and there are 90 rows"),
        ([0, -N - 1], "cv names row -91 in test of fold 0, and there are 90 rows"),
        (np.ones(N - 1, dtype=bool), "cv must give masks of all 90 rows, got one of 89 as test of fold 0"),
        ([0.0, 1.0], "cv must give numbers of rows or boolean masks"),
        ([[0, 1]], "cv must give numbers of rows or boolean masks"),
        (["a"], "cv must give numbers of rows or boolean masks"),
    ],
)
def test_rows_that_are_not_there_are_refused(make: Any, test: Any, message: str) -> None:
    X, y = data(make)
    with pytest.raises(ValueError, match=message):
        make(cv=[(np.arange(50), test)]).fit(X, y)


@pytest.mark.parametrize("make", MAKES)
def test_what_is_no_pair_is_refused(make: Any) -> None:
    X, y = data(make)
    with pytest.raises(ValueError, match=r"cv must give pairs \(train, test\) of rows"):
        make(cv=[np.arange(50), np.arange(50, 90)]).fit(X, y)


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("splitter", [GroupKFold(4), LeaveOneGroupOut()], ids=str)
def test_groups_reach_the_splitter(make: Any, splitter: Any) -> None:
    X, y = data(make)
    groups = np.arange(N) // 17
    with sklearn.config_context(enable_metadata_routing=True):
        ours = make(cv=splitter).fit(X, y, groups=groups)
        peer = getattr(theirs, make.__name__)(cv=splitter).fit(X, y, groups=groups)
        with pytest.raises(ValueError, match="groups"):
            make(cv=splitter).fit(X, y)
        with pytest.raises(TypeError, match="groups"):
            make(cv=3).fit(X, y, groups=groups)
    listed = make(cv=list(splitter.split(X, y, groups))).fit(X, y)
    np.testing.assert_array_equal(chosen(ours), chosen(listed))
    assert ours.alpha_ == pytest.approx(peer.alpha_)
    assert "_parted" not in vars(ours)


def test_a_splitter_sees_the_rows() -> None:
    class BySign:
        def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
            return 2

        def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Any:
            side = X[:, 0] > 1
            return iter(
                [(np.flatnonzero(side), np.flatnonzero(~side)), (np.flatnonzero(~side), np.flatnonzero(side))]
            )

    X, y = data(RidgeCV)
    ours, peer = (
        RidgeCV([0.1, 10.0], cv=BySign()).fit(X, y),
        theirs.RidgeCV([0.1, 10.0], cv=BySign()).fit(X, y),
    )
    assert ours.best_score_ == pytest.approx(peer.best_score_)
