"""Block files: what is written is read back to the bit, at any rows; damage anywhere is found; killed writers leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.sparse import csr_array, vstack

from esker import FormatError, open_blocks
from esker.blocks import UNIT, BlockFile, write_block_file
from esker.blocks.block_writer import fingerprint
from esker.blocks.chosen import take_rows


def rows(sparse=False, n=3 * UNIT + 77, d=7, dtype=np.float64, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, d)).astype(dtype)
    if not sparse:
        return X
    X[X < 0.5] = 0
    return csr_array(X)


def dense(blocks):
    found = list(blocks)
    X = np.concatenate([b.X if isinstance(b.X, np.ndarray) else b.X.toarray() for b in found])
    return found, X


# --- round trips ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_size", [None, "40kB"])
def test_round_trip(tmp_path, dtype, sparse, weighted, block_size):
    X = rows(sparse, dtype=dtype)
    n = X.shape[0]
    rng = np.random.default_rng(1)
    y, w = rng.standard_normal((n, 2)), rng.random(n) if weighted else None
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(X, target=y, weight=w, block_size=block_size), path)
    assert os.listdir(tmp_path) == ["a.esk"]
    blocks = open_blocks(path, block_size=block_size)
    assert isinstance(blocks, BlockFile)
    known = (blocks.n_rows, blocks.n_columns, blocks.n_targets, blocks.dtype, blocks.is_sparse)
    assert known == (n, 7, 2, dtype, sparse)
    found, again = dense(blocks)
    assert len(found) > (block_size is not None)
    assert np.array_equal(again, X.toarray() if sparse else X)
    assert np.array_equal(np.concatenate([b.y for b in found]), y)
    assert np.array_equal(np.concatenate([b.keys for b in found]), np.arange(n))
    if weighted:
        assert np.array_equal(np.concatenate([b.sample_weight for b in found]), w)
    else:
        assert all(b.sample_weight is None for b in found)
    arrays = [b.X if not sparse else b.X.data for b in found]
    assert all(a.dtype == dtype and a.flags.aligned for a in arrays)
    assert all(a.ctypes.data % 64 == 0 for a in arrays if block_size is None)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(300),
        np.arange(300, dtype=np.uint8),
        np.arange(300) % 2 == 0,
        np.array(["rain", "sun", "søl"] * 100),
        np.array(["rain", "sun", "sun"] * 100, dtype=object),
        np.arange(300, dtype=np.float32),
        np.arange(300).reshape(300, 1),
        None,
    ],
    ids=lambda y: "none" if y is None else f"{y.dtype.kind}{y.dtype.itemsize}-{y.ndim}",
)
def test_targets_of_any_kind(tmp_path, y):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(np.ones((300, 2)), target=y), path)
    (block,) = open_blocks(path)
    if y is None:
        assert block.y is None
        return
    assert block.y.tolist() == y.tolist()
    assert (block.y.dtype.kind == "U") == (y.dtype.kind in "UO")
    assert block.y.shape == y.shape


def test_wide_indices_explicit_zeros_and_empty_rows(tmp_path):
    X = csr_array(
        (np.array([1.0, 0.0, 3.0]), np.array([5, 3_000_000_000, 7]), np.array([0, 2, 2, 3])),
        (3, 3_000_000_001),
    )
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(X, target=np.zeros(3)), path)
    blocks = open_blocks(path)
    (block,) = blocks
    assert block.X.shape == X.shape
    assert block.X.indices.dtype == np.int64
    assert block.X.indices.tolist() == [5, 3_000_000_000, 7]
    assert block.X.data.tolist() == [1, 0, 3]
    assert block.X.indptr.tolist() == [0, 2, 2, 3]
    assert "mean" not in blocks.moments  # too wide for it


def test_dtype_narrows_or_refuses(tmp_path):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(np.array([[0.1, 2]])), path, dtype="float32")
    (block,) = open_blocks(path)
    assert block.X.tolist() == [[float(np.float32(0.1)), 2]]
    with pytest.raises(ValueError, match="float32 cannot"):
        write_block_file(open_blocks(np.array([[1e200]])), path, dtype="float32")
    with pytest.raises(ValueError, match="float16, float32 or float64"):
        write_block_file(open_blocks(np.ones((1, 1))), path, dtype="int8")
    assert os.listdir(tmp_path) == ["a.esk"]
    assert next(iter(open_blocks(path))).X[0, 1] == 2  # the earlier file is still there


def test_facts_moments_and_fingerprint(tmp_path):
    text = tmp_path / "a.svm"
    text.write_text("1 1:1 3:2\n3 1:5\n")
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(text, zero_based=False), path)
    blocks = open_blocks(path)
    assert blocks.parse_options == {
        "format": "svmlight",
        "zero_based": False,
        "n_features": None,
        "dtype": "float64",
    }
    assert blocks.facts["source"]["files"] == [fingerprint(text)]
    assert blocks.moments["mean"].tolist() == [3, 0, 1]
    assert blocks.moments["m2"].tolist() == [8, 0, 2]
    assert (blocks.moments["y_mean"].tolist(), blocks.moments["y_m2"].tolist()) == ([2], [2])
    assert (blocks.n_rows, blocks.n_columns, blocks.nnz) == (2, 3, 3)
    assert blocks.sequential_first


def test_parts_and_keys_are_the_sources(tmp_path):
    for name, n in (("a", UNIT + 5), ("b", 3)):
        (tmp_path / f"{name}.svm").write_text("".join(f"{i} {i % 9 + 1}:1\n" for i in range(n)))
    source = open_blocks([tmp_path / "a.svm", tmp_path / "b.svm"])
    write_block_file(source, tmp_path / "all.esk")
    blocks = open_blocks(tmp_path / "all.esk")
    assert [p.rows for p in blocks.parts] == [UNIT + 5, 3]
    assert [p.name for p in blocks.parts] == [str(tmp_path / "a.svm"), str(tmp_path / "b.svm")]
    keys = np.concatenate([b.keys for b in blocks])
    assert np.array_equal(keys, np.concatenate([b.keys for b in source]))
    assert keys[-1] == (1 << 40) + 2


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_anywhere(tmp_path, sparse):
    X = rows(sparse, n=5 * UNIT + 9, d=40)
    y = np.arange(X.shape[0], dtype=float)
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(X, target=y, block_size="1MB"), path)
    blocks = open_blocks(path)
    assert len(blocks.stored[0].rows.pages) > 1
    for begin, end in ((0, UNIT), (UNIT, 2 * UNIT), (UNIT, 5 * UNIT + 9), (5 * UNIT, 5 * UNIT + 9)):
        block = blocks.read_rows(blocks.parts[0], begin, end)
        assert np.array_equal(block.y, y[begin:end])
        assert block.first_key == begin
        assert abs(block.X - X[begin:end]).sum() == 0
    for start in (0, 2 * UNIT, 5 * UNIT):
        assert np.array_equal(np.concatenate([b.y for b in blocks.read(blocks.parts[0], start)]), y[start:])


def test_growing_widths(tmp_path):
    text = tmp_path / "a.svm"
    text.write_text("1 1:1\n" * UNIT + "1 8:1\n")
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(text, block_size="1MB"), path)
    assert {b.X.shape[1] for b in open_blocks(path)} == {9}
    assert vstack([b.X for b in open_blocks(path)]).sum() == UNIT + 1


def test_memory_granted_bounds_blocks(tmp_path):
    path = tmp_path / "a.esk"
    X = rows(n=20 * UNIT, d=10)
    write_block_file(open_blocks(X), path)
    small = open_blocks(path, max_memory="1MB")
    found, again = dense(small)
    assert max(b.nbytes for b in found) <= 1_000_000 // 8
    assert np.array_equal(again, X)


# --- what is refused ---


def test_options_without_effect_are_refused(tmp_path):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(np.ones((2, 2))), path)
    for options in ({"target": 0}, {"weight": 0}, {"columns": [0]}, {"zero_based": True}, {"n_features": 2}):
        with pytest.raises(ValueError, match=next(iter(options))):
            open_blocks(path, **options)
    with pytest.raises(ValueError, match="convert the source again"):
        open_blocks(path, dtype="float32")
    assert open_blocks(path, dtype="float64").n_rows == 2


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "a.esk"
    X = csr_array(np.eye(5, dtype=np.float32))
    write_block_file(open_blocks(X, target=np.array(["a", "b", "a", "b", "c"]), weight=np.arange(5.0)), path)
    return path


def test_a_file_that_is_replaced_is_noticed(small):
    blocks = open_blocks(small)
    write_block_file(open_blocks(np.ones((3, 3))), small)
    with pytest.raises(FormatError, match="changed"):
        list(blocks)


@pytest.mark.parametrize(
    "choose",
    [
        lambda blocks: blocks.sample(700, seed=3),
        lambda blocks: blocks.split(0.3, seed=1)[1],
        lambda blocks: blocks.head(UNIT + 7),
        lambda blocks: blocks.map(
            lambda b: take_rows(b, np.flatnonzero(b.X[:, 1] > 0)), n_rows=None, nnz=None
        ),
        lambda blocks: blocks.split(0.3, by=lambda b: b.keys // UNIT % 2, seed=1)[0],
    ],
)
def test_chosen_rows_are_a_data_set_of_their_own(tmp_path, choose):
    paths = []
    for i, n in enumerate((2 * UNIT + 300, 40, UNIT)):
        X = np.random.default_rng(i).normal(size=(n, 3))
        np.save(tmp_path / f"{i}.npy", X)
        paths.append(tmp_path / f"{i}.npy")
    chosen = list(choose(open_blocks(paths, block_size="40kB")))
    write_block_file(choose(open_blocks(paths, block_size="40kB")), tmp_path / "a.esk")
    written = open_blocks(tmp_path / "a.esk")
    expected = np.concatenate([b.X for b in chosen])
    np.testing.assert_array_equal(np.concatenate([b.X for b in written]), expected)
    assert written.n_rows == len(expected)
    keys = np.concatenate([b.keys for b in written])
    parts = np.concatenate([b.keys for b in chosen]) >> 40
    np.testing.assert_array_equal(keys >> 40, parts)
    for part in set(parts.tolist()):
        mine = keys[parts == part] & ((1 << 40) - 1)
        np.testing.assert_array_equal(mine, np.arange(len(mine)))


def test_rows_out_of_order_are_refused(tmp_path):
    blocks = open_blocks(rows(n=2 * UNIT))
    moved = blocks.map(lambda b: type(b)(b.X, b.y, b.sample_weight, row_keys=b.keys[::-1].copy()))
    with pytest.raises(ValueError, match="consecutive keys"):
        write_block_file(moved, tmp_path / "a.esk")
    assert os.listdir(tmp_path) == []


def test_errors_of_the_source_leave_nothing(tmp_path):
    text = tmp_path / "a.svm"
    text.write_text("1 1:1\nx\n")
    with pytest.raises(FormatError, match=r"a.svm:2:1"):
        write_block_file(open_blocks(text), tmp_path / "a.esk")
    assert os.listdir(tmp_path) == ["a.svm"]


KILLED = """
import sys, time
import numpy as np
from esker.blocks import open_blocks, write_block_file

def batches():
    for i in range(1000):
        yield np.full((4096, 50), float(i)), np.zeros(4096)
        print(i, flush=True)
        time.sleep(0.02)

write_block_file(open_blocks(batches), sys.argv[1])
"""


def test_killed_while_writing(tmp_path):
    path = tmp_path / "a.esk"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        for _ in range(12):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    (left,) = tmp_path.iterdir()  # a temporary file, not a block file by name
    assert left.name.startswith(".a.esk.")
    assert left.stat().st_size > 0
    with pytest.raises(FormatError):
        open_blocks(left)
    with pytest.raises(FormatError, match="truncated"):
        BlockFile(left)
    write_block_file(open_blocks(np.ones((2, 2))), path)
    assert os.listdir(tmp_path) == ["a.esk"]
    assert open_blocks(path).n_rows == 2


def test_time_of_a_pass_is_not_spent_per_page(tmp_path):
    """One read and one checksum for many rows: a pass over 40 MB takes no more than a few copies of it."""
    path = tmp_path / "a.esk"
    X = np.ones((40 * UNIT, 32))
    write_block_file(open_blocks(X), path)
    blocks = open_blocks(path)
    began = time.perf_counter()
    assert sum(len(b) for b in blocks) == len(X)
    assert time.perf_counter() - began < 2.0
