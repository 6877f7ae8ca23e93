"""svmlight text: the parser against scikit-learn's and Python's float, the source in any cut, and every error with its place."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, vstack
from scipy.sparse import random as random_sparse
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from esker import FormatError, open_blocks
from esker._native import core, threads
from esker.blocks import UNIT


def parsed(text: bytes, **options):
    """(X, y) of a text."""
    y, data, indices, indptr, columns, _ = core.parse_svmlight(text, 0, len(text), **options)
    return csr_array((data, indices, indptr), shape=(len(y), max(columns, 1))), y


def random_text(rows: int, columns: int, seed: int, digits: int | None = None) -> bytes:
    rng = np.random.default_rng(seed)
    X = random_sparse(rows, columns, density=0.02, format="csr", random_state=seed)
    X.data = rng.standard_normal(X.nnz) * 10.0 ** rng.integers(-30, 30, X.nnz)
    if digits is not None:
        X.data = np.array([float(f"{v:.{digits}g}") for v in X.data])
    file = io.BytesIO()
    dump_svmlight_file(X, rng.integers(-3, 3, rows), file, zero_based=True)
    return file.getvalue()


def same_blocks(blocks, X, y):
    """Whether the rows of all blocks, in order and with keys 0..n-1, are X and y."""
    parts = list(blocks)
    assert np.array_equal(np.concatenate([b.keys for b in parts]), np.arange(len(y)))
    assert all(b.first_key % 256 == 0 for b in parts)
    width = max(b.X.shape[1] for b in parts)
    assert width == X.shape[1]
    for b in parts:
        b.X.resize((b.X.shape[0], width))
    together = vstack([b.X for b in parts], format="csr")
    assert np.array_equal(np.concatenate([b.y for b in parts]), y)
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(together, name), getattr(X, name)), name


# --- the parser ---


@pytest.mark.parametrize("digits", [None, 4, 17])
def test_same_matrix_as_scikit_learn(digits):
    text = random_text(400, 3000, seed=digits or 1, digits=digits)
    X, y = parsed(text)
    theirs, labels = load_svmlight_file(io.BytesIO(text), zero_based=True)
    assert np.array_equal(X.data, theirs.data)
    assert np.array_equal(X.indices, theirs.indices)
    assert np.array_equal(X.indptr, theirs.indptr)
    assert X.shape == theirs.shape
    assert np.array_equal(y, labels)


SPELLINGS = [
    "0",
    "-0",
    "+5",
    "5.",
    ".5",
    "-.5e3",
    "00012.500",
    "1e22",
    "1e23",
    "9007199254740993",
    "0.1",
    "1E-5",
    "1e+05",
]
SPELLINGS += [
    "123456789012345678901234567890",
    "2.2250738585072011e-308",
    "4.9e-324",
    "1e-400",
    "-1e-999",
    "1.7976931348623157e308",
]
SPELLINGS += [
    "0.000000000000000000000000000000000000000123456789",
    "12345678",
    "123456789",
    "1.23456789012345678",
    "0e999999999",
]
SPELLINGS += [
    "8.5e-22",
    "1" + "0" * 400 + "e-400",
    "0." + "0" * 400 + "1e401",
    "9007199254740992.5",
    "1234567.12345678",
    "7e22",
    "7e-22",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_odd_spellings_equal_float(text):
    X, y = parsed(f"{text} 3:{text}\n".encode())
    expected = np.array([float(text)])
    assert X.data.tobytes() == y.tobytes() == expected.tobytes()


number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[+-]?([0-9]{1,22}(\.[0-9]{0,25})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(number, min_size=1, max_size=20))
def test_numbers_equal_float_to_the_bit(numbers):
    expected = np.array([float(n) for n in numbers])
    text = "1 " + " ".join(f"{j}:{n}" for j, n in enumerate(numbers))
    if np.isfinite(expected).all():
        X, _ = parsed(text.encode())
        assert X.data.tobytes() == expected.tobytes()
        with np.errstate(over="ignore"):
            single = expected.astype(np.float32)
        if np.isfinite(single).all():
            assert parsed(text.encode(), float32=True)[0].data.tobytes() == single.tobytes()
        else:
            with pytest.raises(FormatError, match="float32 can hold"):
                parsed(text.encode(), float32=True)
    else:
        with pytest.raises(FormatError, match="float64 can hold"):
            parsed(text.encode())


def test_blanks_comments_qids_and_line_ends():
    text = b"# head: 1:2\r\n\n+1 qid:3  2:1\t7:.5  # 9:9\r\n \t\r\n  -1\n0 0:0#\n#\n3.5 5:1 3:2"
    X, y = parsed(text)
    assert y.tolist() == [1, -1, 0, 3.5]
    assert X.indptr.tolist() == [0, 2, 2, 3, 5]
    assert X.indices.tolist() == [2, 7, 0, 3, 5]  # sorted within rows
    assert X.data.tolist() == [1, 0.5, 0, 2, 1]


def test_result_does_not_depend_on_threads_or_padding():
    lines = random_text(6000, 2000, seed=3).split(b"\n")
    lines[7::50] = [b"# a comment: 1:2 3:4"] * len(lines[7::50])  # leaves gaps to close between ranges
    text = b"\n".join(lines)
    assert len(text) > 4 << 18
    results = []
    for n_threads, padding in ((1, b""), (2, b""), (3, b"9" * 100)):
        with threads(n_threads):
            results.append(core.parse_svmlight(text + padding, 0, len(text)))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))
    theirs, _ = load_svmlight_file(io.BytesIO(text), zero_based=True)
    assert np.array_equal(results[0][1], theirs.data)


def test_rows_left_over_come_first():
    head = core.parse_svmlight(b"1 1:1\n2 2:2\n3 3:3\n", 0, 18)
    y, data, indices, indptr, columns, lines = core.parse_svmlight(
        b"4 3000000000:4\n", 0, 15, head=(head[0][1:], head[1], head[2], head[3][1:])
    )
    assert y.tolist() == [2, 3, 4]
    assert data.tolist() == [2, 3, 4]
    assert indices.tolist() == [2, 3, 3_000_000_000]
    assert indptr.tolist() == [0, 1, 2, 3]
    assert (columns, lines, indices.dtype, indptr.dtype) == (3_000_000_001, 1, np.int64, np.int64)


@pytest.mark.parametrize(
    ("column", "dtype"), [(2**31 - 2, np.int32), (2**31 - 1, np.int64), (10**17, np.int64)]
)
def test_indices_are_as_wide_as_they_must_be(column, dtype):
    _, _, indices, indptr, columns, _ = core.parse_svmlight(f"1 {column}:1".encode(), 0, len(f"1 {column}:1"))
    assert indices.dtype == indptr.dtype == dtype
    assert columns == column + 1


ERRORS = [
    ("1 2:3\n1 x:3\n", 2, 3, "expected column:value, got 'x:3'"),
    ("1 2:nan\n", 1, 5, "expected a finite value, got 'nan'"),
    ("1 2:-Infinity\n", 1, 5, "expected a finite value"),
    ("nan 2:1\n", 1, 1, "expected a finite number as the label"),
    ("2:3 4:5\n", 1, 1, "expected a label before the first column:value"),
    ("0 1:1\n\n  1,2 3:4\n", 3, 3, "several"),
    ("abc 3:4\n", 1, 1, "expected a number as the label, got 'abc'"),
    ("1 3:4 3:5\n", 1, 7, "column 3 comes twice"),
    ("1 5:1 3:4 5:5\n", 1, 11, "column 5 comes twice"),
    ("1 -3:4\n", 1, 3, "at least 0"),
    ("1 3:1e999\n", 1, 5, "float64 can hold"),
    ("1 3:0x1p3", 1, 5, "expected a number after the ':', got '0x1p3'"),
    ("1 3:4:5", 1, 5, "got '4:5'"),
    ("1 3:4,5", 1, 5, "got '4,5'"),
    ("1 3:\n", 1, 5, "expected a number"),
    ("1 3 4:5\n", 1, 3, "expected column:value"),
    ("1 99999999999999999999:1", 1, 3, r"below 2\^63"),
    ("1 qid:x 3:4", 1, 3, "expected qid:number"),
    ("1\0 2:3", 1, 1, r"got '1\\x00'"),
    ("1 2:3 \x00", 1, 7, r"\\x00"),
    ("1 2:1e5e5\n", 1, 5, "1e5e5"),
    ("1 2:3\r1 4:5\r", 1, 6, "carriage return inside"),
    ("1 1000000000:", 1, 14, "expected a number"),
    ("1 2:1_000\n", 1, 5, "1_000"),
    ("1 2:" + "7" * 60 + "x\n", 1, 5, r"\.\.\."),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS)
def test_errors_name_their_place(tmp_path, text, line, column, message):
    with pytest.raises(FormatError, match=message) as caught:
        parsed(text.encode())
    assert (caught.value.line, caught.value.column) == (line, column)
    path = tmp_path / "bad.svm"
    path.write_bytes(b"# first\n" + text.encode())
    with pytest.raises(FormatError, match=message) as caught:
        list(open_blocks(path))
    assert str(caught.value).startswith(f"{path}:{line + 1}:{column}: ")


def test_the_first_bad_line_is_named_whatever_the_threads():
    good = b"1 2:3 4:5\n"
    text = good * 40_000 + b"1 2:x\n" + good * 40_000 + b"1 3000000000:1 y\n" + good * 40_000
    for n_threads in (1, 2):
        with threads(n_threads), pytest.raises(FormatError) as caught:
            core.parse_svmlight(text, 0, len(text), first_line=11)
        assert (caught.value.line, caught.value.column) == (40_011, 5)


ALPHABET = b"0123456789:.-+eE# \t\r\nqid,naf\0\xff"


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from(list(ALPHABET)), max_size=60).map(bytes),
    st.integers(0, 3),
)
def test_any_bytes_parse_or_raise(noise, where):
    good = [b"1 2:3 4:5.5\n", b"-1 qid:3 7:1e3 # c\n", b"0\n"]
    text = b"".join([*good[:where], noise, *good[where:]])
    for readable in (text, text + b"1" * 64):
        try:
            y, data, indices, indptr, columns, lines = core.parse_svmlight(readable, 0, len(text))
        except FormatError as error:
            line = error.line
        else:
            line = 0
            assert len(indptr) == len(y) + 1
            assert len(y) <= lines
            assert indptr[-1] == len(data) == len(indices)
            assert np.isfinite(data).all()
            assert (indices < max(columns, 1)).all()
        assert 0 <= line <= text.count(b"\n") + 1


# --- files ---


@pytest.fixture
def file(tmp_path):
    """(path, X, y): three units and a bit, with comments and empty lines here and there."""
    lines = random_text(3 * UNIT + 100, 100, seed=5, digits=6).split(b"\n")
    lines[5::97] = [line + b"\n# a comment\n\n" for line in lines[5::97]]
    path = tmp_path / "rows.svm"
    path.write_bytes(b"\n".join(lines))
    X, y = load_svmlight_file(str(path), zero_based=True)
    return path, X, y


@pytest.mark.parametrize("block_size", ["20kB", "300kB", None])
@pytest.mark.parametrize("packed", [False, True])
def test_same_rows_in_any_cut(file, block_size, packed):
    path, X, y = file
    if packed:
        data = path.read_bytes()
        path = path.with_suffix(".svm.gz")
        path.write_bytes(gzip.compress(data[:70_000]) + gzip.compress(data[70_000:]))  # two members
    blocks = open_blocks(path, block_size=block_size)
    assert (blocks.n_rows, blocks.n_columns, blocks.is_sparse) == (None, None, True)
    same_blocks(blocks, X, y)
    assert (blocks.n_rows, blocks.n_columns, blocks.nnz) == (*X.shape, X.nnz)
    assert blocks.parts[0].rows == len(y)
    same_blocks(blocks, X, y)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("walked", [False, True])
def test_reading_from_a_row(file, packed, walked):
    path, X, y = file
    if packed:
        data = path.read_bytes()
        path = path.with_suffix(".svm.gz")
        path.write_bytes(gzip.compress(data))
    blocks = open_blocks(path, block_size="30kB")
    if walked:
        list(blocks)
        assert packed == (len(blocks._seen[0].marks) == 1)
    for start in (2 * UNIT, UNIT, 3 * UNIT):
        found = list(blocks.read(blocks.parts[0], start))
        assert found[0].first_key == start
        assert np.array_equal(np.concatenate([b.y for b in found]), y[start:])
        assert np.array_equal(np.concatenate([b.X.data for b in found]), X[start:].data)


def test_several_files_are_parts_and_widths_grow(tmp_path):
    for name, text in (("a", "1 1:1\n"), ("b", "2 9:1\n3 4:1\n")):
        (tmp_path / f"{name}.svm").write_text(text)
    blocks = open_blocks([tmp_path / "a.svm", tmp_path / "b.svm"])
    first, second = list(blocks)
    assert (first.X.shape, second.X.shape) == ((1, 2), (2, 10))
    assert second.keys.tolist() == [1 << 40, (1 << 40) + 1]
    assert (blocks.n_rows, blocks.n_columns) == (3, 10)
    assert [b.X.shape for b in blocks] == [(1, 10), (2, 10)]


def test_zero_based_false_subtracts_one(tmp_path):
    path = tmp_path / "one.svm"
    path.write_text("1 1:5 3:7\n")
    (kept,) = open_blocks(path)
    (moved,) = open_blocks(path, zero_based=False)
    assert (kept.X.indices.tolist(), moved.X.indices.tolist()) == ([1, 3], [0, 2])
    path.write_text("1 1:5 3:7\n1 0:3\n")
    with pytest.raises(FormatError, match=r"one.svm:2:3: .*from 1 on"):
        list(open_blocks(path, zero_based=False))


def test_n_features_is_the_width_and_the_bound(tmp_path):
    path = tmp_path / "a.svm"
    path.write_text("1 1:5\n1 7:3\n")
    (block,) = open_blocks(path, n_features=12)
    assert block.X.shape == (2, 12)
    with pytest.raises(FormatError, match=r"a.svm:2:3: expected columns below n_features=7, got '7:3'"):
        list(open_blocks(path, n_features=7))


def test_float32(tmp_path):
    path = tmp_path / "a.svm"
    path.write_text("1 1:0.1\n")
    blocks = open_blocks(path, dtype="float32")
    (block,) = blocks
    assert blocks.dtype == block.X.dtype == np.float32
    assert block.y.dtype == np.float64
    assert block.X.data[0] == np.float32(0.1)


def test_a_byte_order_mark_is_no_label(tmp_path):
    path = tmp_path / "a.svm"
    path.write_bytes(b"\xef\xbb\xbf# c\n1 1:2\n")
    (block,) = open_blocks(path)
    assert block.y.tolist() == [1]


@pytest.mark.parametrize(
    "options",
    [
        {"target": "y"},
        {"target": np.zeros(2)},
        {"weight": 0},
        {"columns": [1]},
        {"zero_based": "no"},
        {"n_features": 0},
        {"dtype": "int32"},
    ],
)
def test_options_without_effect_are_refused(tmp_path, options):
    path = tmp_path / "a.svm"
    path.write_text("1 1:2\n")
    with pytest.raises(ValueError, match=next(iter(options))):
        open_blocks(path, **options)
    assert len(open_blocks(path, target="label").parts) == 1


def test_only_comments(tmp_path):
    path = tmp_path / "a.svm"
    path.write_text("# nothing\n\n")
    with pytest.raises(FormatError, match="no rows"):
        list(open_blocks(path))


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_truncated_gzip(file, keep):
    path, _, _ = file
    packed = gzip.compress(path.read_bytes())
    path = path.with_suffix(".svm.gz")
    path.write_bytes(packed[: int(keep * len(packed))])
    with pytest.raises(FormatError, match="truncated"):
        list(open_blocks(path))


def test_damaged_gzip(file):
    path, _, _ = file
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[len(packed) // 2] ^= 0x55
    path = path.with_suffix(".svm.gz")
    path.write_bytes(packed)
    with pytest.raises(FormatError, match=r"damaged|expected"):
        list(open_blocks(path))


def test_a_file_that_changes_is_refused(file):
    path, _, _ = file
    blocks = open_blocks(path)
    next(iter(blocks))
    with path.open("ab") as f:
        f.write(b"\n1 1:1\n")
    with pytest.raises(FormatError, match="changed"):
        list(blocks)


def test_long_lines_grow_the_buffer_up_to_a_bound(tmp_path):
    path = tmp_path / "long.svm"
    line = "1 " + " ".join(f"{j}:1" for j in range(200_000)) + "\n"
    path.write_text(line * 2)
    found = list(open_blocks(path, block_size="64kB"))
    assert sum(len(b) for b in found) == 2
    assert all((b.X.indices[:200_000] == np.arange(200_000)).all() for b in found)
    with pytest.raises(FormatError, match="longer than 250 kB"):
        list(open_blocks(path, max_memory="1MB"))


def test_too_many_bytes_in_a_panel_are_refused(tmp_path):
    path = tmp_path / "wide.svm"
    path.write_text(("1 " + " ".join(f"{j}:1" for j in range(2000)) + "\n") * 300)
    with pytest.raises(FormatError, match="grant more memory"):
        list(open_blocks(path, max_memory="1MB"))
    assert sum(len(b) for b in open_blocks(path, max_memory="64MB")) == 300


def test_labels_alone(file):
    path, _, y = file
    assert np.array_equal(np.concatenate(list(open_blocks(path).labels())), y)
    text = path.read_bytes() + b"x 1:2\n"
    path.write_bytes(text)
    with pytest.raises(FormatError, match="a number as the label, got 'x'") as caught:
        list(open_blocks(path).labels())
    assert caught.value.line == text.count(b"\n")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(list(b"01:.-+e# \t\r\nqid\0")), max_size=40).map(bytes))
def test_labels_are_those_of_the_rows(noise):
    text = b"1 2:3\n" + noise
    try:
        y = core.parse_svmlight(text, 0, len(text))[0]
    except FormatError:
        return
    for readable in (text, text + b"1" * 64):
        assert np.array_equal(core.svmlight_labels(readable, 0, len(text))[0], y)


entry = st.tuples(
    st.integers(0, 10**9).map(str),
    st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{0,18})?", fullmatch=True),
    st.sampled_from([" ", "  ", "\t"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(entry, min_size=1, max_size=12, unique_by=lambda e: int(e[0])))
def test_entries_of_any_length_equal_float(entries):
    text = ("1 " + "".join(f"{j}:{v}{blank}" for j, v, blank in entries) + "\n").encode()
    X, _ = parsed(text)
    entries.sort(key=lambda e: int(e[0]))
    assert X.indices.tolist() == [int(j) for j, _, _ in entries]
    assert X.data.tobytes() == np.array([float(v) for _, v, _ in entries]).tobytes()
