"""Block files: what is written is read back to the bit, at any rows; damage anywhere is found; killed writers leave nothing."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, vstack

from esker import FormatError, open_blocks
from esker._native import core
from esker.blocks import UNIT, BlockFile, block_format, write_block_file
from esker.blocks.block_writer import fingerprint


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
    with pytest.raises(ValueError, match="float32 or float64"):
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
    assert len(blocks._layout.blocks) > 1
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
    with pytest.raises(ValueError, match="one block file"):
        open_blocks([path, path])
    assert open_blocks(path, dtype="float64").n_rows == 2


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "a.esk"
    X = csr_array(np.eye(5, dtype=np.float32))
    write_block_file(open_blocks(X, target=np.array(["a", "b", "a", "b", "c"]), weight=np.arange(5.0)), path)
    return path


def walked(path):
    """All blocks, without the reader thread."""
    blocks = BlockFile(path)
    return [block for part in blocks.parts for block in blocks.read(part)]


def test_every_flipped_byte_is_found(small):
    good = small.read_bytes()
    assert len(list(open_blocks(small))) == 1
    text = good.index(b'{"'), good.index(b"}}}") if b"}}}" in good else len(good)
    for i in range(len(good)):
        if text[0] < i < text[1] and i % 16:
            continue  # JSON under one checksum: some of its bytes will do
        small.write_bytes(good[:i] + bytes([good[i] ^ 0x10]) + good[i + 1 :])
        with pytest.raises(FormatError) as caught:
            walked(small)
        assert str(caught.value).startswith(str(small))


def test_every_truncation_is_found(small):
    good = small.read_bytes()
    for n in [*range(1, 200), *range(200, len(good), 7), len(good) - 1]:
        small.write_bytes(good[:n])
        with pytest.raises(FormatError, match=r"truncated|begins with"):
            BlockFile(small)
    small.write_bytes(good + b"x")
    with pytest.raises(FormatError, match="truncated"):
        BlockFile(small)


def test_a_damaged_block_is_named(tmp_path):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(rows(n=6 * UNIT, d=100)), path)
    offset = int(BlockFile(path)._layout.blocks[1, 0])
    with path.open("r+b") as f:
        f.seek(offset + block_format.PAGE + 5)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    blocks = open_blocks(path)
    good = next(iter(blocks.read(blocks.parts[0])))
    with pytest.raises(
        FormatError, match=rf"a.esk: block 1 \(rows {len(good)} to .*page 1 is damaged: expected .*, got 0x"
    ):
        list(blocks)


def rewritten(path, change):
    """The file with another footer, all checksums right: what a hostile or a newer writer may make."""
    raw = path.read_bytes()
    layout = BlockFile(path)._layout
    arrays = {k: v.copy() for k, v in layout.arrays.items()}
    facts = {k: v for k, v in layout.facts.items() if k not in ("arrays", "needs")}
    change(facts, arrays)
    (offset,) = struct.unpack("<Q", raw[-64:-56])
    path.write_bytes(raw[:offset] + block_format.tail(offset, facts, arrays))


def set_in(table, row, field, value):
    fields = block_format.BLOCK_FIELDS if table == "blocks" else block_format.SECTION_FIELDS

    def change(facts, arrays):
        arrays[table][row, fields.index(field)] = value

    return change


HOSTILE = {
    "huge rows": set_in("blocks", 0, "rows", 1 << 50),
    "negative size": set_in("blocks", 0, "size", -64),
    "offset beyond": set_in("blocks", 0, "offset", 1 << 40),
    "huge section": set_in("sections", 1, "count", 1 << 60),
    "section outside": set_in("sections", 1, "offset", 1 << 30),
    "section of no block": set_in("sections", 1, "block", 9),
    "more numbers": set_in("blocks", 0, "numbers", 6),
    "wider block": set_in("blocks", 0, "columns", 9),
    "first row": set_in("blocks", 0, "first_row", 256),
    "parts": lambda facts, arrays: facts.update(parts=[]),
    "rows": lambda facts, arrays: facts.update(n_rows=7),
    "layout": lambda facts, arrays: facts.update(layout="dense"),
    "missing": lambda facts, arrays: facts.pop("n_columns"),
    "dtype": lambda facts, arrays: facts.update(dtype="float64"),
    "targets": lambda facts, arrays: facts.update(y_shape=[1 << 40]),
    "no tables": lambda facts, arrays: arrays.clear(),
    "pages": lambda facts, arrays: arrays.update(page_crc=arrays["page_crc"][:0]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_footer_that_lies_is_refused_without_allocating(small, name):
    rewritten(small, HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="makes no sense"):
            list(BlockFile(small))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_columns_outside_are_refused(small):
    rewritten(
        small,
        lambda facts, arrays: (facts.update(n_columns=3), set_in("blocks", 0, "columns", 3)(facts, arrays)),
    )
    with pytest.raises(FormatError, match="column numbers outside 0 to 2"):
        list(BlockFile(small))


def test_newer_sections_and_versions_say_what_is_needed(small):
    good = small.read_bytes()
    rewritten(small, set_in("sections", 0, "encoding", 3))
    with pytest.raises(
        FormatError, match=r"encoding 3, which this esker does not know; use esker 0\.1 or later"
    ):
        BlockFile(small)
    first = bytearray(good[:60])
    first[8:12] = struct.pack("<I", 9)
    last = bytearray(good[-64:-4])
    last[28:32] = struct.pack("<I", 9)
    sums = [struct.pack("<I", core.crc32c(bytes(b))) for b in (first, last)]
    small.write_bytes(bytes(first) + sums[0] + good[64:-64] + bytes(last) + sums[1])
    with pytest.raises(
        FormatError, match=r"version 9 of the block file, and this esker reads 1; use esker 0\.1 or later"
    ):
        BlockFile(small)


def test_a_file_that_is_replaced_is_noticed(small):
    blocks = open_blocks(small)
    write_block_file(open_blocks(np.ones((3, 3))), small)
    with pytest.raises(FormatError, match="changed"):
        list(blocks)


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


def test_documented_bytes(small):
    """The offsets that docs/block-file.md gives, by hand."""
    raw = small.read_bytes()
    assert raw[:8] == b"ESKER\r\n\x1a"
    assert struct.unpack("<II", raw[8:16]) == (1, 0)
    offset, size, total, crc, version = struct.unpack("<QQQII", raw[-64:-32])
    assert (total, version, raw[-12:-4]) == (len(raw), 1, b"ESKEREND")
    assert offset + size + 64 == total
    assert core.crc32c(raw[offset : offset + size]) == crc
    (n,) = struct.unpack("<Q", raw[offset : offset + 8])
    facts = json.loads(raw[offset + 8 : offset + 8 + n])
    begin = offset + -(-(8 + n) // 64) * 64
    where = facts["arrays"]["blocks"]
    table = np.frombuffer(raw, where["dtype"], 8, begin + where["offset"])
    assert table.tolist() == [64, offset - 64, 0, 0, 5, 5, 5, 0]
    # indptr, indices, data, y, weight: each at the next multiple of 64
    assert np.frombuffer(raw, "<i4", 6, 64).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.frombuffer(raw, "<i4", 5, 128).tolist() == [0, 1, 2, 3, 4]
    assert np.frombuffer(raw, "<f4", 5, 192).tolist() == [1] * 5
    assert np.frombuffer(raw, "<i4", 5, 256).tolist() == [0, 1, 0, 1, 2]
    assert np.frombuffer(raw, "<f8", 5, 320).tolist() == [0, 1, 2, 3, 4]
    assert facts["labels"] == ["a", "b", "c"]


def test_the_documented_reader_reads(small, monkeypatch):
    """The program at the end of docs/block-file.md, run as it stands there."""
    page = Path(__file__).parents[2] / "docs" / "block-file.md"
    program = page.read_text().split("```python\n")[1].split("```")[0]
    small.rename(small.with_name("rows.esk"))
    monkeypatch.chdir(small.parent)
    names = {}
    exec(program, names)
    assert names["facts"]["n_rows"] == 5
    assert names["numbers"].tolist() == [0, 1, 2, 3, 4]  # the last section: weights


def test_time_of_a_pass_is_not_spent_per_page(tmp_path):
    """One read and one checksum for many rows: a pass over 40 MB takes no more than a few copies of it."""
    path = tmp_path / "a.esk"
    X = np.ones((40 * UNIT, 32))
    write_block_file(open_blocks(X), path)
    blocks = open_blocks(path)
    began = time.perf_counter()
    assert sum(len(b) for b in blocks) == len(X)
    assert time.perf_counter() - began < 2.0
