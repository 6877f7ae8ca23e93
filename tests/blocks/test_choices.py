"""split, sample, head and prefixes: laws that hold for any cut of the blocks, any source, any order of the files."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse

from esker.blocks import Block, open_blocks, write_block_file
from esker.blocks.records import Records, Strings
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor

rng = np.random.default_rng(5)
N = 9000
X = np.column_stack([np.arange(N), rng.integers(0, 40, N), rng.standard_normal(N).round(3)])
Y = (rng.random(N) < 0.5).astype(float)


def rows(blocks):
    """(keys, first column, targets), checked to agree with the keys."""
    got = list(blocks)
    if not got:
        return np.empty(0, np.int64)
    assert all(len(b) for b in got)
    return np.concatenate([b.keys for b in got])


def write_svmlight(path, first, last):
    with open(path, "w") as file:
        for i in range(first, last):
            file.write(f"{Y[i]:g} 0:{X[i, 0] + 1:g} 1:{X[i, 1]:g} 2:{X[i, 2]:g}\n")
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The same rows as every kind of source, as functions that open them with a size of blocks."""
    folder = tmp_path_factory.mktemp("choices")
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    svm = write_svmlight(folder / "x.svm", 0, N)
    with gzip.open(folder / "z.svm.gz", "wb") as file:
        file.write(svm.read_bytes())
    write_block_file(open_blocks(svm), folder / "x.esk")
    batches = [(X[i : i + 700], Y[i : i + 700]) for i in range(0, N, 700)]

    def open_(what, **options):
        return lambda size: open_blocks(what, block_size=size, **options)

    return {
        "array": open_(X, target=Y),
        "npy": open_(folder / "x.npy", target=folder / "y.npy"),
        "sparse": open_(sparse.csr_array(X), target=Y),
        "svmlight": open_(svm),
        "gzip": open_(folder / "z.svm.gz"),
        "esk": open_(folder / "x.esk"),
        "iterable": open_(batches),
    }


KINDS = ["array", "npy", "sparse", "svmlight", "gzip", "esk", "iterable"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(
    shares=st.sampled_from([[0.5, 0.5], [0.9, 0.1], [0.2, 0.3, 0.5]]),
    seed=st.integers(0, 2**64 - 1),
    size=st.sampled_from([8192, 40_000, None]),
)
def test_sides_are_disjoint_and_all(kind, sources, shares, seed, size):
    sides = [rows(side) for side in sources[kind](size).split(sizes=shares, seed=seed)]
    assert_array_equal(np.sort(np.concatenate(sides)), np.arange(N))
    for side, share in zip(sides, shares):
        assert abs(len(side) - share * N) < 6 * np.sqrt(share * (1 - share) * N)
        assert (np.diff(side) > 0).all()
    reference = [rows(side) for side in open_blocks(X).split(sizes=shares, seed=seed)]
    for side, expected in zip(sides, reference):  # whatever the source and the cut
        assert_array_equal(side, expected)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(n=st.integers(1, N), seed=st.integers(0, 1000), size=st.sampled_from([8192, None]))
def test_a_sample_has_n_rows_the_same_for_any_cut(kind, sources, n, seed, size):
    some = sources[kind](size).sample(n, seed=seed)
    assert some.n_rows == n
    got = rows(some)
    assert len(got) == n
    assert_array_equal(got, rows(open_blocks(X).sample(n, seed=seed)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(sizes=st.lists(st.integers(1, N), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_prefixes_are_nested_samples(kind, sources, sizes, seed):
    found = {n: set(rows(p).tolist()) for n, p in zip(sizes, sources[kind](None).prefixes(sizes, seed=seed))}
    for n, keys in found.items():
        assert len(keys) == n
        for m, others in found.items():
            assert m < n or keys <= others
    assert found[sizes[0]] == set(rows(sources[kind](None).sample(sizes[0], seed=seed)).tolist())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 5, 4096, 5000, N, N + 1])
def test_head_is_the_first_rows(kind, sources, n):
    for size in (8192, None):
        head = sources[kind](size).head(n)
        got = list(head)
        assert_array_equal(np.concatenate([b.keys for b in got]), np.arange(min(n, N)))
        assert_array_equal(np.concatenate([b.y for b in got]), Y[:n])
        assert head.n_rows == min(n, N)
        assert rows(head.head(3)).tolist() == [0, 1, 2][: min(n, 3)]


def test_head_reads_no_more_than_it_needs():
    asked = []

    def batches():
        for i in range(100):
            asked.append(i)
            yield np.ones((500, 1)), None

    blocks = open_blocks(batches, block_size=32768)  # looks at the first batch
    assert rows(blocks.head(700)).tolist() == list(range(700))
    assert len(asked) < 12  # 4,096 rows are cut at once


def test_head_over_parts(tmp_path):
    paths = [write_svmlight(tmp_path / f"{i}.svm", 10 * i, 10 * i + 10) for i in range(4)]
    for known in (False, True):
        blocks = open_blocks(paths)
        if known:
            blocks.describe()
        head = blocks.head(25)
        assert head.n_rows == (25 if known else None)
        last = [b.keys & 0xFFFF for b in head.read(head.parts[2])]  # a part alone
        assert np.concatenate(last).tolist() == [0, 1, 2, 3, 4]
        assert [len(b) for b in head] == [10, 10, 5]
        assert head.n_rows == 25


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_source_s_own(kind, sources):
    train, _ = sources[kind](8192).split(0.3, seed=4)
    for block in train:
        keys = block.keys
        dense = block.X.toarray() if sparse.issparse(block.X) else block.X
        expected = X[keys].copy()
        expected[:, 0] += kind in ("svmlight", "gzip", "esk")
        assert_array_equal(dense, expected)
        assert_array_equal(block.y, Y[keys])


def test_a_group_has_one_side_whatever_the_file_and_the_dtype():
    shuffled = rng.permutation(N)
    sides = {}
    for name, x in {
        "float64": X,
        "float32": X.astype(np.float32),
        "int64": X.astype(np.int64),
        "another order": X[shuffled],
        "half": X[::2],
        "sparse": sparse.csr_array(X),
    }.items():
        for i, side in enumerate(open_blocks(x, block_size=8192).split(0.4, by=1, seed=3)):
            for block in side:
                dense = block.X.toarray() if sparse.issparse(block.X) else block.X
                for group in np.unique(dense[:, 1]):
                    assert sides.setdefault(float(group), i) == i, name
    assert 8 < sum(sides.values()) < 26  # 40 groups, 16 expected on the other side
    for by in (X[:, 1], X[:, 1].astype(np.int16), X[:, 1].tolist(), lambda b: b.X[:, 1]):
        train, _ = open_blocks(X).split(0.4, by=by, seed=3)
        assert_array_equal(rows(train), [i for i in range(N) if sides[X[i, 1]] == 0])


def test_groups_of_texts():
    users = [None if i % 11 == 0 else f"user {i % 7}" for i in range(200)]
    plain = Strings.of(users)
    texts = sorted({u for u in users if u is not None})
    coded = Strings(
        *(lambda s: (s.data, s.offsets))(Strings.of(texts)),
        np.array([u is None for u in users]),
        np.array([0 if u is None else texts.index(u) for u in users], np.int32),
    )
    found = []
    for column in (plain, coded, np.array(users, dtype=object)):
        train, test = open_blocks(np.arange(200.0).reshape(-1, 1)).split(
            0.5, by=lambda b, c=column: c, seed=1
        )
        sides = rows(train), rows(test)
        found.append(sides[0].tolist())
        assert not {users[i] for i in sides[0]} & {users[i] for i in sides[1]}
        assert len(sides[0])
        assert len(sides[1])
    assert found[0] == found[1] == found[2]


def test_a_group_column_is_dropped_or_kept():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"user": X[:, 1], "a": X[:, 0], "b": X[:, 2]})
    for train in open_blocks(frame).split(by="user", seed=2, drop=True):
        assert train.feature_names == ["a", "b"]
        assert train.n_columns == 2
        for block in train:
            assert_array_equal(block.X, X[block.keys][:, [0, 2]])
    with pytest.raises(
        ValueError, match=r"by='nobody' is no column of DataFrame.*the columns read are 'user', 'a', 'b'"
    ):
        open_blocks(frame).split(by="nobody")
    with pytest.raises(ValueError, match="whose columns have no names; pass a number"):
        open_blocks(X).split(by="user")
    with pytest.raises(ValueError, match="from 0 to 2, got 7"):
        open_blocks(X).split(by=7)
    with pytest.raises(ValueError, match="drop=True has no effect"):
        open_blocks(X).split(drop=True)
    with pytest.raises(ValueError, match=r"one group for each of the 9,000 rows, got 3"):
        open_blocks(X).split(by=[1, 2, 3])
    with pytest.raises(ValueError, match="one group for each row"):
        list(open_blocks(X).split(by=lambda b: np.zeros(3))[0])
    with pytest.raises(ValueError, match="groups must be numbers, or texts, got tuple"):
        list(open_blocks([[1.0]] and X[:1]).split(by=lambda b: np.array([(1,), None], object)[:1])[0])


def test_a_column_behind_a_step_tells_groups():
    """Rows are chosen before the step, which then makes only what is asked for."""
    frame = pytest.importorskip("pandas").DataFrame({"user": X[:, 1], "a": X[:, 2]})
    made = []

    def only_a(block):
        made.append(len(block))
        return Block(block.X[:, 1:], block.y, block.sample_weight, block.first_key, row_keys=block.row_keys)

    behind = open_blocks(frame).map(only_a, n_columns=1, feature_names=["a"])
    train, _ = behind.split(0.3, by="user", seed=8)
    got = list(train)
    assert sum(made) == sum(map(len, got)) < N
    expected = open_blocks(frame).split(0.3, by="user", seed=8)[0]
    assert_array_equal(np.concatenate([b.keys for b in got]), rows(expected))
    assert_array_equal(np.concatenate([b.X[:, 0] for b in got]), X[rows(expected), 2])


def test_records_keep_their_columns():
    blocks = open_blocks(np.arange(60.0).reshape(-1, 1)).map(
        lambda b: Block(Records({"n": b.X[:, 0], "t": Strings.of([f"t{v:g}" for v in b.X[:, 0]])}),
                        first_key=b.first_key, row_keys=b.row_keys),
        holds_records=True, n_columns=2, feature_names=["n", "t"],
    )  # fmt: skip
    some = list(blocks.sample(7, seed=1))
    assert [f"t{k}" for k in some[0].keys.tolist()] == some[0].X.columns["t"].tolist()
    train, test = blocks.split(0.5, by="t", seed=1, drop=True)
    for block in [*train, *test]:
        assert list(block.X.columns) == ["n"]
        assert_array_equal(block.X.columns["n"], block.keys)


def test_choices_of_choices_draw_anew():
    blocks = open_blocks(X)
    train, test = blocks.split(0.5, seed=1)
    again, valid = train.split(0.5, seed=1)
    assert abs(len(rows(valid)) - N / 4) < 250  # the same bits would make it empty or all
    assert set(rows(again)) | set(rows(valid)) == set(rows(train))
    assert abs(len(rows(blocks.sample(0.5, seed=1).sample(0.5, seed=1))) - N / 4) < 250
    assert abs(len(rows(test.sample(0.5, seed=1))) - N / 4) < 250
    assert len(rows(train.sample(100, seed=1))) == 100
    smaller, larger = blocks.split(0.1, seed=1)[1], blocks.split(0.3, seed=1)[1]
    assert set(rows(smaller)) < set(rows(larger))
    assert set(rows(blocks.sample(0.1, seed=1))) < set(rows(blocks.sample(0.2, seed=1)))


def test_a_source_that_is_walked_once():
    def batches():
        yield from [(X[i : i + 100], Y[i : i + 100]) for i in range(0, 1000, 100)]

    assert rows(open_blocks(batches()).head(150)).tolist() == list(range(150))
    assert 50 < len(rows(open_blocks(batches()).sample(0.1))) < 150
    train, test = open_blocks(batches()).split(0.2)
    assert len(rows(train)) > 600
    with pytest.raises(ValueError, match="has been walked already"):
        rows(test)
    with pytest.raises(ValueError, match=r"exactly 10 rows .* walked only once; pass a share such as 0\.1"):
        open_blocks(batches()).sample(10)


@pytest.mark.parametrize("size", [0, -3, 1.5, True, "7", 1.0])
def test_sizes_that_make_no_sense(size):
    with pytest.raises(ValueError, match="a size is a positive whole number of rows, or a share"):
        open_blocks(X).sample(size)


def test_what_else_is_refused():
    blocks = open_blocks(X)
    with pytest.raises(ValueError, match=r"expected at most the 9,000 rows of .*, got 9,001"):
        blocks.sample(N + 1)
    with pytest.raises(ValueError, match="expected at most the 9,000 rows"):  # known after the pass
        rows(open_blocks([(X, Y)]).sample(N + 1))
    with pytest.raises(ValueError, match="at least one size"):
        blocks.prefixes([])
    with pytest.raises(ValueError, match="shares between 0 and 1 that sum to 1"):
        blocks.split(sizes=[0.5, 0.6])
    with pytest.raises(ValueError, match="say the same"):
        blocks.split(0.5, sizes=[0.5, 0.5])
    with pytest.raises(ValueError, match="test_size must be a share"):
        blocks.split(20)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        blocks.split(seed=-1)
    with pytest.raises(ValueError, match="head takes a positive whole number"):
        blocks.head(0)
    with pytest.raises(ValueError, match="takes 32 MB, and max_memory is 10 MB; pass a share"):
        open_blocks([(X, Y)], max_memory="10MB").sample(10**6)


@pytest.mark.parametrize("kind", ["array", "svmlight", "esk", "iterable"])
def test_estimators_take_them(kind, sources):
    signal = sources[kind](None).map(lambda b: Block(b.X, 3.0 * np.asarray(b.X[:, [2]].toarray() if sparse.issparse(b.X) else b.X[:, [2]])[:, 0], None, b.first_key, None, b.row_keys))  # fmt: skip
    train, test = signal.split(0.3, seed=6)
    model = Ridge(alpha=1e-9).fit(train)
    assert model.score(test) > 0.999
    keys = rows(train)
    alone = Ridge(alpha=1e-9).fit(X[keys], 3.0 * X[keys, 2])
    assert abs(model.coef_[2] - alone.coef_[2]) < 1e-6
    assert len(model.predict(test)) == N - len(keys)
    sgd = SGDRegressor(max_iter=3, tol=None, random_state=0).fit(train)
    assert sgd.score(test) > 0.9
    classes = SGDClassifier(max_iter=2, tol=None, random_state=0).fit(sources[kind](None).sample(3000))
    assert classes.classes_.tolist() == [0.0, 1.0]
    facts = test.describe()
    assert facts["rows"] == N - len(keys)


def test_an_epoch_of_chosen_rows_is_the_same_for_any_cut(sources):
    for kind in ("array", "esk"):
        visits = []
        for size in (8192, None):
            some = sources[kind](size).split(0.5, seed=2)[0]
            assert some.random_access
            visits.append(
                np.concatenate([b.keys[b.order] for b in some.visits(1, seed=3, shuffle_rows=1000)])
            )
        assert_array_equal(*visits)
        assert_array_equal(np.sort(visits[0]), rows(some))
        assert (np.diff(visits[0]) < 0).any()
