"""X'X in packed storage: the same coefficients as whole, a true certificate, a promise kept, and refusals with a way out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import LinAlgError, LinAlgWarning
from tests.linear_model.test_suboptimality import problems, rows, true_gap
from tests.memory_peak import rows_and_peak

from esker.linear_model import LinearRegression, Ridge, RidgeClassifier
from esker.linear_model._packed import packed_bytes, sums_bytes


class Packed(Ridge):
    """Takes packed storage whatever room there is: only where X'X is large does memory ask for it."""

    def _packed(self, blocks: Any) -> int:
        return packed_bytes(blocks) or 0


class PackedRegression(LinearRegression):
    _packed = Packed._packed


# --- what is solved ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", ["dense", "sparse"])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_packed_fit_is_the_whole_one(dtype: Any, storage: str, intercept: bool) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((900, 250)) + rng.random(250)).astype(dtype)
    if storage == "sparse":
        X = sparse.csr_array(X * (rng.random(X.shape) < 0.1))
    y = X @ rng.standard_normal((250, 3)) + rng.standard_normal((900, 3)) + 5
    weight = rng.random(900)
    for whole, packed in (
        (Ridge(2.0, fit_intercept=intercept), Packed(2.0, fit_intercept=intercept)),
        (
            Ridge([0.5] * 3, fit_intercept=intercept, refine=2),
            Packed([0.5] * 3, fit_intercept=intercept, refine=2),
        ),
        (LinearRegression(fit_intercept=intercept), PackedRegression(fit_intercept=intercept)),
    ):
        whole.fit(X, y, sample_weight=weight)
        packed.fit(X, y, sample_weight=weight)
        assert packed.plan_["packed"]
        assert not whole.plan_["packed"]
        assert (
            (packed.solver_, packed.n_iter_) == (whole.solver_, whole.n_iter_) == ("cholesky", whole.n_iter_)
        )
        tight = 1e-10 if dtype == np.float64 else 3e-7
        np.testing.assert_allclose(
            packed.coef_, whole.coef_, rtol=tight, atol=tight * np.abs(whole.coef_).max()
        )
        np.testing.assert_allclose(packed.intercept_, whole.intercept_, rtol=tight, atol=tight)
        np.testing.assert_allclose(packed.rcond_, whole.rcond_, rtol=1e-5)
        assert whole.suboptimality_ / 100 <= packed.suboptimality_ <= 100 * whole.suboptimality_ < 1e-8
        assert getattr(packed, "rank_", None) == getattr(whole, "rank_", None)


@pytest.mark.filterwarnings("ignore:the least squares problem is")
@pytest.mark.parametrize("how", ["dense", "sparse", "never refined", "always refined"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bound_is_above_the_true_gap(how: str, dtype: Any) -> None:
    known = 0
    alphas = [0.0, 1e-8, 1e-2, 1.0, 1e3, 1e8, 1e12]
    for X, y, weight, parameters, name in problems(12, dtype, how, alphas, (260, 200)):
        model = Packed(solver="cholesky", **parameters)
        try:
            model.fit(X, y, sample_weight=weight)
        except LinAlgError:
            assert "condition 1 offset 0" not in name
            continue
        true = true_gap(X, y, model, model.alpha, weight)
        print(f"{name} passes {model.n_iter_}: {model.suboptimality_:.1e} >= {true:.1e}")
        assert true <= model.suboptimality_
        known += model.suboptimality_ < 1e-4
    assert known > 12


def test_ill_conditioned_columns_are_refined_or_told() -> None:
    rng = np.random.default_rng(3)
    X, _ = rows(rng, 600, 230, 1e5, 0.0, 1)
    truth = rng.standard_normal(230)
    y = X @ truth
    refined = Packed(0.0, solver="cholesky").fit(X, y)
    assert refined.n_iter_ > 1
    np.testing.assert_allclose(refined.coef_, truth, rtol=1e-7, atol=1e-7)
    X, _ = rows(rng, 600, 230, 2e6, 0.0, 1)
    with pytest.warns(LinAlgWarning, match="ill-conditioned"):
        Packed(0.0, solver="cholesky", refine=False).fit(X, X @ truth)


def test_what_is_singular_is_an_error_with_a_way_out() -> None:
    X = np.random.default_rng(0).standard_normal((300, 210))
    X = np.hstack([X, X[:, :1]])
    with pytest.raises(LinAlgError, match="packed storage, in which X'X of these 211 columns fits") as told:
        PackedRegression().fit(X, X[:, 0])
    way = re.search(r"take a larger alpha, or max_memory of (.*)$", str(told.value))
    assert way is not None
    with pytest.warns(LinAlgWarning, match="rank 210 of 211"):
        assert LinearRegression(max_memory=way[1]).fit(X, X[:, 0]).solver_ == "pivoted"
    assert Packed(1.0).fit(X, X[:, 0]).rcond_ > 0


def test_what_is_singular_and_has_no_room_for_eigenvectors_is_an_error_with_a_way_out() -> None:
    """It was solved by them all the same, in eight times the memory that was granted."""
    X = np.random.default_rng(0).standard_normal((900, 600))
    X[:, -5:] = X[:, :5]
    limit = 12_000_000
    assert LinearRegression(max_memory=limit).fit(X[:, :-5], X[:, 0]).plan_["packed"] is False
    with pytest.raises(
        LinAlgError, match="max_memory leaves no room for another way with 600 columns"
    ) as told:
        LinearRegression(max_memory=limit).fit(X, X[:, 0])
    way = re.search(r"take a larger alpha, or max_memory of (.*)$", str(told.value))
    assert way is not None
    with pytest.warns(LinAlgWarning, match="rank 595 of 600"):
        LinearRegression(max_memory=way[1]).fit(X, X[:, 0])


# --- when, and what for ---

D = 1700
LIMIT = 25_000_000


@pytest.fixture(scope="module")
def wide() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((D + 400, D))
    return X, X @ rng.standard_normal(D) + rng.standard_normal(len(X)) + 3


def test_max_memory_asks_for_it(wide: Any) -> None:
    X, y = wide
    assert sums_bytes(D) > 7 / 8 * LIMIT  # an eighth is for a block of the rows
    whole = Ridge(3.0, solver="cholesky").fit(X, y)
    packed = Ridge(3.0, solver="cholesky", max_memory=LIMIT).fit(X, y)
    assert packed.plan_["packed"]
    assert packed.plan_["solver"] == packed.solver_ == "cholesky"
    assert packed.plan_["bytes"]["cholesky"] < 0.88 * LIMIT
    assert "packed storage" in packed.plan_["why"]
    np.testing.assert_allclose(packed.coef_, whole.coef_, rtol=0, atol=1e-10 * np.abs(whole.coef_).max())
    assert max(packed.suboptimality_, whole.suboptimality_) < 1e-17
    apart = packed.coef_ - whole.coef_
    moved = X @ apart + (packed.intercept_ - whole.intercept_)
    lowest = ((y - X @ whole.coef_ - whole.intercept_) ** 2).sum() + 3 * (whole.coef_**2).sum()
    assert (moved @ moved + 3 * apart @ apart) / lowest <= 2 * (packed.suboptimality_ + whole.suboptimality_)
    assert not hasattr(packed, "state_")
    with pytest.raises(ValueError, match=r"kept no sums to add to; use Ridge\(keep_state=True\)"):
        packed.partial_fit(X, y)
    labels = RidgeClassifier(3.0, solver="cholesky", max_memory=LIMIT).fit(X, y > 3)
    assert labels.plan_["packed"]
    np.testing.assert_allclose(
        labels.coef_, RidgeClassifier(3.0, solver="cholesky").fit(X, y > 3).coef_, rtol=0, atol=1e-12
    )


def test_what_needs_the_sums_whole_is_refused_before_reading(wide: Any, tmp_path: Any) -> None:
    X, y = wide
    for options, why in (
        ({"keep_state": True}, "keep_state=True"),
        ({"checkpoint": tmp_path / "c"}, "checkpoint"),
        ({"solver": "svd"}, "solver='svd'"),
        ({"positive": True}, "positive=True"),
        ({"alpha": [1.0, 2.0]}, "alphas that differ"),
    ):
        with pytest.raises(
            ValueError, match=f"max_memory is 25 MB.*Packed storage, which takes 2. MB, is not for {why}"
        ):
            Ridge(
                **{
                    "solver": "cholesky" * ("positive" not in options) or "auto",
                    "max_memory": LIMIT,
                    **options,
                }
            ).fit(X, np.stack([y, y], 1))
    with pytest.raises(ValueError, match="is not for partial_fit"):
        Ridge(max_memory=LIMIT).partial_fit(X, y)
    with pytest.raises(ValueError, match="max_memory is 20 MB") as told:  # too little for either
        LinearRegression(max_memory="20MB").fit(X, y)
    assert "acked" not in str(told.value)


OPENING = """
import numpy as np
from esker import open_blocks
from esker.linear_model import Ridge
rng = np.random.default_rng(0)
if sys.argv[1] == "array":
    d = int(sys.argv[3])
    X = rng.standard_normal((d + 400, d))
    given = X, X @ rng.standard_normal(d)
else:
    given = open_blocks(sys.argv[1], target=-1, max_memory=int(sys.argv[2])),
"""
WORK = """
try:
    model = Ridge(3.0, solver="cholesky", max_memory=int(sys.argv[2])).fit(*given)
    rows = int(model.plan_["packed"])
except ValueError as error:
    rows = -1
"""


@pytest.mark.parametrize(
    ("source", "d", "limit"),
    [("array", 2000, 31_500_000), ("file", 2000, 46_000_000), ("array", 3300, 72_000_000)],
)
def test_the_promise_is_kept(source: str, d: int, limit: int, tmp_path: Any) -> None:
    """A whole X'X of 2000 columns takes 32 MB, and some 48 MB with what summing holds beside it. The planner measures the last."""
    path = source
    if source == "file":
        path = str(tmp_path / "x.npy")
        np.save(path, np.random.default_rng(0).standard_normal((d + 400, d + 1)))
    packed, peak = rows_and_peak(OPENING, WORK, path, limit, d)
    print(f"{source}, {d} columns: {peak / 1e6:.1f} MB of {limit / 1e6:.1f}")
    assert packed == 1
    assert peak <= limit
