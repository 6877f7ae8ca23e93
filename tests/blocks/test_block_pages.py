"""Pages of block files: whatever the rows, what is read is what was written to the bit, at any rows, by any threads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from esker import open_blocks
from esker._native import core
from esker.blocks import UNIT, Block, BlockFile, BlockWriter, write_block_file
from esker.blocks.buffer import slice_rows
from esker.blocks.describe import walked

KINDS = ["gaps", "wide", "unsorted", "ones", "counts", "runs", "empty"]


def sparse_rows(rng, kind, n, columns, dtype):
    lengths = rng.integers(0, 9, n) if kind != "empty" else np.zeros(n, int)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ids = []
    for k in lengths:
        row = np.arange(k) if kind == "runs" else np.unique(rng.integers(0, columns, k))
        row = np.concatenate([row, columns - 1 - np.arange(k - len(row))])[:k]
        ids.append(rng.permutation(np.unique(row)) if kind == "unsorted" else np.unique(row))
    indptr = np.concatenate([[0], np.cumsum([len(r) for r in ids])])
    ids = np.concatenate(ids) if ids else np.empty(0)
    index = np.int64 if columns > 2**31 else np.int32
    data = {"ones": np.ones(len(ids)), "counts": rng.integers(-3, 200, len(ids)).astype(float)}.get(
        kind, rng.standard_normal(len(ids))
    )
    x = csr_array((n, columns), dtype=dtype)
    x.data, x.indices, x.indptr = data.astype(dtype), ids.astype(index), indptr.astype(index)
    return x


def same(a, b):
    """To the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def write(path, x, y=None, w=None, dtype=None, cut_at=()):
    """Rows as a source's blocks of odd sizes may bring them."""
    source = open_blocks(np.zeros((1, 1)))
    source.n_columns = x.shape[1]
    with BlockWriter(path, source, dtype or (x.dtype if x.dtype != np.float16 else None)) as writer:
        ends = [0, *sorted(c for c in cut_at if c < x.shape[0]), x.shape[0]]
        for begin, end in pairwise(ends):
            rows = slice_rows(x, begin, end)
            writer.add(
                Block(rows, None if y is None else y[begin:end], None if w is None else w[begin:end], begin)
            )
        writer.finish()
    return BlockFile(path)


def check(blocks, x, y, w, begin, end):
    block = blocks.read_rows(blocks.parts[0], begin, end)
    if isinstance(x, np.ndarray):
        assert same(block.X, np.ascontiguousarray(x[begin:end]))
    else:
        first, last = x.indptr[begin], x.indptr[end]
        assert same(block.X.data, x.data[first:last])
        assert block.X.indices.tolist() == x.indices[first:last].tolist()
        assert block.X.indptr.tolist() == (x.indptr[begin : end + 1] - first).tolist()
        assert block.X.indices.dtype == (np.int64 if x.shape[1] > 2**31 else np.int32)
    assert (block.y is None) == (y is None)
    assert y is None or same(block.y, np.ascontiguousarray(y[begin:end]))
    assert (block.sample_weight is None) == (w is None)
    assert w is None or same(block.sample_weight, w[begin:end])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_rows_come_back_to_the_bit(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("pages") / "a.esk"
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    n = data.draw(st.sampled_from([1, 2, 255, 256, 257, 700]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    kind = data.draw(st.sampled_from(["dense", *KINDS]))
    if kind == "dense":
        x = rng.standard_normal((n, data.draw(st.sampled_from([1, 3, 40])))).astype(dtype)
        x[rng.random(x.shape) < 0.1] = -0.0
    else:
        x = sparse_rows(
            rng, kind, n, data.draw(st.sampled_from([9, 200, 70_000, 2**31, 2**31 + 5, 2**45])), dtype
        )
    shape = data.draw(st.sampled_from([(n,), (n, 1), (n, 3)]))
    y = data.draw(
        st.sampled_from(
            [
                None,
                rng.integers(0, 2, shape).astype(bool),
                rng.integers(-5, 5, shape),
                rng.integers(-(2**62), 2**62, shape),
                rng.integers(0, 3, shape).astype(np.float32),
                rng.standard_normal(shape),
                np.full(shape, -0.0),
                np.full(shape, 2.5),
            ]
        )
    )
    w = data.draw(
        st.sampled_from([None, np.full(n, 0.25), rng.random(n), rng.integers(0, 4, n).astype(float)])
    )
    blocks = write(path, x, y, w, cut_at=data.draw(st.sets(st.integers(1, 699), max_size=3)))
    assert blocks.n_columns == x.shape[1]
    check(blocks, x, y, w, 0, n)


@pytest.mark.parametrize("kind", ["dense", *KINDS])
def test_any_rows_any_cut_any_threads(tmp_path, kind):
    rng, n = np.random.default_rng(3), 2 * UNIT + 300
    x = rng.standard_normal((n, 30)) if kind == "dense" else sparse_rows(rng, kind, n, 3000, np.float32)
    y, w = rng.integers(0, 3, n), rng.random(n)
    blocks = write(tmp_path / "a.esk", x, y, w, cut_at=[100, 5000, 5001])
    for begin, end in ((0, n), (UNIT, 2 * UNIT), (UNIT, n), (2 * UNIT, n), (0, 77)):
        check(blocks, x, y, w, begin, end)
    for size in ("20kB", "1MB", None):
        small = BlockFile(tmp_path / "a.esk", block_size=size)
        for threads in (1, 2, 5):
            core.set_thread_limit(threads)
            try:
                found = list(small.read(small.parts[0]))
            finally:
                core.set_thread_limit(0)
            assert np.concatenate([b.y for b in found]).tolist() == y.tolist()
            assert all(b.first_key % 256 == 0 for b in found)
            values = [b.X if kind == "dense" else b.X.data for b in found]
            assert same(np.concatenate(values), x if kind == "dense" else x.data)


def test_encoded_narrowly(tmp_path):
    """Bytes for each stored number, footer aside: what the encodings promise."""
    rng, n = np.random.default_rng(0), UNIT

    def bytes_for_a_number(x):
        rows = write(tmp_path / "a.esk", x).stored[0].rows
        return rows.pages[:, 1].sum() / len(x.data)

    def fixed(ids, data):
        x = csr_array((n, int(ids.max()) + 1), dtype=np.float32)
        x.data, x.indices = data.astype(np.float32).ravel(), ids.astype(np.int32).ravel()
        x.indptr = np.arange(0, ids.size + 1, ids.shape[1], dtype=np.int32)
        return x

    ids = np.cumsum(rng.integers(1, 200, (n, 32)), axis=1)
    ones, counts, reals = np.ones(ids.shape), rng.integers(0, 16, ids.shape), rng.random(ids.shape)
    assert bytes_for_a_number(fixed(ids, ones)) < 1.1  # 8 bits a gap, no values, no lengths
    assert bytes_for_a_number(fixed(ids, counts)) < 1.6  # and 4 bits a value
    assert bytes_for_a_number(fixed(ids, reals)) < 5.1
    assert bytes_for_a_number(fixed(np.tile(np.arange(32), (n, 1)), ones)) < 0.1  # nothing but headers


def test_float16_is_storage(tmp_path):
    rng = np.random.default_rng(0)
    special = np.array([0, -0.0, 1e-8, 6e-8, 1e-5, 65504, -65504, 1 / 3, np.inf, -np.inf, np.nan])
    for x in (rng.standard_normal((300, 7)), sparse_rows(rng, "gaps", 300, 50, np.float64)):
        values = x.reshape(-1) if isinstance(x, np.ndarray) else x.data
        values[: len(special)] = special
        blocks = write(tmp_path / "a.esk", x, dtype="float16")
        blocks.checked = False
        (block,) = blocks.read(blocks.parts[0])
        got = block.X.reshape(-1) if isinstance(x, np.ndarray) else block.X.data
        assert same(got, values.astype(np.float16).astype(np.float32))
        assert blocks.dtype == np.float32
        assert not blocks.facts["finite"]
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    every = np.where(np.isnan(every), np.float16(0), every).reshape(256, 256)
    blocks = write(tmp_path / "a.esk", every.astype(np.float64), dtype="float16")
    blocks.checked = False
    (block,) = blocks.read(blocks.parts[0])
    assert same(block.X, every.astype(np.float32))


def test_float16_refuses_what_it_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r"holds 70000, a value that float16 cannot: its largest is 65504"):
        write_block_file(open_blocks(np.array([[1.0, 70000.0]])), tmp_path / "a.esk", dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_blocks_that_are_kept_stay_as_they_are(tmp_path):
    rng, n = np.random.default_rng(0), 8 * UNIT
    for x in (rng.standard_normal((n, 20)), sparse_rows(rng, "gaps", n, 999, np.float64)):
        write(tmp_path / "a.esk", x, rng.random(n))
        blocks = BlockFile(tmp_path / "a.esk", block_size="200kB")
        kept = list(blocks)
        assert len(kept) > 3
        again = list(blocks)
        for a, b in zip(kept, again):
            assert same(a.y, b.y)
            left, right = (a.X, b.X) if isinstance(x, np.ndarray) else (a.X.data, b.X.data)
            assert same(left, right)
        assert sum(map(len, kept)) == n


def test_a_walk_lives_in_the_same_few_buffers(tmp_path):
    n = 64 * UNIT
    write(tmp_path / "a.esk", np.ones((n, 10)))
    blocks = BlockFile(tmp_path / "a.esk", block_size="1MB")
    places = [block.X.ctypes.data for block in blocks.read(blocks.parts[0])]
    assert len(places) > 10
    assert len(set(places)) <= 3


# --- several files ---


def test_files_are_parts_of_one_source(tmp_path):
    rng = np.random.default_rng(0)
    paths, texts = [tmp_path / f"{i}.esk" for i in range(3)], [["b", "a"], ["c", "a"], ["a", "b"]]
    for i, (path, labels) in enumerate(zip(paths, texts)):
        x = sparse_rows(rng, "gaps", 300 + i, 50 + i, np.float32)
        write_block_file(open_blocks(x, target=np.array(labels)[np.arange(300 + i) % 2]), path)
    blocks = open_blocks(paths)
    assert (blocks.n_rows, blocks.n_columns, len(blocks.parts)) == (903, 52, 3)
    found = list(blocks)
    assert [b.first_key for b in found] == [0, 1 << 40, 2 << 40]
    assert {b.X.shape[1] for b in found} == {52}
    for i, (block, labels) in enumerate(zip(found, texts)):
        assert block.y.tolist() == np.array(labels)[np.arange(300 + i) % 2].tolist()
        alone = next(iter(open_blocks(paths[i])))
        assert same(alone.X.data, block.X.data)
    assert blocks.describe()["targets"][0]["counts"] == {"a": 451, "b": 301, "c": 151}
    part = blocks.read_rows(blocks.parts[2], 0, 10)
    assert part.first_key == 2 << 40
    assert part.y.tolist()[:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((3, 3))}, "equally wide: expected 2 columns"),
        ({"x": np.ones((3, 2), np.float32)}, "agree in dtype"),
        ({"x": csr_array(np.ones((3, 2)))}, "agree in layout"),
        ({"y": np.ones((3, 2))}, "agree in y_shape"),
        ({"y": np.ones(3, bool)}, "agree in the targets' dtype"),
        ({"y": np.array(["a", "b", "a"])}, "strings in all files"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, change, message):
    from esker import FormatError

    first, other = tmp_path / "a.esk", tmp_path / "b.esk"
    write_block_file(open_blocks(np.ones((3, 2)), target=np.ones(3)), first)
    given = {"x": np.ones((3, 2)), "y": np.ones(3)} | change
    write_block_file(open_blocks(given["x"], target=given["y"]), other)
    with pytest.raises(FormatError, match=message) as caught:
        open_blocks([first, other])
    assert str(caught.value).startswith(str(other))


# --- the description ---


@pytest.mark.parametrize("y", ["floats", "classes", "strings", "two", None])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_description_needs_no_reading(tmp_path, y, sparse):
    rng, n = np.random.default_rng(0), 1000
    x = sparse_rows(rng, "counts", n, 50, np.float32) if sparse else rng.integers(0, 3, (n, 4)).astype(float)
    targets = {
        "floats": rng.standard_normal(n),
        "classes": rng.integers(0, 3, n),
        "strings": np.array(["no", "yes"])[rng.integers(0, 2, n)],
        "two": rng.standard_normal((n, 2)),
        None: None,
    }[y]
    write_block_file(open_blocks(x, target=targets, weight=rng.random(n)), tmp_path / "a.esk")
    blocks = BlockFile(tmp_path / "a.esk")
    known, read = blocks.footer(), walked(blocks)
    assert known.keys() | {"records"} == read.keys()
    for key, value in read.items():
        if key == "records":
            continue
        if key == "targets":
            for a, b in zip(known[key], value):
                assert a.keys() == b.keys()
                for name in b:
                    assert a[name] == (pytest.approx(b[name]) if name in ("mean", "std") else b[name])
        elif key != "bytes_in_memory":
            assert known[key] == (pytest.approx(value) if key == "weight" else value)
    assert known["bytes_in_memory"] == pytest.approx(read["bytes_in_memory"], rel=0.01)
