"""Ridge that is too wide for X'X: what `auto` chooses, what `plan_` says, and the same answer from arrays and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.memory_peak import rows_and_peak

import esker
from esker.blocks import write_block_file
from esker.linear_model import Ridge
from esker.linear_model._plan import FIXED, MEASURING, Shape, choose, demand, plan, predict

GB = 10**9


def rows(n: int, d: int, each: int = 20, dtype: Any = np.float32, seed: int = 0) -> tuple[Any, Any]:
    """Power-law columns, a linear target with noise."""
    rng = np.random.default_rng(seed)
    columns = (d ** rng.random((n, each))).astype(np.int64) % d
    X = sparse.csr_array((rng.standard_normal(n * each), columns.ravel(), np.arange(n + 1) * each), (n, d))
    X.sum_duplicates()
    X = X.astype(dtype)
    return X, X @ rng.standard_normal(d) + rng.standard_normal(n) + 2


def test_a_hundred_thousand_columns_just_work() -> None:
    X, y = rows(6_000, 100_000)
    # X X' of 6,000 rows takes 0.3 GB, X'X of 100,000 columns 80 GB
    model = Ridge(max_memory="200MB").fit(X, y)
    assert model.solver_ == "sparse_cg"
    assert model.suboptimality_ <= 1e-4
    assert model.plan_["solver"] == "sparse_cg"
    assert "81 GB" in model.plan_["why"]
    assert model.coef_.dtype == np.float32
    assert np.isnan(model.rcond_)
    exact = Ridge(solver="sparse_cg", tol=1e-7).fit(X, y)
    assert exact.n_iter_ > model.n_iter_
    assert abs(exact.intercept_ - model.intercept_) < 0.05


@pytest.mark.parametrize("intercept", [True, False])
def test_a_tight_tolerance_gives_the_answer_of_cholesky(intercept: bool) -> None:
    X, y = rows(2000, 60, dtype=np.float64)
    Y, weight = np.column_stack([y, -2 * y + X[:, [3]].toarray()[:, 0]]), np.linspace(0, 2, 2000)
    exact = Ridge([0.5, 20.0], fit_intercept=intercept, solver="cholesky").fit(X, Y, weight)
    found = Ridge([0.5, 20.0], fit_intercept=intercept, solver="sparse_cg", tol=1e-14).fit(X, Y, weight)
    np.testing.assert_allclose(found.coef_, exact.coef_, atol=1e-7)
    np.testing.assert_allclose(found.intercept_, exact.intercept_, atol=1e-7)
    assert found.suboptimality_ <= 1e-14
    assert not hasattr(found, "state_")
    with pytest.raises(ValueError, match="kept no sums"):
        found.partial_fit(X, Y)


@pytest.mark.parametrize("memory", ["8MB", "64MB"])
def test_a_file_gives_what_the_array_gives(tmp_path: Path, memory: str) -> None:
    X, y = rows(40_000, 3000)
    path = tmp_path / "rows.esk"
    write_block_file(esker.open_blocks(X, target=y), path)
    blocks = esker.open_blocks(path, max_memory=memory)  # 7 MB of rows: read again at every walk, or kept
    streamed = Ridge(solver="sparse_cg", tol=1e-8).fit(blocks)
    whole = Ridge(solver="sparse_cg", tol=1e-8).fit(X, y)
    np.testing.assert_allclose(streamed.coef_, whole.coef_, rtol=1e-4, atol=1e-5)
    assert abs(streamed.n_iter_ - whole.n_iter_) <= 1


def test_rows_that_can_be_read_once_are_kept_or_refused() -> None:
    X, y = rows(20_000, 500)
    parts = [(X[i : i + 1000], y[i : i + 1000]) for i in range(0, 20_000, 1000)]
    model = Ridge(solver="sparse_cg").fit(esker.open_blocks(iter(parts)))
    np.testing.assert_allclose(model.coef_, Ridge(solver="sparse_cg").fit(X, y).coef_, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="can be read once"):
        Ridge(solver="sparse_cg").fit(esker.open_blocks(iter(parts), max_memory="3MB"))


def test_too_little_memory_for_the_vectors_is_refused_before_reading() -> None:
    X, y = rows(100, 200_000)
    with pytest.raises(ValueError, match=r"conjugate gradients on 200000 columns takes .* grant more memory"):
        Ridge(solver="sparse_cg", max_memory="10MB").fit(X, y)


# --- the plan ---


def shape(n: int, d: int, each: int | None = None, **more: Any) -> Shape:
    sparse_rows = each is not None
    return Shape(n, d, n * (each or d), sparse_rows, "float32", 1, True, dual_bytes=8 * n * n, **more)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (shape(10_000, 50), "cholesky"),
        (shape(100_000, 2000), "cholesky"),
        (shape(1168, 25165), "dual"),
        (shape(1000, 2000, 30), "dual"),
        (shape(10**7, 10**6, 40, max_memory=2 * GB), "sparse_cg"),
        (shape(10**6, 50_000, 50, max_memory=GB), "sparse_cg"),
        (shape(10**6, 5000, 61), "sparse_cg"),  # X'X fits, but to sum it takes ten times as long
        (shape(10**6, 500, 10), "cholesky"),
        (shape(300_000, 12_000, 100), "sparse_cg"),  # X'X fits, but Cholesky takes its time
    ],
)
def test_the_solver_that_a_shape_gets(work: Shape, expected: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("ESKER_DETERMINISTIC", "1")
    found = plan(work)
    assert found["solver"] == expected
    assert not found["measured"]
    assert found["rates"] == FIXED
    assert set(found["seconds"]) == set(found["bytes"]) == {"cholesky", "dual", "sparse_cg"}
    assert found["bytes"]["cholesky"] == 8 * work.columns * (work.columns + 1)


def test_small_work_is_decided_with_fixed_rates_and_large_work_measures() -> None:
    assert not plan(shape(1000, 20))["measured"]
    large = plan(shape(10**7, 1000, 100))
    assert large["measured"]
    assert all(rate > 0 for rate in large["rates"].values())


def test_a_measurement_keeps_to_its_bytes_and_is_left_out_where_memory_is_short() -> None:
    _, peak = rows_and_peak("from esker.linear_model import _plan", "_plan.rates(); rows = 0")
    assert 2**20 < peak < MEASURING
    for room, measured in ((MEASURING - 1, False), (MEASURING, True)):
        found = plan(shape(10**7, 100, max_memory=room + 10**7, reading=10**7))
        assert found["measured"] == measured


def test_what_is_ruled_out_is_not_chosen() -> None:
    work = shape(10**6, 50_000, 50, ruled_out={"sparse_cg": "solver='cholesky'"})
    assert choose(predict(work, FIXED), {"sparse_cg": "no", "dual": "no"}, work)[0] == "cholesky"
    assert demand(work)["dual"] == 8 * 10**12


def test_the_plan_of_rows_of_unknown_shape_keeps_the_gram() -> None:
    X, y = rows(500, 30)
    model = Ridge().fit(esker.open_blocks(iter([(X, y)])))
    assert model.plan_["solver"] == model.solver_ == "cholesky"
    assert "only once they are read" in model.plan_["why"]
    assert Ridge(solver="cholesky").fit(X, y).plan_["refused"]["sparse_cg"] == "solver='cholesky'"


def test_rows_that_nobody_counted_are_iterated_where_the_width_alone_is_too_much(tmp_path: Path) -> None:
    from esker.feature_extraction import TableHasher

    rng = np.random.default_rng(3)
    ids, x = rng.integers(0, 300, 900), rng.standard_normal(900)
    y = x + rng.standard_normal(300)[ids] + 0.1 * rng.standard_normal(900)
    lines = [f"{a:.17g},{i},{t:.17g}" for a, i, t in zip(x, ids, y)]
    (tmp_path / "t.csv").write_text("x,id,y\n" + "\n".join(lines) + "\n")
    hasher = TableHasher(numeric=["x"], categorical=["id"], n_features=2**14)
    table = esker.open_blocks(tmp_path / "t.csv", target="y", features=hasher, max_memory="200MB")
    assert table.n_rows is None
    model = Ridge(tol=1e-8).fit(table)
    assert model.solver_ == model.plan_["solver"] == "sparse_cg"
    sums = 8 * 2**14 * (2**14 + 1)
    assert sums < model.plan_["bytes"]["cholesky"] < 1.1 * sums  # with what summing holds meanwhile
    assert "rows are known only once they are read, and cholesky takes 2.4 GB" in model.plan_["why"]
    X = hasher.transform({"x": x, "id": ids})
    exact = Ridge().fit(X, y)
    assert exact.solver_ == "dual"
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-3 * np.abs(exact.coef_).max())
    for ruled_out in ({"keep_state": True}, {"solver": "cholesky"}, {"alpha": 0.0}):
        with pytest.raises(ValueError, match=r"X'X of 16384 columns, with what summing holds, takes 2\.4 GB"):
            Ridge(**ruled_out).fit(table)


def test_the_command_line_fits_what_is_too_wide(tmp_path: Path, capsys: Any) -> None:
    from esker.cli import main

    X, y = rows(30_000, 50_000)
    path, model = str(tmp_path / "rows.esk"), str(tmp_path / "model")
    write_block_file(esker.open_blocks(X, target=y), path)
    said = ["--model", "ridge", "--max-memory", "100MB", "--tol", "1e-3", "-o", model]
    assert main(["fit", path, *said]) == 0
    out = capsys.readouterr().out
    assert "read: 30,000 rows, " in out
    assert "solver: sparse_cg, certified to be within" in out
    assert esker.load(model).coef_.shape == (50_000,)
    assert main(["fit", path, "--model", "sgd", "--tol", "1e-3", "-o", model]) == 2
    assert "--tol has no effect with --model sgd" in capsys.readouterr().err
