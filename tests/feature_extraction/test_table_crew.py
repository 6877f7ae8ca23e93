"""Rows of a table that several threads hash are those of one thread, in order, however its row groups lie."""

from pathlib import Path

import numpy as np
import pytest

import esker
from esker._native import threads
from esker.feature_extraction import TableHasher
from esker.linear_model import SGDClassifier

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

HASHER = TableHasher(
    numeric=["n"], categorical=["few", "many"], crosses=[("few", "many")], numeric_bins="log"
)


def table(n: int) -> "pa.Table":
    rng = np.random.default_rng(n)
    many = np.where(rng.random(n) < 0.1, None, np.char.add("m", rng.integers(0, n, n).astype(str)))
    n_values = np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 100, n))
    few = np.char.add("f", rng.integers(0, 9, n).astype(str))
    return pa.table(
        {"n": n_values, "few": few, "many": pa.array(many, pa.string()), "y": rng.integers(0, 2, n)}
    )


@pytest.mark.parametrize("group", [1000, 5000, 50_000, 200_000])
def test_pieces_hold_the_rows_of_the_table(tmp_path: Path, group: int) -> None:
    rows = table(130_000)
    parquet.write_table(rows, tmp_path / "t.parquet", row_group_size=group)
    blocks = esker.open_blocks(tmp_path / "t.parquet", target="y", features=HASHER, block_size="2MB")
    pieces = list(blocks.read_pieces(blocks.parts[0]))
    lengths = [len(piece) for piece in pieces]
    assert len(pieces) > 3
    assert all(n % 256 == 0 for n in lengths[:-1])
    assert [int(piece.keys[0]) for piece in pieces] == np.cumsum([0, *lengths[:-1]]).tolist()
    whole = HASHER.transform(rows)
    for first, piece in zip(np.cumsum([0, *lengths]), pieces):
        assert abs(piece.X - whole[first : first + len(piece)]).max() == 0
    assert np.concatenate([piece.y for piece in pieces]).tolist() == rows["y"].to_pylist()
    assert sum(len(block) for block in blocks) == 130_000


def test_an_epoch_is_the_same_for_any_threads_and_memory(tmp_path: Path) -> None:
    parquet.write_table(table(90_000), tmp_path / "t.parquet", row_group_size=20_000)
    epochs = []
    for n_threads, memory in ((1, None), (2, None), (2, "200MB")):
        with threads(n_threads):
            blocks = esker.open_blocks(tmp_path / "t.parquet", target="y", features=HASHER, max_memory=memory)
            visits = list(blocks.visits(0, seed=1))
            model = SGDClassifier(eta0=0.5, max_iter=1, tol=None, random_state=0)
            weights = model.fit(blocks).coef_ if memory is None else None
        epochs.append(([(v.X, v.y, v.order) for v in visits], weights))
    for epoch, weights in epochs[1:]:
        assert weights is None or (weights == epochs[0][1]).all()
        for (x, y, order), (x0, y0, order0) in zip(epoch, epochs[0][0], strict=True):
            for name in ("data", "indices", "indptr"):
                np.testing.assert_array_equal(getattr(x, name), getattr(x0, name))
            np.testing.assert_array_equal(y, y0)
            np.testing.assert_array_equal(order, order0)


def test_an_error_of_a_hashing_thread_reaches_the_caller(tmp_path: Path) -> None:
    rows = table(60_000).to_pydict()
    rows["n"][40_000] = float("inf")
    parquet.write_table(pa.table(rows), tmp_path / "t.parquet", row_group_size=10_000)
    blocks = esker.open_blocks(tmp_path / "t.parquet", target="y", features=HASHER)
    with pytest.raises(ValueError, match="column 'n' holds infinity"):
        SGDClassifier().fit(blocks)
