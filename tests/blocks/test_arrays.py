"""Arrays, memmaps, sparse matrices and DataFrames: the same numbers as NumPy and SciPy have, without copies where promised."""

import numpy as np
import pytest
import scipy.sparse as sp

import esker
from esker._errors import FormatError
from esker.blocks import ArrayBlocks, open_blocks


def together(blocks):
    """X (dense), y and keys of all blocks."""
    got = list(blocks)
    X = np.concatenate([b.X if isinstance(b.X, np.ndarray) else b.X.toarray() for b in got])
    y = None if got[0].y is None else np.concatenate([b.y for b in got])
    return X, y, np.concatenate([b.keys for b in got])


RNG = np.random.default_rng(0)
DENSE = RNG.integers(0, 100, size=(9000, 5))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "f2", "i1", "u2", "i8", "?"])
def test_dense_of_every_dtype_and_order(dtype, order):
    X = np.asarray(DENSE, dtype=dtype, order=order)
    blocks = open_blocks(X, block_size=4096 * 5 * 8)
    got, y, keys = together(blocks)
    assert y is None
    assert blocks.n_targets == 0
    assert len(list(blocks)) > 1
    assert got.dtype == (np.float64 if dtype in ("f8", ">f8", "i8") else np.float32) == blocks.dtype
    np.testing.assert_array_equal(got, X.astype("f8"))
    assert keys.tolist() == list(range(9000))
    assert all(b.X.flags.c_contiguous for b in blocks)
    mean, _ = blocks.fold(esker.folds.Moments()).finish()
    np.testing.assert_allclose(mean, X.astype("f8").mean(axis=0), rtol=1e-12)


def test_rows_as_kernels_read_them_are_views():
    for X in (DENSE.astype("f4"), DENSE.astype("f8")):
        assert all(np.shares_memory(b.X, X) for b in open_blocks(X))
        assert np.shares_memory(open_blocks(X).take_all().X, X)


def test_memmap_is_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", DENSE.astype("f4"))
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    blocks = open_blocks(X, target=2)
    np.testing.assert_array_equal(together(open_blocks(X))[0], DENSE)
    assert np.shares_memory(next(iter(open_blocks(X))).X, X)
    np.testing.assert_array_equal(together(blocks)[1], DENSE[:, 2])


@pytest.mark.parametrize(("rows", "columns"), [(20_000, 3), (9000, 2500), (900, 20_000)])
def test_long_views_cover_the_rows_once_in_order(rows, columns):
    blocks = ArrayBlocks(np.zeros((rows, columns), "f4"), np.arange(rows, dtype="f8"))
    long, short = list(blocks.read_long()), list(blocks)
    assert len(long) < len(short) or rows * columns**2 > 1e11 or len(short) == 1
    assert all(b.X.nbytes <= 64e6 and np.shares_memory(b.X, blocks.X) for b in long)
    assert np.concatenate([b.y for b in long]).tolist() == list(range(rows))
    assert [b.first_key for b in long] == [int(b.y[0]) for b in long]
    assert all(b.first_key % 256 == 0 for b in long)
    rest = list(blocks.read_long((0, 4096))) if rows > 4096 else []
    assert sum(map(len, rest)) == max(rows - 4096, 0)


def test_long_views_are_not_for_who_says_how_long_blocks_are():
    X = np.zeros((50_000, 100), "f4")
    for options in ({"block_size": "1MB"}, {"max_memory": "8MB"}):
        blocks = ArrayBlocks(X, **options)
        assert [len(b) for b in blocks.read_long()] == [len(b) for b in blocks]


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.csc_matrix, sp.coo_array])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_sparse_of_every_kind(make, dtype, index):
    D = DENSE * (RNG.random(DENSE.shape) < 0.3)
    S = make(D.astype(dtype))
    if S.format != "coo":
        S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
    blocks = open_blocks(S, target=np.arange(9000), block_size=60_000)
    X, y, keys = together(blocks)
    np.testing.assert_array_equal(X, D)
    np.testing.assert_array_equal(y, np.arange(9000))
    assert keys.tolist() == list(range(9000))
    assert blocks.nnz == np.count_nonzero(D)
    if S.format == "csr":
        assert next(iter(blocks)).X.indices.dtype == index
        if dtype != "i8":
            assert np.shares_memory(blocks.take_all().X.data, S.data)
    mean, _ = blocks.fold(esker.folds.Moments()).finish()
    np.testing.assert_allclose(mean, D.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("kind", ["lil", "dok", "dia", "bsr"])
def test_sparse_formats_that_keep_no_order_of_their_own(kind):
    D = np.triu(np.tril(DENSE[:40, :3], 1), -2)  # few diagonals
    np.testing.assert_array_equal(together(open_blocks(sp.csr_array(D).asformat(kind)))[0], D)


def test_duplicates_are_summed_and_explicit_zeros_stay():
    S = sp.csr_array(
        (np.array([1.0, 2.0, 0.0, 5.0]), np.array([1, 1, 0, 2]), np.array([0, 3, 4])), shape=(2, 3)
    )
    block = next(iter(open_blocks(S)))
    np.testing.assert_array_equal(block.X.toarray(), [[0, 3, 0], [0, 0, 5]])
    assert block.X.nnz == 3  # the zero is stored
    assert S.nnz == 4  # and the caller's matrix is as it was


def test_rows_out_of_order_are_fine_without_a_copy():
    S = sp.csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    block = next(iter(open_blocks(S)))
    assert np.shares_memory(block.X.data, S.data)
    np.testing.assert_array_equal(block.X.toarray(), [[2, 0, 1]])


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [([0, 9], [0, 1, 2]), ([0, -1], [0, 1, 2]), ([0, 1], [0, 2, 1]), ([0, 1], [0, 1, 5])],
)
def test_a_broken_csr_is_refused(indices, indptr):
    S = sp.csr_array((2, 3))
    S.data, S.indices, S.indptr = np.ones(2), np.array(indices, "i4"), np.array(indptr, "i4")
    with pytest.raises(
        ValueError, match=r"column numbers must be 0 to 2|indptr must ascend|as long as indptr says"
    ):
        open_blocks(S)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_target_and_weight_by_number(kind):
    X = DENSE.astype("f8") if kind == "dense" else sp.csr_array(DENSE.astype("f8"))
    blocks = open_blocks(X, target=0, weight=-1)
    got, y, _ = together(blocks)
    np.testing.assert_array_equal(got, DENSE[:, 1:4])
    np.testing.assert_array_equal(y, DENSE[:, 0])
    np.testing.assert_array_equal(np.concatenate([b.sample_weight for b in blocks]), DENSE[:, 4])
    got, _, _ = together(open_blocks(X, target=0, columns=[3, 1]))
    np.testing.assert_array_equal(got, DENSE[:, [3, 1]])


def test_a_frame_by_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(DENSE, columns=list("abcde")).astype({"b": "float32", "c": "bool", "d": "Int16"})
    frame["label"] = np.where(frame.a > 50, "high", "low")
    for target in ("label", 5, frame["label"], frame["label"].to_numpy()):
        blocks = open_blocks(frame, target=target, columns=["d", "b"], weight="e", block_size=30_000)
        X, y, keys = together(blocks)
        np.testing.assert_array_equal(X, DENSE[:, [3, 1]])
        assert (y == frame["label"]).all()
        assert blocks.feature_names == ["d", "b"]
        assert keys.tolist() == list(range(9000))
    assert open_blocks(frame[["b", "c", "d"]]).dtype == np.float32
    several = open_blocks(frame, target=["a", "b"], columns=["c"])
    assert several.n_targets == 2
    np.testing.assert_array_equal(together(several)[1], DENSE[:, :2])
    wide = pd.DataFrame({j: pd.arrays.SparseArray([0.0, 1.0, 0.0], fill_value=0.0) for j in range(4)})
    assert open_blocks(wide).is_sparse


def test_bad_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [1.0, np.nan]})
    with pytest.raises(ValueError, match=r"column 'b' must be numeric.*leave it out with columns="):
        open_blocks(frame, target="a")
    with pytest.raises(FormatError, match=r"NaN or infinity in row 1, column 1 \('c'\)"):
        list(open_blocks(frame, columns=["a", "c"]))
    with pytest.raises(ValueError, match="target='z' is no column; the columns are 'a', 'b', 'c'"):
        open_blocks(frame, target="z")
    with pytest.raises(FormatError, match="missing in column 'c', row 1"):
        open_blocks(frame, target="c", columns=["a"])
    with pytest.raises(ValueError, match="names the target or the weight as a feature"):
        open_blocks(frame, target="a", columns=["a"])
    nullable = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})
    with pytest.raises(FormatError, match="row 1, column 0"):
        list(open_blocks(nullable))
    with pytest.raises(ValueError, match="at least one row"):
        open_blocks(frame.iloc[:0])


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.ones((0, 3)), {}, "at least one row and one column"),
        (np.ones((3, 0)), {}, "at least one row and one column"),
        (sp.csr_array((0, 3)), {}, "at least one row and one column"),
        (np.ones(3), {}, "1 dimension"),
        (np.ma.masked_array(np.ones((2, 2)), mask=[[0, 1], [0, 0]]), {}, "masked arrays are not read"),
        (np.ones((2, 2)), {"target": np.array(["a", None], object)}, "target misses a value in row 1"),
        (np.ones((2, 2)), {"target": np.array([np.nan, 1], object)}, "target misses a value in row 0"),
        (np.ones((2, 2), complex), {}, "must hold real numbers .*complex128"),
        (np.ones((2, 2), object), {}, "must hold real numbers .*object"),
        (np.array([["a"]]), {}, "must hold real numbers"),
        (np.ones((2, 2)), {"dtype": "i4"}, "dtype must be float32 or float64"),
        (np.ones((2, 2)), {"target": 2}, "target must be a column number from 0 to 1, got 2"),
        (np.ones((2, 2)), {"target": "y"}, "is a name"),
        (np.ones((2, 2)), {"target": np.ones(3)}, "as many rows as X, 2, got 3"),
        (np.ones((2, 2)), {"weight": np.ones(3)}, "one number for each of the 2 rows"),
        (np.ones((2, 2)), {"zero_based": True}, "zero_based= has no effect"),
        (np.ones((2, 2)), {"n_features": 5}, "n_features= has no effect"),
        (np.ones((2, 2)), {"format": "csv"}, "format= has no effect"),
        (np.ones((2, 2)), {"columns": []}, "at least one column"),
        (np.ones((2, 2)), {"columns": [0], "target": 0}, "neither target nor weight"),
        (np.ones((2, 1)), {"target": 0}, "at least one row and one column"),
        (np.ones((2, 2)), {"max_memory": "12XB"}, "max_memory must be"),
        (np.ones((2, 2)), {"max_memory": 10}, "at least 1 MB"),
        (np.ones((2, 2)), {"block_size": -1}, "block_size must be"),
    ],
)
def test_bad_arguments(X, options, message):
    with pytest.raises(ValueError, match=message):
        open_blocks(X, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["f4", "f8", "csr", "F"])
def test_values_that_are_not_finite_are_named(kind, bad):
    X = DENSE.astype("f4" if kind == "f4" else "f8")
    X[8765, 3] = bad
    source = {"csr": sp.csr_array, "F": np.asfortranarray}.get(kind, np.asarray)(X)
    blocks = open_blocks(source, block_size=40_000)
    for walk in (
        lambda: list(blocks),
        lambda: list(blocks.visits(0, seed=0)),
        lambda: list(blocks.visits(1, seed=0)),
    ):
        with pytest.raises(FormatError, match="must be finite, got NaN or infinity in row 8765, column 3"):
            walk()


def test_bad_targets_and_weights_are_named():
    X, y = np.ones((5000, 2)), np.zeros(5000)
    y[4500] = np.nan
    with pytest.raises(FormatError, match=r"the target must be finite.* row 4500"):
        list(open_blocks(X, target=y, block_size=4096 * 16))
    y[4500] = -1
    with pytest.raises(FormatError, match=r"must not be negative, got -1.0 in row 4500"):
        list(open_blocks(X, weight=y, block_size=4096 * 16))


def test_things_that_are_no_source():
    with pytest.raises(TypeError, match="got int"):
        open_blocks(3)
    with pytest.raises(TypeError, match="already"):
        open_blocks(open_blocks(np.ones((2, 2))))


def test_map_and_describe():
    X = DENSE.astype("f8")
    from dataclasses import replace

    blocks = ArrayBlocks(X, np.arange(9000) % 3)
    halved = blocks.map(lambda b: replace(b, X=b.X[:, :2] / 2), n_columns=2)
    np.testing.assert_array_equal(together(halved)[0], X[:, :2] / 2)
    a = [b.keys[b.order] for b in halved.visits(2, seed=5, shuffle_rows=1000)]
    c = [b.keys[b.order] for b in blocks.visits(2, seed=5, shuffle_rows=1000)]
    np.testing.assert_array_equal(np.concatenate(a), np.concatenate(c))
    with pytest.raises(TypeError, match="n_columns"):
        blocks.map(lambda b: b, width=3)
    with pytest.raises(ValueError, match="must carry row_keys"):
        list(blocks.map(lambda b: replace(b, X=b.X[:1], y=b.y[:1])))
    facts = blocks.describe()
    assert (facts["rows"], facts["columns"], facts["kind"]) == (9000, 5, "dense")
    assert facts["density"] == np.count_nonzero(X) / X.size
    assert facts["targets"][0]["counts"] == {0: 3000, 1: 3000, 2: 3000}
    many = ArrayBlocks(X, X[:, :2] * 1.25, block_size=4096 * 40).describe()["targets"]
    assert [t["mean"] for t in many] == pytest.approx(X[:, :2].mean(axis=0) * 1.25)
    assert [t["std"] for t in many] == pytest.approx(X[:, :2].std(axis=0) * 1.25)
    assert "counts" not in many[0]


def test_blocks_that_leave_rows_out_are_visited_alike_for_any_cut(monkeypatch):
    monkeypatch.setattr("esker.blocks.order.SPARSE_NUMBERS", 3000)
    S = sp.random_array((20_000, 50), density=0.05, format="csr", rng=np.random.default_rng(1))
    from dataclasses import replace

    from esker.blocks.buffer import csr

    def odd(block):
        keep = block.keys % 3 != 0
        X = block.X[np.flatnonzero(keep)]
        return replace(block, X=csr(X.data, X.indices, X.indptr, 50), row_keys=block.keys[keep])

    def keys(block_size, sequential, start=0):
        blocks = open_blocks(S, block_size=block_size)
        blocks.sequential_first = sequential
        return [b.keys[b.order] for b in blocks.map(odd, n_rows=None).visits(0, seed=1, start=start)]

    for sequential in (True, False):
        one, two = keys(10_000, sequential), keys(100_000, sequential)
        assert len(one) == len(two) > 5
        assert all(np.array_equal(a, b) for a, b in zip(one, two))
        assert sorted(np.concatenate(one)) == [k for k in range(20_000) if k % 3]
        assert np.array_equal(np.concatenate(keys(10_000, sequential, 4)), np.concatenate(one[4:]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (63, 17), (64, 16), (65, 33), (1000, 7)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rows_of_columns(shape, dtype):
    from esker.blocks.memory import rows_of

    whole = RNG.normal(size=(shape[0], shape[1] + 3)).astype(dtype)
    for columns in (whole, whole[:, 2:], whole[::-1], np.asfortranarray(whole)):
        got = rows_of(columns, dtype)
        np.testing.assert_array_equal(got, columns.T)
        assert got.flags.c_contiguous
    np.testing.assert_array_equal(rows_of(whole, "f4"), whole.T.astype("f4"))


def test_more_columns_than_32_bits_count():
    S = sp.csr_array((np.ones(3), (np.array([0, 0, 1]), np.array([2**40, 5, 2**33]))), shape=(2, 2**40 + 1))
    block = next(iter(open_blocks(S)))
    assert block.X.indices.dtype == np.int64
    assert sorted(block.X.indices.tolist()) == [5, 2**33, 2**40]
    visited = next(open_blocks(S).map(lambda b: b).visits(0, seed=0))
    assert sorted(visited.X.indices.tolist()) == [5, 2**33, 2**40]
    unsorted = sp.csr_array((2, 2**40))
    unsorted.data, unsorted.indices, unsorted.indptr = (
        np.ones(3),
        np.array([2**39, 1, 2**39]),
        np.array([0, 3, 3]),
    )
    np.testing.assert_array_equal(next(iter(open_blocks(unsorted))).X.data, [1, 2])
