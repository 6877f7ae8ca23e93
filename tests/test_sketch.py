"""sketch_rows: exact means, the sketch's Gram, fits close to the full fit, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LinearRegression, Ridge

import esker
from esker.blocks import Block
from esker.folds import RowSketch
from esker.sketch import sketch_rows


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 12)) * np.logspace(-2, 2, 12) + rng.standard_normal(12) * 50
    y = X @ (1 / np.logspace(-2, 2, 12)) + 3 + rng.standard_normal(20_000)
    return X, y, rng.random(20_000) + 0.1


def test_the_means_are_the_datas(data: tuple[np.ndarray, ...]) -> None:
    X, y, w = data
    Xs, ys = sketch_rows(X, y, 100, sample_weight=w)
    assert Xs.shape == (100, 12)
    assert ys.shape == (100,)
    np.testing.assert_allclose(
        Xs.mean(axis=0), np.average(X, axis=0, weights=w), rtol=1e-12, atol=1e-12 * X.std()
    )
    np.testing.assert_allclose(ys.mean(), np.average(y, weights=w), rtol=1e-11)


def test_the_centred_gram_is_that_of_the_sketched_deviations(data: tuple[np.ndarray, ...]) -> None:
    X, y, w = data
    Xs, ys = sketch_rows(X, y, 100, sample_weight=w, random_state=4)
    centred = RowSketch(99, seed=4)
    Z = np.column_stack([X - np.average(X, axis=0, weights=w), y - np.average(y, weights=w)])
    centred.update(Block(Z, None, w))
    expected = centred.finish().X.T @ centred.finish().X
    found = np.column_stack([Xs, ys])
    found = found - found.mean(axis=0)
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(
        found.T @ found / np.outer(scale, scale), expected / np.outer(scale, scale), atol=1e-10
    )


def test_without_centring_it_is_the_map_itself(data: tuple[np.ndarray, ...]) -> None:
    X, y, _ = data
    state = RowSketch(64, seed=9)
    state.update(Block(X, y))
    Xs, ys = sketch_rows(X, y, 64, center=False, random_state=9)
    np.testing.assert_array_equal(Xs, state.finish().X)
    np.testing.assert_array_equal(ys, state.finish().y[:, 0])


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array, sp.csc_array])
def test_a_fit_of_the_sketch_is_near_the_full_fit(data: tuple[np.ndarray, ...], storage: object) -> None:
    X, y, _ = data
    full = LinearRegression().fit(X, y)
    size = 600
    residual = full.predict(X) - y
    excess = []
    for seed in range(5):
        fit = LinearRegression().fit(*sketch_rows(storage(X), y, size, random_state=seed))
        excess.append(((fit.predict(X) - y) ** 2).mean() / (residual**2).mean() - 1)
    # Sketched least squares loses d / (size - d) of the residual, in the mean over sketches (variance of the noise).
    assert 0 < np.mean(excess) < 3 * 12 / (size - 12)


def test_the_error_shrinks_as_one_over_size(data: tuple[np.ndarray, ...]) -> None:
    X, y, _ = data
    best = ((LinearRegression().fit(X, y).predict(X) - y) ** 2).mean()

    def excess(size: int) -> float:
        fits = [LinearRegression().fit(*sketch_rows(X, y, size, random_state=s)) for s in range(12)]
        return float(np.mean([((f.predict(X) - y) ** 2).mean() / best - 1 for f in fits]))

    assert excess(100) / excess(1600) == pytest.approx(16, rel=0.6)


def test_alpha_keeps_its_meaning(data: tuple[np.ndarray, ...]) -> None:
    X, y, _ = data
    alpha = 1e5
    full, few = Ridge(alpha).fit(X, y), Ridge(alpha).fit(*sketch_rows(X, y, 2000))
    spread = X.std(axis=0)

    def distance(other: Ridge) -> float:
        return float(np.abs((other.coef_ - few.coef_) * spread).max() / np.abs(full.coef_ * spread).max())

    assert distance(full) < 0.15  # about sqrt(d / size)
    for wrong in (alpha / 10, alpha * 10):  # n / size is 10
        assert distance(Ridge(wrong).fit(X, y)) > 2 * distance(full)


def test_blocks_files_and_threads_give_the_same_sketch(
    data: tuple[np.ndarray, ...], tmp_path: object
) -> None:
    X, y, w = data
    expected = sketch_rows(X, y, 50, sample_weight=w, n_threads=1)
    for n in (2, 4):
        again = sketch_rows(X, y, 50, sample_weight=w, n_threads=n)
        assert [a.tobytes() for a in again] == [a.tobytes() for a in expected]
    path = tmp_path / "X.npy"
    np.save(path, X)
    for blocks in (
        esker.open_blocks(X, target=y, weight=w, max_memory="1MB"),
        esker.open_blocks(np.load(path, mmap_mode="r"), target=y, weight=w, block_size=500_000),
    ):
        for a, b in zip(sketch_rows(blocks, size=50), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11)


def test_shapes_of_targets(data: tuple[np.ndarray, ...]) -> None:
    X, y, _ = data
    assert sketch_rows(X, size=20)[1] is None
    assert sketch_rows(X, y[:, None], 20)[1].shape == (20, 1)
    assert sketch_rows(X, np.column_stack([y, y, -y]), 20)[1].shape == (20, 3)
    assert sketch_rows(X.astype(np.float32), y, 2)[0].shape == (2, 12)
    assert sketch_rows(X.tolist()[:50], y[:50], 9)[0].shape == (9, 12)


def test_more_rows_than_data_is_said() -> None:
    X = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.warns(UserWarning, match="a sketch of 40 rows gains nothing on 30 rows"):
        Xs, _ = sketch_rows(X, None, 40)
    np.testing.assert_allclose(Xs.mean(axis=0), X.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 1}, "size must be an integer of at least 2, got 1"),
        ({"size": 5.0}, "size must be an integer of at least 2"),
        ({"random_state": -1}, "random_state must be an integer of at least 0"),
        ({"center": "no"}, "center must be True or False"),
        ({"n_threads": 0}, "n_threads must be None or at least 1"),
        ({"sample_weight": np.zeros(100)}, "weights are zero in every row"),
        ({"sample_weight": -np.ones(100)}, "weights must not be negative"),
        ({"y": np.array(["a"] * 100)}, "must be numbers"),
        ({"y": np.full(100, np.nan)}, "target must be finite, got NaN"),
        (
            {"X": np.where(np.eye(100, 6) > 0, np.inf, 1.0)},
            "X must be finite, got NaN or infinity in row 0, column 0",
        ),
        (
            {"size": 20_000, "max_memory": "1MB"},
            "more than half of max_memory=1.0 MB; choose a smaller size, or grant",
        ),
    ],
)
def test_refusals(change: dict[str, object], message: str) -> None:
    X = np.random.default_rng(0).standard_normal((100, 6))
    with pytest.raises(ValueError, match=message):
        sketch_rows(**{"X": X, "y": X[:, 0], "size": 10, **change})


def test_a_blocks_brings_its_target() -> None:
    X = np.random.default_rng(0).standard_normal((100, 6))
    with pytest.raises(ValueError, match="brings its own target"):
        sketch_rows(esker.open_blocks(X), X[:, 0], 10)
    with pytest.raises(TypeError, match="needs size"):
        sketch_rows(X)
