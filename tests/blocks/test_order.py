"""Epoch order: every row once, the same rows in the same order however they are stored, cut or resumed."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from esker.blocks import UNIT, ArrayBlocks, open_blocks


class Hidden(ArrayBlocks):
    """The same rows, as a source that does not lie in memory."""

    threaded = True

    def whole(self):
        return None


def visited(blocks, epoch=0, **options):
    """(first column, key) of the rows in the order of their visit, and the buffers' sizes."""
    values, keys, sizes = [], [], []
    for block in blocks.visits(epoch, seed=7, **options):
        order = np.arange(len(block)) if block.order is None else block.order
        x = block.X if isinstance(block.X, np.ndarray) else block.X.toarray()
        values.append(x[order])
        keys.append(block.keys[order])
        sizes.append(len(order))
    return np.concatenate(values), np.concatenate(keys), sizes


def matrix(n, d, sparse, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    if sparse:
        x *= rng.random((n, d)) < 0.5
        return sp.csr_array(x)
    return x


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("shuffle_rows", [None, 1000, 4096, 5000])
@pytest.mark.parametrize("n", [1, 255, 4096, 10_001])
def test_every_row_once_and_alike_in_memory_and_not(n, shuffle_rows, sparse):
    X = matrix(n, 3, sparse)
    dense = X.toarray() if sparse else X
    for epoch in (0, 1):
        x, keys, sizes = visited(ArrayBlocks(X), epoch, shuffle_rows=shuffle_rows)
        assert sorted(keys.tolist()) == list(range(n))
        np.testing.assert_array_equal(x, dense[keys])
        again = visited(Hidden(X), epoch, shuffle_rows=shuffle_rows)
        np.testing.assert_array_equal(again[1], keys)
        np.testing.assert_array_equal(again[0], x)
        assert again[2] == sizes
        assert sizes[:-1] == [shuffle_rows or n] * (len(sizes) - 1)


@pytest.mark.parametrize("numbers", [700, 3000])
def test_default_buffer_of_sparse_rows_closes_at_its_numbers(numbers, monkeypatch):
    monkeypatch.setattr("esker.blocks.order.SPARSE_NUMBERS", numbers)
    X = matrix(9000, 4, True)
    for epoch in (0, 1):
        _, keys, sizes = visited(ArrayBlocks(X), epoch)
        assert len(sizes) > 3
        _, again, same = visited(Hidden(X, block_size=3000), epoch)
        np.testing.assert_array_equal(again, keys)
        assert sizes == same
        _, tail, rest = visited(Hidden(X), epoch, start=2)
        np.testing.assert_array_equal(tail, keys[sum(sizes[:2]) :])
        assert rest == sizes[2:]


@pytest.mark.parametrize("kind", [ArrayBlocks, Hidden])
@pytest.mark.parametrize("sequential", [False, True])
def test_resume_at_a_buffer(kind, sequential):
    blocks = kind(matrix(20_000, 2, False))
    blocks.sequential_first = sequential
    _, keys, sizes = visited(blocks, shuffle_rows=3000)
    for start in range(len(sizes) + 1):
        parts = list(blocks.visits(0, seed=7, shuffle_rows=3000, start=start))
        got = [b.keys[b.order] for b in parts]
        assert np.array_equal(np.concatenate([*got, []]), keys[sum(sizes[:start]) :])


def test_memory_and_cut_change_nothing_and_seed_and_epoch_do():
    X = matrix(30_000, 5, False)
    _, keys, _ = visited(Hidden(X), shuffle_rows=5000)
    for options in ({"max_memory": "1MB"}, {"block_size": 6000}, {"max_memory": "100MB"}):
        np.testing.assert_array_equal(visited(Hidden(X, **options), shuffle_rows=5000)[1], keys)
    assert not np.array_equal(visited(ArrayBlocks(X), 1, shuffle_rows=5000)[1], keys)
    other = np.concatenate([b.keys[b.order] for b in ArrayBlocks(X).visits(0, seed=8, shuffle_rows=5000)])
    assert not np.array_equal(other, keys)


def test_units_stay_together_and_epoch_0_of_a_stream_is_sequential():
    X = matrix(10 * UNIT, 1, False)
    units = np.concatenate(
        [b.keys[b.order] // UNIT for b in ArrayBlocks(X).visits(3, seed=1, shuffle_rows=UNIT)]
    )
    by_buffer = units.reshape(10, UNIT)
    assert (by_buffer == by_buffer[:, :1]).all()
    assert sorted(by_buffer[:, 0]) == list(range(10))
    assert by_buffer[:, 0].tolist() != list(range(10))
    stream = Hidden(X)
    stream.sequential_first = True
    units = np.concatenate([b.keys[b.order] // UNIT for b in stream.visits(0, seed=1, shuffle_rows=UNIT)])
    assert units.reshape(10, UNIT)[:, 0].tolist() == list(range(10))


def test_no_shuffle_is_the_sequence():
    for kind in (ArrayBlocks, Hidden):
        blocks = list(kind(matrix(10_000, 2, False)).visits(4, seed=3, shuffle=False, shuffle_rows=3000))
        assert [len(b) for b in blocks] == [3000, 3000, 3000, 1000]
        assert all(b.order is None for b in blocks)
        assert np.concatenate([b.keys for b in blocks]).tolist() == list(range(10_000))


def test_visits_in_memory_copy_no_rows():
    X = matrix(10_000, 2, False)
    assert all(np.shares_memory(b.X, X) for b in ArrayBlocks(X).visits(0, seed=0, shuffle_rows=1000))


def test_a_buffer_above_the_memory_granted_is_refused():
    X = matrix(50_000, 20, False)
    with pytest.raises(ValueError, match=r"shuffle buffer of 50000 rows takes .* MB.*smaller shuffle_rows="):
        next(Hidden(X, max_memory="2MB").visits(0, seed=0))
    assert len(next(Hidden(X, max_memory="2MB").visits(0, seed=0, shuffle_rows=2000))) == 2000
    S = matrix(50_000, 20, True)
    with pytest.raises(ValueError, match=r"MB.*smaller shuffle_rows="):
        next(Hidden(S, max_memory="2MB").map(lambda b: b, nnz=None).visits(0, seed=0, shuffle_rows=50_000))
    with pytest.raises(ValueError, match=r"MB.*smaller shuffle_rows="):
        next(Hidden(S, max_memory="2MB").visits(0, seed=0))


@pytest.mark.parametrize("value", [0, -5, 2.5, True])
def test_shuffle_rows_must_be_a_count(value):
    with pytest.raises(ValueError, match="shuffle_rows must be"):
        next(ArrayBlocks(np.ones((3, 1))).visits(0, seed=0, shuffle_rows=value))


def test_permutation_is_one_and_known():
    from esker._native import core

    p = core.permutation(5, 9, core.STREAMS["row_order"], 10_000)
    assert sorted(p.tolist()) == list(range(10_000))
    np.testing.assert_array_equal(p, core.permutation(5, 9, core.STREAMS["row_order"], 10_000))
    assert core.permutation(5, 9, core.STREAMS["unit_order"], 10_000).tolist() != p.tolist()
    # Fisher and Yates by hand, from Philox words: these bits order every recorded fit.
    items, n = list(range(9)), 9
    for i in range(n - 1):
        word = core.philox([2, 0, core.STREAMS["row_order"], i // 4], [1, 0])[i % 4]
        j = word * (n - i) >> 32
        items[n - 1 - i], items[j] = items[j], items[n - 1 - i]
    assert core.permutation(1, 2, core.STREAMS["row_order"], n).tolist() == items
    counts = np.bincount([core.permutation(s, 0, 4, 5)[0] for s in range(5000)], minlength=5)
    assert (abs(counts - 1000) < 130).all()  # 4.6 standard deviations


def test_rows_in_memory_are_visited_in_place_when_only_the_target_is_mapped():
    X = np.arange(20_000.0).reshape(-1, 2)
    blocks = open_blocks(X, target=X[:, 0])
    mapped = blocks.map(lambda b: replace(b, y=b.y + 1))
    for visit, plain in zip(mapped.visits(0, seed=3), blocks.visits(0, seed=3), strict=True):
        assert np.shares_memory(visit.X, X)
        np.testing.assert_array_equal(visit.order, plain.order)
        np.testing.assert_array_equal(visit.y, plain.y + 1)
    copied = blocks.map(lambda b: replace(b, X=b.X + 1))
    assert copied.whole() is None
    first = next(iter(copied.visits(0, seed=3)))
    expected = next(iter(blocks.visits(0, seed=3)))
    np.testing.assert_array_equal(first.X[first.order], X[expected.order] + 1)


def test_a_map_knows_what_a_walk_has_taught_its_source(tmp_path):
    text = tmp_path / "a.svm"
    text.write_text("1 3:1 7:2\n" * 10)
    mapped = open_blocks(text).map(lambda b: b)
    assert mapped.n_rows is None
    assert mapped.n_columns is None
    for _ in mapped:
        pass
    assert (mapped.n_rows, mapped.n_columns) == (10, 8)


@pytest.mark.parametrize(
    ("n", "turn", "hands"), [(0, 4, 16), (1, 4, 16), (37, 4, 16), (5003, 4, 16), (5003, 7, 3)]
)
def test_dealt_rows_come_some_at_a_time_from_runs_that_keep_their_order(n, turn, hands):
    from esker._native import core

    turns = -(-n // turn)
    order = core.permutation(3, 5, core.STREAMS["row_order"], turns)
    order[np.argsort(order * hands // max(turns, 1), kind="stable")] = np.arange(turns)
    rows = (order[:, np.newaxis] * turn + np.arange(turn)).ravel()
    np.testing.assert_array_equal(core.dealt(3, 5, core.STREAMS["row_order"], n, turn, hands), rows[rows < n])
