"""Clustered labels are noticed and mixed; random, drifting or unshuffled ones are left alone."""

import gzip
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esker import open_blocks
from esker.blocks import UNIT, write_block_file
from esker.blocks.clusters import STRONG, Passing, clustering, label_sample
from esker.blocks.strata import unit_order
from esker.linear_model import SGDClassifier


def lines(path, labels, opener=open):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(labels), 2)) + np.asarray(labels)[:, None]
    with opener(path, "wt") as file:
        file.writelines(f"{y} 0:{a:.4f} 1:{b:.4f}\n" for y, (a, b) in zip(labels, values.tolist()))
    return path


def label_order(blocks, epoch=0, **options):
    return np.concatenate([b.y[b.order] for b in blocks.visits(epoch, seed=5, **options)])


# --- the statistic ---


@pytest.mark.parametrize("kind", ["binary", "rare", "classes", "text", "regression", "heavy"])
def test_sorted_is_strong_and_random_never_is(kind):
    n = 20_000
    draw = {
        "binary": lambda rng: rng.integers(0, 2, n),
        "rare": lambda rng: (rng.random(n) < 0.002).astype(int),
        "classes": lambda rng: rng.integers(0, 30, n),
        "text": lambda rng: np.array(["a", "bc", "d"], object)[rng.integers(0, 3, n)],
        "regression": lambda rng: rng.normal(size=n),
        "heavy": lambda rng: rng.standard_cauchy(n),
    }[kind]
    for seed in range(30):
        y = draw(np.random.default_rng(seed))
        # The share has a mean of 1/128 and a deviation below 1/100: half is 50 deviations away.
        assert clustering(label_sample(open_blocks(np.ones((n, 1)), target=y))) < 0.1
        for some in (300, 1000, 5000, n):
            passing = Passing()
            passing.add(y[:some], some)
            assert passing.clustering() < 0.4
        if kind != "rare" and seed < 5:
            assert clustering(label_sample(open_blocks(np.ones((n, 1)), target=np.sort(y)))) > 0.8


def test_a_drifting_mean_is_noticed_only_when_it_is_strong():
    rng = np.random.default_rng(0)
    n = 100_000
    for drift, strong in ((0.5, False), (1.0, False), (10.0, True)):
        y = rng.normal(size=n) + drift * np.linspace(-1, 1, n)
        assert (clustering(label_sample(open_blocks(np.ones((n, 1)), target=y))) > STRONG) == strong


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40), st.integers(1, 9000))
def test_what_passes_is_the_same_for_any_cut(sizes, cut):
    y = np.arange(sum(sizes))
    one, other = Passing(), Passing()
    begin = 0
    for n in sizes:
        one.add(y[begin : begin + n], n)
        begin += n
    for begin in range(0, len(y), cut):
        other.add(y[begin : begin + cut], len(y[begin : begin + cut]))
    np.testing.assert_array_equal(np.concatenate(one.kept), np.concatenate(other.kept))


def test_passing_keeps_a_bounded_number():
    passing = Passing()
    y = np.zeros(1 << 20)
    for _ in range(40):
        passing.add(y, len(y))
    assert passing.count == sum(map(len, passing.kept)) <= 1 << 17
    assert passing.step == 1024


# --- the order of units ---


@given(st.integers(0, 2**31), st.integers(0, 9), st.integers(1, 500), st.integers(1, 600))
def test_units_come_once_and_every_stretch_covers_the_source(seed, epoch, units, strata):
    order = unit_order(seed, epoch, units, strata)
    assert sorted(order.tolist()) == list(range(units))
    np.testing.assert_array_equal(order, unit_order(seed, epoch, units, strata))
    k = min(strata, units)
    if k < 2:
        return
    low = np.concatenate([[0], np.cumsum(order < units / 2)])
    counts = low[k:] - low[:-k]  # units of the first half in each stretch of k
    assert abs(counts - k / 2).max() <= 5 + k / 16


# --- sources ---


def test_arrays_npy_and_block_files_are_read_in_small_units(tmp_path):
    n = 40 * UNIT
    y = np.arange(n) // (n // 2)
    X = np.random.default_rng(0).normal(size=(n, 2))
    np.save(tmp_path / "a.npy", X)
    arrays = open_blocks(X, target=y)
    write_block_file(arrays, tmp_path / "a.esk")
    orders = []
    for blocks in (arrays, open_blocks(tmp_path / "a.npy", target=y), open_blocks(tmp_path / "a.esk")):
        keys = np.concatenate([b.keys[b.order] for b in blocks.visits(1, seed=5, shuffle_rows=n // 10)])
        orders.append(keys)
        means = y[keys].reshape(10, -1).mean(axis=1)
        assert abs(means - 0.5).max() < 0.02
        assert sorted(keys.tolist()) == list(range(n))
    np.testing.assert_array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[0], orders[2])


def test_a_sequential_source_that_is_mixed_is_left_alone(tmp_path):
    rng = np.random.default_rng(0)
    path = lines(tmp_path / "a.svm", rng.integers(0, 2, 150_000).tolist())
    blocks = open_blocks(path)
    keys = np.concatenate([b.keys for b in blocks.visits(0, seed=5)])
    np.testing.assert_array_equal(keys, np.arange(150_000))


@pytest.mark.parametrize("cache", [None, "auto"])
@pytest.mark.parametrize("opener", [open, gzip.open])
def test_sorted_text_is_mixed_once(tmp_path, monkeypatch, cache, opener):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    n = 60_000
    path = lines(
        tmp_path / ("a.svm" + ".gz" * (opener is gzip.open)), [0] * (n // 2) + [1] * (n // 2), opener
    )
    blocks = open_blocks(path, cache=cache)
    seen = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for epoch in range(3):
            seen += [label_order(blocks, epoch, shuffle_rows=6000)]
    first = 1 if opener is gzip.open else 0  # a compressed file is noticed as it passes
    if not (first and cache):  # its cache is read in permuted order at any rate
        assert len(said) == 1
        assert "lie together by label" in str(said[0].message)
        assert ("temporary copy of" in str(said[0].message)) == (cache is None)
    for y in seen[first:]:
        assert len(y) == n
        assert abs(y.reshape(10, -1).mean(axis=1) - 0.5).max() < 0.05
    assert len(list((tmp_path / "tmp").iterdir())) == (cache is None)
    again = open_blocks(path, cache=cache)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in range(3):
            np.testing.assert_array_equal(label_order(again, epoch, shuffle_rows=6000), seen[epoch])
    del blocks, again
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_sorted_block_file_says_so_and_permutes_its_first_epoch(tmp_path):
    y = np.repeat([0, 1], 80_000)
    write_block_file(open_blocks(lines(tmp_path / "a.svm", y.tolist())), tmp_path / "a.esk")
    blocks = open_blocks(tmp_path / "a.esk")
    with pytest.warns(UserWarning, match="its first epoch is permuted"):
        order = label_order(blocks)
    assert abs(order[:65_536].mean() - 0.5) < 0.01


def test_no_shuffle_never_mixes_and_folds_never_ask(tmp_path):
    path = lines(tmp_path / "a.svm", [0] * 80_000 + [1] * 80_000)
    blocks = open_blocks(path)
    keys = np.concatenate([b.keys for b in blocks.visits(0, seed=5, shuffle=False)])
    np.testing.assert_array_equal(keys, np.arange(160_000))
    list(blocks)
    assert blocks.mixing is None or blocks.mixing.copy is None


def test_a_stream_that_is_read_once_is_warned_of():
    y = np.repeat([0, 1], 40_000)
    batches = ((np.ones((1000, 1)), y[i : i + 1000]) for i in range(0, 80_000, 1000))
    with pytest.warns(UserWarning, match="can be read once only, so they could not be mixed"):
        list(open_blocks(batches).visits(0, seed=0))


def test_a_copy_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    path = lines(tmp_path / "a.svm", [0] * 80_000 + [1] * 80_000)
    blocks = open_blocks(path).map(lambda b: b)
    monkeypatch.setattr("esker.blocks.cache.BlockWriter", _full)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        keys = np.concatenate([b.keys for b in blocks.visits(0, seed=0)])
    np.testing.assert_array_equal(keys, np.arange(160_000))
    assert any("could not be written; they are read in sequence" in str(w.message) for w in said)
    assert any("no space" in str(w.message) for w in said)


def _full(*_):
    import errno

    raise OSError(errno.ENOSPC, "no space left on the disk")


def test_a_fit_on_sorted_text_learns_as_on_mixed_text(tmp_path):
    rng = np.random.default_rng(0)
    n = 80_000
    labels = np.sort(rng.integers(0, 2, n))
    sorted_ = open_blocks(lines(tmp_path / "a.svm", labels.tolist()))
    X, y = open_blocks(tmp_path / "a.svm").take_all().X.toarray(), labels
    options = {"max_iter": 1, "random_state": 0, "tol": None, "shuffle_rows": n // 10}
    with pytest.warns(UserWarning, match="lie together"):
        model = SGDClassifier(**options).fit(sorted_)
    mixed = rng.permutation(n)
    full = SGDClassifier(**options).fit(X[mixed], y[mixed])
    assert model.score(X, y) > full.score(X, y) - 0.002
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SGDClassifier(**{**options, "shuffle_rows": None}, shuffle=False).fit(sorted_)
