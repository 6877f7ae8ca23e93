""".npy files: what np.load would give, in pieces; damaged files are refused before anything is learned from them."""

import os

import numpy as np
import pytest
from tests.blocks.rows import together

import esker
from esker._errors import FormatError
from esker.blocks import key, npy, open_blocks

RNG = np.random.default_rng(0)
X = RNG.integers(0, 100, size=(9000, 6))


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "c.npy", X.astype("f4"))
    np.save(tmp_path / "f.npy", np.asfortranarray(X.astype("f8")))
    np.save(tmp_path / "y.npy", X[:, 0] * 2)
    return tmp_path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "f2", "u1", "i8", "?"])
def test_every_dtype_and_order(tmp_path, dtype, order):
    np.save(tmp_path / "x.npy", np.asarray(X, dtype=dtype, order=order))
    blocks = open_blocks(tmp_path / "x.npy", block_size=130_000)
    assert len(list(blocks)) > 1
    got = together(blocks)
    assert got.dtype == blocks.dtype == (np.float64 if dtype in ("f8", "i8") else np.float32)
    np.testing.assert_array_equal(got, X.astype(dtype).astype("f8"))
    assert together(blocks, "keys").tolist() == list(range(9000))
    tail = list(blocks.read(blocks.parts[0], 4096))
    np.testing.assert_array_equal(together(tail), got[4096:])


@pytest.mark.parametrize("name", ["c.npy", "f.npy"])
def test_target_and_columns(folder, name):
    for target, want in ((1, X[:, 1]), (-1, X[:, 5]), (folder / "y.npy", X[:, 0] * 2), (X[:, 3], X[:, 3])):
        blocks = (
            open_blocks(
                folder / name,
                target=target,
                columns=[4, 0, 2],
                weight=X[:, 5] + 1.0 if target != -1 else None,
            )
            if not isinstance(target, np.ndarray)
            else open_blocks(folder / name, target=target, columns=[4, 0, 2])
        )
        np.testing.assert_array_equal(together(blocks), X[:, [4, 0, 2]])
        np.testing.assert_array_equal(together(blocks, "y"), want)
    blocks = open_blocks(folder / name, target=2, weight=0)
    np.testing.assert_array_equal(together(blocks), X[:, [1, 3, 4, 5]])
    np.testing.assert_array_equal(together(blocks, "sample_weight"), X[:, 0])


@pytest.mark.parametrize(
    ("columns", "borrowed"), [(None, True), ([1, 2, 3], True), ([2], False), ([1, 3, 4], False)]
)
def test_most_of_the_columns_are_used_where_they_lie(folder, columns, borrowed):
    blocks = open_blocks(folder / "c.npy", target=5, columns=columns, block_size=60_000)
    assert all((block.X.strides[0] == X.shape[1] * 4) == borrowed for block in blocks)
    # What a block keeps alive is what is reckoned with.
    assert max(len(block) for block in blocks) * (X.shape[1] if borrowed else 1) * 4 <= blocks.block_bytes
    streamed, whole = esker.linear_model.Ridge(), esker.linear_model.Ridge()
    streamed.fit(blocks)
    whole.fit(X[:, columns or range(5)].astype("f4"), X[:, 5])
    np.testing.assert_allclose(streamed.coef_, whole.coef_, rtol=1e-5, atol=1e-6)
    steps = esker.linear_model.SGDRegressor(random_state=0, max_iter=2, tol=None)
    same = esker.linear_model.SGDRegressor(random_state=0, max_iter=2, tol=None)
    steps.fit(blocks)
    same.fit(X[:, columns or range(5)].astype("f4"), X[:, 5])
    np.testing.assert_array_equal(steps.coef_, same.coef_)


def test_several_files_are_parts(folder):
    two = [folder / "c.npy", folder / "f.npy"]
    blocks = open_blocks(two, target=[folder / "y.npy"] * 2)
    assert (blocks.n_rows, len(blocks.parts), blocks.dtype) == (18_000, 2, np.float64)
    np.testing.assert_array_equal(together(blocks), np.concatenate([X, X]))
    keys = together(blocks, "keys")
    assert (keys[8999], keys[9000]) == (key(0, 8999), key(1, 0))
    whole = np.concatenate([X[:, 0], X[:, 1]])
    np.testing.assert_array_equal(together(open_blocks(two, target=whole), "y"), whole)
    visited = np.concatenate([b.keys[b.order] for b in blocks.visits(0, seed=0, shuffle_rows=5000)])
    assert sorted(visited) == sorted(keys)


def test_the_order_is_that_of_the_array(folder):
    blocks, array = open_blocks(folder / "c.npy"), open_blocks(X.astype("f4"))
    for epoch in (0, 1):
        a, b = (list(s.visits(epoch, seed=3, shuffle_rows=2000)) for s in (blocks, array))
        assert all(np.array_equal(p.X[p.order], q.X[q.order]) for p, q in zip(a, b))


def test_fold_and_describe(folder):
    blocks = open_blocks(folder / "f.npy", target=folder / "y.npy", max_memory="2MB")
    mean, _ = blocks.fold(esker.folds.Moments()).finish()
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    assert blocks.describe()["bytes_on_disk"] == os.path.getsize(folder / "f.npy")


@pytest.mark.parametrize("cut", [1, 8, 5000])
def test_truncated_and_longer(folder, cut):
    whole = (folder / "c.npy").read_bytes()
    (folder / "t.npy").write_bytes(whole[:-cut])
    with pytest.raises(
        FormatError,
        match=rf"t.npy: the file is truncated: .* takes {len(whole)} bytes, it has {len(whole) - cut}",
    ):
        open_blocks(folder / "t.npy")
    (folder / "t.npy").write_bytes(whole + b"x" * cut)
    with pytest.raises(FormatError, match="longer than its header says"):
        open_blocks(folder / "t.npy")


def test_a_file_that_shrinks_while_it_is_read(folder):
    blocks = open_blocks(folder / "c.npy")
    os.truncate(folder / "c.npy", 10_000)
    with pytest.raises(FormatError, match="became shorter"):
        list(blocks)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), "rows and columns"),
        (np.ones((2, 2, 2)), "rows and columns"),
        (np.ones((0, 2)), "at least one of each"),
        (np.ones((2, 0)), "at least one of each"),
        (np.array([["a"]]), "must hold real numbers"),
        (np.ones((2, 2), complex), "must hold real numbers"),
        (np.array([[{}]], dtype=object), "must hold real numbers, got dtype object"),
    ],
)
def test_arrays_that_are_no_matrix_of_numbers(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(FormatError, match=message):
        open_blocks(tmp_path / "x.npy")


def test_damaged_headers(tmp_path):
    path = tmp_path / "x.npy"
    for content in (
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x76\x00{'descr': 'zz'",
        b"\x93NUMPY\x09\x00" + b"x" * 200,
    ):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"header|version"):
            open_blocks(path)
    path.write_bytes(b"not an array at all")
    with pytest.raises(FormatError, match="does not begin as one"):
        open_blocks(path)


def test_bad_arguments(folder):
    np.save(folder / "narrow.npy", X[:, :3].astype("f4"))
    np.save(folder / "short.npy", X[:10, 0])
    for source, options, message in [
        ("c.npy", {"target": 6}, "target must be a column number from 0 to 5, got 6"),
        ("c.npy", {"target": "label"}, "has no column names"),
        ("c.npy", {"target": folder / "short.npy"}, "with the rows of the features"),
        ("c.npy", {"target": np.ones(5)}, "as many rows as X, 9000, got 5"),
        ("c.npy", {"weight": -7}, "weight must be a column number"),
        ("c.npy", {"columns": [1], "target": 1}, "names the target or the weight"),
        ("c.npy", {"columns": []}, "no column is left"),
        ("c.npy", {"zero_based": True}, "zero_based= has no effect"),
        ("c.npy", {"n_features": 6}, "n_features= has no effect"),
    ]:
        with pytest.raises(ValueError, match=message):
            open_blocks(folder / source, **options)
    with pytest.raises(FormatError, match=r"narrow.npy: expected 6 columns, as in .*c.npy, got 3"):
        open_blocks([folder / "c.npy", folder / "narrow.npy"])


def test_not_finite_names_file_and_row(tmp_path):
    bad = X.astype("f4")
    bad[7777, 2] = np.inf
    np.save(tmp_path / "x.npy", bad)
    blocks = open_blocks(tmp_path / "x.npy", block_size=100_000)
    with pytest.raises(
        FormatError, match=r"x.npy: X must be finite, got NaN or infinity in row 7777, column 2"
    ):
        list(blocks)
    with pytest.raises(FormatError, match=r"x.npy: .* row 7777"):
        list(blocks.visits(0, seed=0))


def test_rows_too_wide_for_the_memory_granted(tmp_path):
    wide = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "f8", (10, 5000))
    del wide
    with pytest.raises(
        ValueError, match=r"rows of 40 kB are read 256 at a time.* takes .*31 MB, and max_memory is 2.0 MB"
    ):
        open_blocks(tmp_path / "x.npy", max_memory="2MB")


def test_take_all_and_reserve(folder):
    blocks = open_blocks(folder / "c.npy", max_memory="1MB")
    np.testing.assert_array_equal(blocks.take_all().X, X)
    with pytest.raises(ValueError, match=r"a Gram matrix takes 900 kB .*max_memory is 1.0 MB"):
        blocks.reserve(900_000, "a Gram matrix")
    big = open_blocks([folder / "f.npy"] * 5, max_memory="1MB")
    with pytest.raises(ValueError, match=r"2.2 MB"):
        big.take_all()


def test_files_larger_than_the_page_cache_should_hold_give_the_same_rows(folder, monkeypatch):
    kept = open_blocks(folder / "c.npy", target=5, block_size=60_000)
    monkeypatch.setattr(npy, "CACHED", 0.0)
    dropped = open_blocks(folder / "c.npy", target=5, block_size=60_000)
    assert [file.passing for blocks in (kept, dropped) for file in blocks._files] == [False, True]
    np.testing.assert_array_equal(together(dropped, "X"), together(kept, "X"))
    np.testing.assert_array_equal(together(dropped, "y"), together(kept, "y"))
