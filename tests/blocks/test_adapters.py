"""Loaders of other libraries, known by their methods: xgboost's, lightgbm's, PyTorch's, TensorFlow's; texts in memory."""

import numpy as np
import pytest
import scipy.sparse as sp
from tests.blocks.rows import Keep, together

from esker._errors import FormatError
from esker.blocks import open_blocks

N = 10_000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype("f4")
Y = RNG.integers(0, 2, size=N)
W = RNG.random(N)
CUTS = [(a, min(a + 3000, N)) for a in range(0, N, 3000)]


def dense(block):
    return block.X if isinstance(block.X, np.ndarray) else block.X.toarray()


# --- xgboost.DataIter ---


class DataIter:
    def __init__(self, **more):
        self.at, self.more = 0, more

    def next(self, input_data):
        if self.at == len(CUTS):
            return 0
        a, b = CUTS[self.at]
        input_data(data=X[a:b], label=Y[a:b], weight=W[a:b], **self.more)
        self.at += 1
        return 1

    def reset(self):
        self.at = 0


def test_an_xgboost_data_iter_is_walked_again():
    blocks = open_blocks(DataIter(feature_names=["a", "b", "c"]))
    assert blocks.rereadable
    assert blocks.feature_names == ["a", "b", "c"]
    for _ in range(2):
        got = list(blocks)
        np.testing.assert_array_equal(together(got), X)
        np.testing.assert_array_equal(together(got, "y"), Y)
        np.testing.assert_array_equal(together(got, "sample_weight"), W)
    with pytest.raises(ValueError, match="group= of input_data has no place"):
        open_blocks(DataIter(group=[3]))
    silent = DataIter()
    silent.next = lambda input_data: 1
    with pytest.raises(ValueError, match="returned without a call of input_data; return 0 at the end"):
        open_blocks(silent)


# --- lightgbm.Sequence ---


class Sequence:
    batch_size = 4096

    def __init__(self, x=X):
        self.x = x

    def __getitem__(self, rows):
        return self.x[rows]

    def __len__(self):
        return len(self.x)


def test_a_sequence_is_read_at_any_row():
    blocks = open_blocks(Sequence(), target=Y, weight=W, block_size=80_000)
    assert blocks.random_access
    assert (blocks.n_rows, blocks.n_columns, blocks.dtype) == (N, 3, np.float32)
    got = list(blocks)
    assert len(got) > 1
    np.testing.assert_array_equal(together(got), X)
    np.testing.assert_array_equal(together(got, "y"), Y)
    np.testing.assert_array_equal(blocks.read_rows(blocks.parts[0], 4096, 5000).X, X[4096:5000])
    two = open_blocks([Sequence(X[:6000]), Sequence(X[6000:])], target=Y)
    assert [part.rows for part in two.parts] == [6000, 4000]
    np.testing.assert_array_equal(together(two), X)
    np.testing.assert_array_equal(together(two, "y"), Y)
    lightgbm = pytest.importorskip("lightgbm")

    class Real(Sequence, lightgbm.Sequence):
        pass

    np.testing.assert_array_equal(together(open_blocks(Real())), X)


def test_bad_sequences():
    with pytest.raises(FormatError, match=r"\[0:1\] must give one row"):
        open_blocks(Sequence(X[:, 0]))
    with pytest.raises(FormatError, match="part 1 has no rows"):
        open_blocks([Sequence(), Sequence(X[:0])])
    with pytest.raises(ValueError, match="target= of a Sequence is an array"):
        open_blocks(Sequence(), target="y")
    short = Sequence()
    short.__class__ = type("Short", (Sequence,), {"__len__": lambda self: N + 5})
    with pytest.raises(FormatError, match=r"\[0:10005\] must give 10005 rows"):
        list(open_blocks(short))


# --- tensors ---


class Tensor:
    """An array that is known by `numpy()` alone, as TensorFlow's is."""

    def __init__(self, x):
        self.x = x

    def numpy(self):
        return self.x


class Packed:
    """An array that is known by DLPack alone."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **options):
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize("kind", [Tensor, Packed])
def test_arrays_of_others(kind):
    blocks = open_blocks([(kind(X[a:b]), kind(Y[a:b]), kind(W[a:b])) for a, b in CUTS])
    np.testing.assert_array_equal(together(blocks), X)
    np.testing.assert_array_equal(together(blocks, "y"), Y)
    np.testing.assert_array_equal(together(blocks, "sample_weight"), W)


class SparseTensor:
    """Coordinates, as TensorFlow's."""

    def __init__(self, x):
        x = sp.coo_array(x)
        self.values, self.indices = Tensor(x.data), Tensor(np.stack(x.coords, axis=1))
        self.dense_shape = Tensor(np.array(x.shape))


def test_sparse_tensors_by_coordinates():
    few = np.where(X > 1, X, 0)
    got = list(open_blocks([(SparseTensor(few[a:b]), Y[a:b]) for a, b in CUTS]))
    np.testing.assert_array_equal(np.concatenate([dense(b) for b in got]), few)


def test_batches_that_are_no_tuples():
    for batch, message in (
        ({"X": X, "y": Y}, r"got a dict of 'X', 'y'; yield tuples instead, such as lambda: \(\(batch"),
        (({"a": X}, Y), "X is a dict of 'a'; put its columns together"),
    ):
        with pytest.raises(FormatError, match=message):
            open_blocks([batch])
    with pytest.raises(TypeError, match=r"a Items gives single items .* torch.utils.data.DataLoader"):
        open_blocks(
            type("Items", (), {"__len__": lambda self: 3, "__getitem__": lambda self, i: (X[i], 0)})()
        )
    with pytest.raises(TypeError, match="takes an object, got the class DataIter"):
        open_blocks(DataIter)


@pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta")
def test_pytorch():
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    blocks = open_blocks(DataLoader(data, batch_size=3000))
    assert blocks.rereadable
    for _ in range(2):
        np.testing.assert_array_equal(together(blocks), X)
        np.testing.assert_array_equal(together(blocks, "y"), Y)
    alone = open_blocks(DataLoader(TensorDataset(torch.from_numpy(X).requires_grad_()), batch_size=3000))
    assert alone.n_targets == 0
    np.testing.assert_array_equal(together(alone), X)
    few = torch.from_numpy(np.where(X > 1, X, 0))
    for made in (few.to_sparse_csr, few.to_sparse_coo, few.to_sparse_csc):
        got = list(open_blocks([(made(), torch.from_numpy(Y))]))
        np.testing.assert_array_equal(np.concatenate([dense(b) for b in got]), few.numpy())
    with pytest.raises(TypeError, match="a TensorDataset gives single items"):
        open_blocks(data)
    with pytest.raises(FormatError, match=r"could not be read as a NumPy array .*x\.float"):
        open_blocks([(torch.from_numpy(X).bfloat16(), Y)])


def test_tensorflow():
    tf = pytest.importorskip("tensorflow")
    blocks = open_blocks(tf.data.Dataset.from_tensor_slices((X, Y)).batch(3000))
    for _ in range(2):
        np.testing.assert_array_equal(together(blocks), X)
        np.testing.assert_array_equal(together(blocks, "y"), Y)


# --- texts ---

TEXTS = [f"the {k}th größte text" for k in range(N)]


def texts_of(blocks):
    return [text for block in blocks for text in block.X.columns["text"].tolist()]


@pytest.mark.parametrize("make", [list, tuple, np.array, lambda t: np.array(t, object)])
def test_texts_in_memory(make):
    blocks = open_blocks(make(TEXTS), target=Y, weight=W, features=Keep(), block_size=200_000)
    assert blocks.feature_names == ["text"]
    got = list(blocks)
    assert len(got) > 1
    assert texts_of(got) == TEXTS
    np.testing.assert_array_equal(together(got, "y"), Y)
    np.testing.assert_array_equal(together(got, "sample_weight"), W)
    assert blocks.read_rows(blocks.parts[0], 4096, 4098).X.columns["text"].tolist() == TEXTS[4096:4098]
    assert texts_of(open_blocks(make(TEXTS), features=Keep())) == TEXTS


def test_columns_of_texts():
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    gaps = [*TEXTS[:-1], None]
    for column in (
        pd.Series(gaps, index=range(5, N + 5)),
        pa.array(gaps),
        pa.chunked_array([gaps[:50], gaps[50:]]),
    ):
        assert texts_of(open_blocks(column, target=Y, features=Keep(), block_size=200_000)) == gaps


def test_batches_of_texts():
    batches = [(TEXTS[a:b], Y[a:b]) for a, b in CUTS]
    got = list(open_blocks(batches, features=Keep()))
    assert texts_of(got) == TEXTS
    np.testing.assert_array_equal(together(got, "y"), Y)
    assert texts_of(open_blocks(((t, y, None) for t, y in batches), features=Keep())) == TEXTS
    pd = pytest.importorskip("pandas")
    frames = [(pd.DataFrame({"t": t, "k": y}), y) for t, y in batches]
    columns = [b.X.columns for b in open_blocks(frames, features=Keep())]
    assert [t for c in columns for t in c["t"].tolist()] == TEXTS
    np.testing.assert_array_equal(np.concatenate([c["k"] for c in columns]), Y)


def test_a_step_that_asks_for_columns_takes_them_from_what_comes():
    pd = pytest.importorskip("pandas")

    class Some(Keep):
        def input_columns(self, names=None):
            return ["t"]

    got = list(open_blocks([(pd.DataFrame({"t": TEXTS, "k": Y}), Y)], features=Some()))
    assert got[0].X.columns["t"].tolist()[:2] == TEXTS[:2]
    assert texts_of(open_blocks(TEXTS, target=Y, features=Some())) == TEXTS


def test_texts_where_they_do_not_belong(tmp_path):
    with pytest.raises(FileNotFoundError):  # without a feature step strings are paths
        open_blocks(TEXTS, target=Y)
    (tmp_path / "t.csv").write_text("a,y\nu,1\n")
    pytest.importorskip("pyarrow")
    blocks = open_blocks([str(tmp_path / "t.csv")], target="y", features=Keep())  # and with one they may be
    assert blocks.feature_names == ["a"]
    with pytest.raises(ValueError, match="columns= has no effect on a list of texts"):
        open_blocks(TEXTS, target=Y, columns=["text"], features=Keep())
    with pytest.raises(ValueError, match="target= of a list of texts is an array"):
        open_blocks(TEXTS, target="y", features=Keep())
    with pytest.raises(FormatError, match="must hold one text in each row, got a int in row 1"):
        list(open_blocks(np.array(["u", 3], object), target=[0, 1], features=Keep()))
    with pytest.raises(FormatError, match="features= takes texts or tables, and X is ndarray of shape"):
        open_blocks([(X, Y)], features=Keep())
    with pytest.raises(
        FormatError, match=r"X must hold real numbers, got dtype <U1; texts and tables .*HashingVectorizer"
    ):
        open_blocks([(np.array([["u"]]), [1])])
