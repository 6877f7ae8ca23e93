"""Iterables of batches: how the batches are cut does not matter, and what is wrong with one is named."""

import threading
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from esker._errors import FormatError
from esker.blocks import open_blocks

N = 10_000
RNG = np.random.default_rng(0)
X = RNG.integers(0, 9, size=(N, 3)).astype("f4")
Y = RNG.integers(0, 2, size=N)
W = RNG.random(N)


def batches(cuts, sparse=False):
    bounds = [0, *sorted(cuts), N]
    make = sp.csr_array if sparse else np.asarray
    return [(make(X[a:b]), Y[a:b], W[a:b]) for a, b in pairwise(bounds)]


def dense(block):
    return block.X if isinstance(block.X, np.ndarray) else block.X.toarray()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, N), max_size=12), st.booleans(), st.sampled_from([3000, 50_000, 10**7]))
def test_the_cut_of_batches_does_not_matter(cuts, sparse, block_size):
    blocks = open_blocks(batches(cuts, sparse), block_size=block_size)
    got = list(blocks)
    np.testing.assert_array_equal(np.concatenate([dense(b) for b in got]), X)
    np.testing.assert_array_equal(np.concatenate([b.y for b in got]), Y)
    np.testing.assert_array_equal(np.concatenate([b.sample_weight for b in got]), W)
    assert np.concatenate([b.keys for b in got]).tolist() == list(range(N))
    assert all(len(b) % 256 == 0 for b in got[:-1])
    if not sparse:  # rows of one width: the same blocks
        one = list(open_blocks(batches([], sparse), block_size=block_size))
        assert [len(b) for b in got] == [len(b) for b in one]
    tail = list(blocks.read(blocks.parts[0], 4096))
    np.testing.assert_array_equal(np.concatenate([dense(b) for b in tail]), X[4096:])
    for epoch in (0, 1):
        a = [b.keys[b.order] for b in blocks.visits(epoch, seed=1, shuffle_rows=3000)]
        b = [
            b.keys[b.order]
            for b in open_blocks(batches([5]), max_memory="50MB").visits(epoch, seed=1, shuffle_rows=3000)
        ]
        assert all(np.array_equal(p, q) for p, q in zip(a, b))


class Many:
    """An object whose __iter__ begins anew."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return iter(batches([100, 5000]))


@pytest.mark.parametrize("source", [batches([7]), Many(), lambda: iter(batches([9])), tuple(batches([1, 2]))])
def test_sources_that_can_be_walked_again(source):
    blocks = open_blocks(source)
    assert blocks.rereadable
    for _ in range(3):
        np.testing.assert_array_equal(np.concatenate([b.X for b in blocks]), X)
    assert blocks.n_rows == N


def test_an_iterator_is_walked_once():
    blocks = open_blocks(batch for batch in batches([3000]))
    assert not blocks.rereadable
    assert sum(len(b) for b in blocks) == N
    with pytest.raises(ValueError, match="has been walked already; to walk it again pass a list"):
        list(blocks)


def test_a_source_is_iterated_in_the_callers_thread():
    seen = set()

    def source():
        for batch in batches([3000]):
            seen.add(threading.current_thread())
            yield batch

    blocks = open_blocks(source)
    list(blocks)
    list(blocks.visits(0, seed=0))
    assert seen == {threading.current_thread()}


def test_a_batch_that_is_filled_again_is_no_matter():
    def source():
        room = np.empty((1000, 3), "f4")
        for a in range(0, N, 1000):
            room[:] = X[a : a + 1000]
            yield room, Y[a : a + 1000]

    np.testing.assert_array_equal(np.concatenate([b.X for b in open_blocks(source, block_size=60_000)]), X)


def test_targets_of_two_columns_none_and_texts():
    assert open_blocks([(X, np.stack([Y, Y], axis=1))]).n_targets == 2
    assert open_blocks([(X, None)]).n_targets == 0
    assert next(iter(open_blocks([(X[:2], ["a", "b"])]))).y.tolist() == ["a", "b"]


def test_frames_give_names():
    pd = pytest.importorskip("pandas")
    one = pd.DataFrame(X[:5], columns=list("abc"))
    assert open_blocks([(one, Y[:5])]).feature_names == ["a", "b", "c"]
    with pytest.raises(FormatError, match=r"batch 1 .*expected \['a', 'b', 'c'\] column names"):
        list(open_blocks([(one, Y[:5]), (one[["b", "a", "c"]], Y[:5])]))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "yields no rows"),
        ([(X[:0], Y[:0])], "yields no rows"),
        ([(X[:, :0], Y)], "X has no columns"),
        ([(X, Y), (X[:, :2], Y)], r"batch 1 .*first row is row 10000.* expected 3 columns, as before, got 2"),
        ([(X, Y), (X, None)], "batch 1 .*expected 1 targets in a row, as before, got 0"),
        ([(X, Y), (X, Y[:, None])], "y has 2 dimensions, and had 1"),
        ([(X, Y), (sp.csr_array(X), Y)], "sparse and dense"),
        ([(X, Y[:5])], "as many rows as X, 10000, got 5"),
        ([(X, Y, W[:5])], "one number for each of the 10000 rows"),
        ([(X, Y, -W)], "weights must not be negative"),
        ([X], r"expected \(X, y\) or \(X, y, weight\), got ndarray"),
        ([(X, Y, W, 1, 2)], "got tuple of length 5"),
        ([(X, Y, W, 1)], "got tuple of length 4"),
        ([(X[:, 0], Y)], "X must have 2 dimensions"),
        ([(X.astype(object), Y)], "must hold real numbers"),
        ([(np.full((4, 2), np.nan), Y[:4])], r"NaN or infinity in row 0, column 0"),
    ],
)
def test_bad_batches(source, message):
    with pytest.raises(FormatError, match=message):
        list(open_blocks(source))


@pytest.mark.parametrize(
    "option", [{"target": 1}, {"weight": 1}, {"columns": [0]}, {"zero_based": True}, {"format": "csv"}]
)
def test_options_without_effect(option):
    with pytest.raises(ValueError, match="has no effect"):
        open_blocks(batches([]), **option)


def test_n_features_is_held_against_the_batches():
    with pytest.raises(FormatError, match="expected 5 columns"):
        open_blocks(batches([]), n_features=5)


def test_an_error_of_the_source_comes_through():
    def source():
        yield X, Y
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        list(open_blocks(source))
