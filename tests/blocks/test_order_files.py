"""The order is a pure function of seed, epoch and position: files, any cut, any memory, any start, and rows chosen from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esker import open_blocks
from esker.blocks import write_block_file

N = 11_000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype(np.float32)
X[RNG.random(X.shape) < 0.3] = 0
Y = RNG.integers(0, 3, N)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import scipy.sparse as sp

    folder = tmp_path_factory.mktemp("order")
    np.save(folder / "a.npy", X)
    np.save(folder / "b.npy", X[:5000])
    np.save(folder / "c.npy", X[5000:])
    write_block_file(open_blocks(X, target=Y), folder / "dense.esk")
    write_block_file(open_blocks(sp.csr_array(X), target=Y), folder / "sparse.esk")
    return folder


def opened(folder, kind, **options):
    if kind == "npy":
        return open_blocks(folder / "a.npy", target=Y, **options)
    return open_blocks(folder / f"{kind}.esk", **options)


def order(blocks, **options):
    keys, rows, y = [], [], []
    for block in blocks.visits(**options):
        x = block.X if isinstance(block.X, np.ndarray) else block.X.toarray()
        at = slice(None) if block.order is None else block.order
        keys.append(block.keys[at])
        rows.append(x[at])
        y.append(block.y[at])
    return [np.concatenate(a) if a else np.empty(0) for a in (keys, rows, y)]


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["npy", "dense", "sparse"]),
    epoch=st.integers(0, 3),
    shuffle_rows=st.one_of(st.none(), st.integers(500, 12_000)),
    start=st.integers(0, 4),
    memory=st.sampled_from([None, "20MB", "3MB"]),
    mapped=st.booleans(),
)
def test_a_pure_function(folder, kind, epoch, shuffle_rows, start, memory, mapped):
    import scipy.sparse as sp

    memory_source = open_blocks(sp.csr_array(X) if kind == "sparse" else X, target=Y)
    if kind != "npy":
        epoch += 1  # a block file's first epoch is in sequence
    options = {"epoch": epoch, "seed": 9, "shuffle_rows": shuffle_rows}
    expected = order(memory_source, **options)
    size = len(expected[0]) if shuffle_rows is None else shuffle_rows
    blocks = opened(folder, kind, max_memory=memory)
    if mapped:
        blocks = blocks.map(lambda b: b, keeps_x=True).map(lambda b: b, keeps_x=True)
    found = order(blocks, **options, start=start)
    for ours, whole in zip(found, expected, strict=True):
        left = whole[start * size :]
        assert len(ours) == len(left)
        np.testing.assert_array_equal(ours.reshape(left.shape), left)
    np.testing.assert_array_equal(expected[1], X[expected[0]])
    np.testing.assert_array_equal(expected[2], Y[expected[0]])


@pytest.mark.parametrize("epoch", [0, 1])
def test_several_files_are_one_source(folder, epoch):
    blocks = open_blocks([folder / "b.npy", folder / "c.npy"], target=Y)
    keys, rows, y = order(blocks, epoch=epoch, seed=3, shuffle_rows=3000)
    at = (keys & ((1 << 40) - 1)) + 5000 * (keys >> 40)
    assert sorted(at.tolist()) == list(range(N))
    np.testing.assert_array_equal(rows, X[at])
    np.testing.assert_array_equal(y, Y[at])


@pytest.mark.parametrize("kind", ["npy", "dense", "sparse"])
def test_rows_that_a_map_leaves_out_are_left_out_of_visits(folder, kind):
    from dataclasses import replace

    def odd(block):
        keep = np.flatnonzero(block.keys % 2)
        w = None if block.sample_weight is None else block.sample_weight[keep]
        return replace(block, X=block.X[keep], y=block.y[keep], sample_weight=w, row_keys=block.keys[keep])

    blocks = opened(folder, kind).map(odd, n_rows=None, nnz=None)
    for epoch in (0, 1):
        keys, rows, y = order(blocks, epoch=epoch, seed=3, shuffle_rows=900)
        assert sorted(keys.tolist()) == list(range(1, N, 2))
        np.testing.assert_array_equal(rows, X[keys])
        np.testing.assert_array_equal(y, Y[keys])
        tail = order(blocks, epoch=epoch, seed=3, shuffle_rows=900, start=2)[0]
        np.testing.assert_array_equal(tail, keys[1800:])


def test_rows_are_read_anywhere(folder):
    for kind in ("npy", "dense", "sparse"):
        blocks = opened(folder, kind)
        for begin, end in ((0, 1), (17, 300), (4000, 9000), (N - 1, N)):
            block = blocks.read_rows(blocks.parts[0], begin, end)
            np.testing.assert_array_equal(block.keys, np.arange(begin, end))
            np.testing.assert_array_equal(blocks.labels_of(blocks.parts[0], begin, end), Y[begin:end])
