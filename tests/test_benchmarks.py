"""The benchmarks stay runnable: modules import, generators keep their promises, one small contest runs. No timing is judged."""

from __future__ import annotations

import io
from importlib import import_module

import numpy as np
import pytest

import esker

pytest.importorskip("benchmarks", reason="the benchmarks are in the source tree; run pytest from its root")

from benchmarks import oracle, passes
from benchmarks.bars import BARS, block_file_speed, memory_promise, promise_sources
from benchmarks.bars.promise_sources import KINDS
from benchmarks.cells import SUITES, all_cells, find
from benchmarks.contest import alternate
from benchmarks.files import svmlight_bytes, write_npy, write_svmlight
from benchmarks.generate import GENERATORS, alpha_like, dense_linear, offset_trend, rcv1_like, sparse_text
from benchmarks.machine import floor
from benchmarks.report import show


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ESKER_DATA", str(tmp_path / "data"))


@pytest.mark.parametrize("module", ["peers", "conftest", "report", "worker", "ours", *SUITES])
def test_modules_import(module):
    import_module(f"benchmarks.{module}")


@pytest.mark.parametrize("module", list(BARS.values()))
def test_bars_can_run(module):
    assert callable(import_module(module).run)


def test_cells_are_found_by_name_and_ours_comes_first():
    for name, cell in all_cells().items():
        assert find(name).name == cell.name == name
        assert cell.contenders[0].name == "esker"
        assert len({c.name for c in cell.contenders}) == len(cell.contenders) > 1


@pytest.mark.parametrize("kind", [rcv1_like, sparse_text, dense_linear, offset_trend])
def test_a_block_does_not_depend_on_the_others(kind):
    few, many = kind(kind.block_rows + 10), kind(3 * kind.block_rows)
    if kind is offset_trend:
        many.n = few.n  # a trend runs from the first row to the last
    assert few.n_blocks == 2
    (X, y), (A, b) = few.block(1), many.block(1)
    assert X.shape == (10, few.d)
    np.testing.assert_array_equal(y, b[:10])
    difference = abs(X - A[:10])
    assert difference.max() == 0
    assert abs(few.block(0)[0][:10] - X).max() > 0


def test_rcv1_like_is_like_rcv1():
    made = rcv1_like()
    facts = made.statistics(blocks=2)
    assert (facts["rows"], facts["columns"]) == (804_414, 47_152)
    assert facts["nonzeros a row"] == pytest.approx(76, abs=2)
    assert facts["positive"] == pytest.approx(0.474, abs=0.02)
    X, _ = made.block(5)
    np.testing.assert_allclose(np.sqrt((X * X).sum(axis=1)), 1, rtol=1e-5)
    assert (np.diff(X.indices)[np.diff(np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))) == 0] > 0).all()


def test_alpha_like_has_its_condition():
    X, _ = alpha_like(20_000, d=20, condition=1e4).arrays()
    assert np.linalg.cond(X.astype(np.float64)) == pytest.approx(1e4, rel=0.1)


def test_every_generator_is_named_and_described():
    for name, kind in GENERATORS.items():
        assert kind.name == name
        assert kind(10).published


def test_svmlight_text_is_exact(tmp_path):
    from sklearn.datasets import load_svmlight_file

    made = sparse_text(3 * sparse_text.block_rows)
    X, y = made.block(1)
    A, b = load_svmlight_file(io.BytesIO(svmlight_bytes(X[:500], y[:500])), n_features=made.d)
    np.testing.assert_array_equal(b, y[:500])
    assert abs(A - X[:500]).max() == 0
    size = write_svmlight(made, tmp_path / "a", n_jobs=2)
    assert size == (tmp_path / "a").stat().st_size
    assert (tmp_path / "a").read_bytes() == b"".join(svmlight_bytes(*block) for block in made)


def test_npy_file_is_the_generator(tmp_path):
    made = dense_linear(10_000, d=5)
    write_npy(made, tmp_path / "a.npy", n_jobs=1)
    X, y = made.arrays()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.column_stack([X, y.astype(np.float32)]))


@pytest.mark.parametrize("weighted", [False, True])
def test_oracle_solves_the_normal_equations(weighted):
    rng = np.random.default_rng(0)
    X, y, v = rng.standard_normal((30, 4)) + 5, rng.standard_normal((30, 2)), rng.uniform(0.5, 2, 30)
    v = v if weighted else np.ones(30)
    coef, intercept = oracle.ridge(X, y, 0.7, sample_weight=v if weighted else None)
    left = y - X @ coef.T - intercept
    np.testing.assert_allclose((v @ left).astype(float), 0, atol=1e-14)
    np.testing.assert_allclose((X.T @ (v[:, None] * left) - 0.7 * coef.T).astype(float), 0, atol=1e-13)


def test_floor_takes_the_slower_of_two():
    assert floor({"bytes": 10, "float32 flops": 10}, {"bytes": 1, "float32 flops": 100}) == (10, "bytes")


def test_a_micro_contest_runs():
    cell = find("sgd/breast_cancer/one-model")
    contest = alternate(cell, runs=1)
    assert [o.name for o in contest["outcomes"]] == ["esker", "scikit-learn"]
    for outcome in contest["outcomes"]:
        assert len(outcome.seconds) == 1
        assert outcome.quality["test error"] < 0.5
    text = show(cell, contest, {"bytes": 1e9})
    assert "breast_cancer" in text
    assert "test error" in text


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setitem(passes.SIZES, "small", 1_000_000)
    monkeypatch.setattr(passes, "WIDE", 500)
    monkeypatch.setattr(passes, "ROWS", 1024)
    monkeypatch.setitem(block_file_speed.DENSE_BYTES, "small", 1_000_000)


@pytest.mark.parametrize("name", ["pass/text", "pass/block-file", "epoch/npy", "epoch/dense", "epoch/csr"])
def test_cells_of_files_run(name, small_files):
    cell = find(name)
    if "block-file" in name:
        pytest.importorskip("vowpalwabbit", reason="the peer's cache is made by the peer (extra bench)")
    data = cell.load("small")
    assert repr(data)
    assert all(amount > 0 for amount in cell.work(data).values())
    for contender in cell.contenders:
        if contender.needs:
            pytest.importorskip(contender.needs)
        result = contender.run(contender.prepare(data) if contender.prepare else data)
        reached = cell.quality(data, result)
        assert all(np.isfinite(list(reached.values())))
        if "test error" in reached:
            assert reached["test error"] < 0.45


def test_the_block_file_is_decoded_whole(small_files, capsys):
    block_file_speed.run("small")  # what it measures here says nothing; that the sums agree does
    path = block_file_speed.dense_file("small")
    X = np.concatenate([block.X for block in esker.open_blocks(path)])
    y = np.concatenate([block.y for block in esker.open_blocks(path)])
    nbytes, total = block_file_speed.walk(path)
    assert nbytes == X.nbytes + y.nbytes
    np.testing.assert_allclose(total, X.sum(dtype=np.float64) + y.sum(dtype=np.float64), rtol=1e-6)
    assert "dense cold" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(KINDS))
def test_sources_of_the_memory_promise(name, tmp_path, monkeypatch):
    monkeypatch.setattr(promise_sources, "sparse_piece", lambda blocks=1: sparse_text(1024, d=500).arrays())
    kind = KINDS[name]
    pytest.importorskip("pyarrow")
    path = tmp_path / f"source{kind.ending}"
    kind.write(path, 100_000)
    block = next(iter(kind.open(path, 512_000_000)))
    assert len(block) > 100
    assert len(block.y) == len(block)
    assert block.X.shape[1] >= 20


def test_memory_is_measured_from_outside(tmp_path):
    KINDS["npy"].write(tmp_path / "a.npy", 1_000_000)
    did = memory_promise.fit("npy", "Ridge", tmp_path / "a.npy")
    assert did["problem"] == ""
    assert 0 < did["peak"] < 512_000_000
