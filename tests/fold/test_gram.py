"""Gram against long double, on every instruction set that this machine runs; its laws are in tests/laws."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from esker._native import core, threads
from esker.blocks import Block
from esker.folds import Gram

LONG = np.longdouble


def truth(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, ...]:
    X, y = X.astype(LONG), y.astype(LONG)
    w = np.ones(len(X), LONG) if weight is None else weight.astype(LONG)
    mean, mean_y = w @ X / w.sum(), w @ y / w.sum()
    X, y = X - mean, y - mean_y
    return mean, (X * w[:, None]).T @ X, (X * w[:, None]).T @ y, w @ y**2


def gram_of(*blocks: Block) -> Gram:
    state = Gram()
    for block in blocks:
        state.update(block)
    return state


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", ["dense", "csr", "csr64"])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_sums_are_those_of_long_double(dtype: type, storage: str, offset: float) -> None:
    rng = np.random.default_rng(0)
    for n, d, t in ((1, 3, 1), (255, 1, 1), (1300, 33, 3), (270, 130, 1), (40, 401, 2)):
        X = (rng.standard_normal((n, d)) + offset).astype(dtype)
        if storage != "dense":
            X *= rng.random((n, d)) < 0.1
        y = rng.standard_normal((n, t)) + offset
        for weight in (None, rng.uniform(0, 3, n) * (rng.random(n) > 0.2) + 1e-3):
            rows = sparse.csr_array(X) if storage != "dense" else X
            if storage == "csr64":
                rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
            state = gram_of(Block(rows, y, weight))
            mean, xx, xy, yy = truth(X, y, weight)
            scale = np.sqrt(np.maximum(xx.diagonal(), 1e-30))
            rounding = 6e-6 if dtype == np.float32 else (1e-14 if offset == 0 else 3e-12)
            spread = float(scale.max()) / np.sqrt(state.weight) + 1e-30
            miss = np.abs(state.mean_x - mean).max()
            assert miss <= (2e-7 * spread if dtype == np.float32 else 1e-14 * spread) + 1e-15 * offset
            assert np.abs((state.finish() - xx) / np.outer(scale, scale)).max() <= rounding * (
                1 if n > 1 else np.inf
            )
            if n > 1:
                assert np.abs((state.xy - xy) / np.outer(scale, np.sqrt(yy))).max() <= rounding
                np.testing.assert_allclose(state.yy, yy.astype(float), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 4, 7, 8, 9, 28, 31, 60, 100, 127, 128])
def test_few_dense_columns_are_those_of_long_double(columns: int, dtype: type) -> None:
    rng = np.random.default_rng(columns)
    for n, t in ((700, 1), (2100, 3), (300, 32)):
        # Rows further apart than they are long, the last of which end with the memory.
        whole = (rng.standard_normal((n + 1, columns + 3)) + 3).astype(dtype)
        X, y = whole[1:, 3:], rng.standard_normal((n, t)) * 10.0 ** np.arange(-t, 2 * t, 3)
        for weight in (None, rng.uniform(0, 3, n) * (rng.random(n) > 0.2) + 1e-3):
            state = core.Gram()
            state.update(X, y, weight)
            _, xx, xy, yy = truth(X, y, weight)
            scale, rounding = np.sqrt(xx.diagonal()), 2e-6 if dtype == np.float32 else 1e-14
            assert np.abs((state.finish() - xx) / np.outer(scale, scale)).max() <= rounding
            assert np.abs((state.xy.T - xy) / np.outer(scale, np.sqrt(yy))).max() <= rounding
            np.testing.assert_allclose(state.yy, yy.astype(float), rtol=1e-12)


@pytest.mark.parametrize("columns", [5, 28, 100])
def test_sums_of_values_on_a_coarse_grid_do_not_all_round_one_way(columns: int) -> None:
    """float32 sums that start anew after 64 or 128 rows were all 5e-7 too small here: ties round to even sums, and stay."""
    X = (np.random.default_rng(8).standard_normal((30000, columns)) + 1e4).astype(np.float32)
    state = gram_of(Block(X, np.zeros(len(X))))
    own = ((X.astype(LONG) - X.astype(LONG).mean(axis=0)) ** 2).sum(axis=0)
    assert abs(float((state.finish().diagonal() / own - 1).mean())) < 2.5e-7


def test_columns_that_drift_together_keep_their_digits() -> None:
    rng = np.random.default_rng(1)
    n = 20000
    Z = rng.standard_normal((n, 4))
    X = (Z + np.linspace(-1, 1, n)[:, None] * 1.7e4).astype(np.float32)
    state = gram_of(*(Block(X[i : i + 4096], Z[i : i + 4096, :1]) for i in range(0, n, 4096)))
    difference = np.array([1.0, -1.0, 0.0, 0.0])  # a direction without the drift
    xx = truth(X, Z[:, :1], None)[1]
    expected = float(difference @ xx @ difference)
    # The drift's own part is 1e8 times as large: float64 leaves 1e-16 of it.
    assert abs(difference @ state.finish() @ difference / expected - 1) < 1e-6


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("rows", [(0, 1000), (700, 1000)])
def test_a_drift_of_sparse_rows_and_of_the_last_ones(storage, rows) -> None:
    """float32 rows of which only the first panels were looked at, and sparse ones not at all, had 1e-1 of an error here."""
    rng, drift = np.random.default_rng(5), np.zeros((1000, 1))
    drift[slice(*rows), 0] = 1e4 * np.arange(rows[1] - rows[0])
    X = (rng.standard_normal((1000, 4)) + drift).astype(np.float32)
    whole = truth(X, np.zeros((1000, 1)), None)[1]
    found = gram_of(Block(storage(X), np.zeros(1000))).finish()
    difference = np.array([1.0, -1.0, 0.0, 0.0])  # a direction without the drift
    wanted = float(difference @ whole @ difference)
    assert difference @ found @ difference == pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("columns", [4, 150])
@pytest.mark.parametrize(
    "rows", [[40 * 512 + 250], [40 * 512 + 5], [40 * 512 + 508], range(43 * 512 + 99, 51 * 512, 512)]
)
def test_a_step_in_any_panel_keeps_the_rest(storage, columns, rows) -> None:
    """Columns that jump together somewhere: panels that no one looked at had errors of 1e-1 here."""
    rng, level = np.random.default_rng(5), np.zeros((30_000 if columns == 4 else 60 * 512, 1))
    for at in rows:
        level[at:] += 1e4
    X = (rng.standard_normal((len(level), columns)) + level).astype(np.float32)
    weight = rng.random(len(X)) + 0.1
    found = gram_of(Block(storage(X), np.zeros(len(X)), weight))
    differences = X[:, 1:4].astype(np.float64) - X[:, :1]  # directions without the steps
    wanted = truth(differences, np.zeros((len(X), 1)), weight)[1]
    xx = found.finish()[:4, :4]
    got = xx[1:, 1:] - xx[:1, 1:] - xx[1:, :1] + xx[0, 0]
    np.testing.assert_allclose(got, wanted.astype(float), rtol=0, atol=1e-4 * float(wanted[0, 0]))


def test_loss_knows_one_coarse_panel_from_many() -> None:
    """Roundings of many panels average out; where a few rows hold nearly all of the squares, there is nothing to average."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60_000, 6))
    even = gram_of(Block(X.astype(np.float32), np.zeros(len(X))))
    X[20_680:20_683] += 1e4
    X = X.astype(np.float32)
    state = gram_of(Block(X, np.zeros(len(X))))
    xx = truth(X, np.zeros((len(X), 1)), None)[1]
    scale = np.sqrt(xx.diagonal())
    error = float(np.abs((state.finish() - xx) / np.outer(scale, scale)).max())
    print(
        f"{error:.1e} of {state._state.loss(True):.1e}; {even._state.loss(True):.1e} where all rows are alike"
    )
    assert error <= 4 * state._state.loss(True) <= 2.0**-20  # as `Normal.eta` has it
    assert even._state.loss(True) < 2.0**-22 / 10


def test_scales_beyond_float32_are_kept() -> None:
    rng = np.random.default_rng(6)
    Z, y = rng.standard_normal((3000, 5)), rng.standard_normal((3000, 2))
    X, y = (
        (Z * 1e-25).astype(np.float32),
        y * [1e60, 1e-60],
    )  # products of X and values of y leave float32's range
    state = gram_of(Block(X, y))
    _, xx, xy, yy = truth(X, y, None)
    assert np.abs(state.finish() / xx - 1).max() < 1e-6
    reach = np.sqrt(np.outer(yy, xx.diagonal()))
    assert np.abs((state.xy.T - xy.T) / reach).max() < 1e-6


@pytest.mark.parametrize("columns", [1, 95, 193, 400])
@pytest.mark.parametrize("targets", [0, 1, 40])
def test_any_number_of_columns_and_targets(columns: int, targets: int) -> None:
    rng = np.random.default_rng(7)
    whole = rng.standard_normal((600, columns + 3))
    X, y = whole[:, :columns], rng.standard_normal((600, targets))  # rows further apart than they are long
    state = core.Gram()
    state.update(X, y if targets else None)
    _, xx, xy, _ = truth(X, y, None)
    np.testing.assert_allclose(state.finish(), xx.astype(float), atol=1e-11)
    np.testing.assert_allclose(state.xy, xy.T.astype(float), atol=1e-11)


def test_a_constant_column_is_constant_to_the_bit() -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((5000, 3))
    X[:, 1] = 0.1
    for weight in (None, rng.uniform(0, 1, 5000)):
        state = gram_of(Block(X, X[:, :1], weight), Block(X, X[:, :1], weight))
        assert state.finish()[1].tolist() == [0.0, 0.0, 0.0]
        assert state.mean_x[1] == 0.1


@pytest.mark.parametrize("columns", [50, 500])
@pytest.mark.parametrize("density", [0.02, 1.0])
def test_same_bits_for_any_number_of_threads(columns: int, density: float) -> None:
    rng = np.random.default_rng(3)
    X = (rng.standard_normal((6000, columns)) * (rng.random((6000, columns)) < density)).astype(np.float32)
    found = set()
    for n in (1, 2, 4):
        with threads(n):
            state = gram_of(Block(sparse.csr_array(X) if density < 1 else X, X[:, :2].astype(float)))
            found.add(b"".join(a.tobytes() for a in state.to_arrays().values()))
    assert len(found) == 1


def test_unsorted_rows_of_a_csr_matrix() -> None:
    rng = np.random.default_rng(4)
    X = sparse.random_array((400, 60), density=0.05, format="csr", rng=rng)
    y = rng.standard_normal((400, 1))
    mixed = X.copy()
    for i in range(400):
        at = slice(X.indptr[i], X.indptr[i + 1])
        order = rng.permutation(X.indptr[i + 1] - X.indptr[i])
        mixed.indices[at], mixed.data[at] = X.indices[at][order], X.data[at][order]
    np.testing.assert_allclose(
        gram_of(Block(mixed, y)).finish(), gram_of(Block(X, y)).finish(), rtol=1e-13, atol=1e-13
    )


def test_blocks_of_different_widths_and_a_pickle() -> None:
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((700, 40)), rng.standard_normal((700, 1))
    X[:300, 25:] = 0
    narrow = gram_of(Block(np.ascontiguousarray(X[:300, :25]), y[:300]), Block(X[300:], y[300:]))
    late = gram_of(Block(X[300:], y[300:]), Block(np.ascontiguousarray(X[:300, :25]), y[:300]))
    whole = gram_of(Block(X, y))
    for state in (narrow, late, pickle.loads(pickle.dumps(narrow))):
        np.testing.assert_allclose(state.finish(), whole.finish(), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(state.xy, whole.xy, rtol=1e-11, atol=1e-11)


def test_what_a_gram_refuses() -> None:
    X = np.eye(3)
    with pytest.raises(ValueError, match="negative"):
        gram_of(Block(X, X[:, 0], np.array([1.0, -1.0, 1.0])))
    with pytest.raises(ValueError, match=r"1 columns.*got 2"):
        gram_of(Block(X, X[:, 0]), Block(X, X[:, :2].copy()))
    one, two = gram_of(Block(X, X[:, 0])), gram_of(Block(X, X[:, :2].copy()))
    with pytest.raises(ValueError, match="cannot be merged"):
        one.merge(two)


@pytest.mark.parametrize("isa", core.config()["isas_available"])
def test_every_instruction_set(isa: str) -> None:
    here = os.path.abspath(__file__)
    chosen = "(long_double and dense) or drift or any_panel or coarse"
    call = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        here,
        "-k",
        f"({chosen}) and not instruction",
    ]
    run = subprocess.run(
        call, env={**os.environ, "ESKER_ISA": isa}, capture_output=True, text=True, check=False,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(here))),
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    assert "passed" in run.stdout
