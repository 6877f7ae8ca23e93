"""Vowpal Wabbit text: numbers of features as VW has them, by answers written down and by VW itself, and every error with its place."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esker import FormatError, open_blocks
from esker._native import core
from esker.blocks import UNIT, text_blocks


def parsed(text: bytes, bits: int = 18):
    """[(label or None, weight, {column: value})] of a text."""
    room = len(text) + 2
    arrays = {"y": np.empty(room), "weight": np.empty(room), "data": np.empty(room, np.float32)}
    arrays |= {"indices": np.empty(room, np.int32), "indptr": np.empty(room, np.int32)}
    rows, _, _, _, _, labels = core.append_vw(text, 0, len(text), **arrays, rows=0, entries=0, bits=bits)
    found = []
    for i in range(rows):
        begin, end = arrays["indptr"][i : i + 2]
        columns = arrays["indices"][begin:end].tolist()
        assert columns == sorted(set(columns))
        values = dict(zip(columns, arrays["data"][begin:end].tolist()))
        found.append((arrays["y"][i] if labels else None, arrays["weight"][i], values))
    return found


# As vowpalwabbit 9.11 numbers them with -b 18.
KNOWN = [
    ("1 |f a:2 b 17", 1, 1, {14355: 2, 146788: 1, 34892: 1}),
    ("-1 2.5 'tag|f:0.5 a:1 b:0 |g x", -1, 2.5, {14355: 0.5, 123625: 1}),
    ("| a 5", None, 1, {92594: 1, 5: 1}),
    ("1 2 tag| a", 1, 2, {92594: 1}),
    ("|12 a 5", None, 1, {203536: 1, 17: 1}),
    ("1 |f a:str b:1e3 c:+5", 1, 1, {111409: 1, 146788: 1000, 253856: 5}),
    ("1|f a", None, 1, {14355: 1}),
    ("1 1 0 |f a a a:2", 1, 1, {14355: 4}),
    ("1 |f\ta:2\tb", 1, 1, {14355: 2, 146788: 1}),
    ("1 |  a  b ", 1, 1, {92594: 1, 163331: 1}),
    ("1 | |f a", 1, 1, {14355: 1}),
    ("1 |f 18446744073709551616 4294967297", 1, 1, {34875: 1, 34876: 1}),
    ("1 |f :3 :4", 1, 1, {728008763 % 2**18: 3, 728008764 % 2**18: 4}),
    ("0.5 'it's |f", 0.5, 1, {}),
]


@pytest.mark.parametrize(("line", "label", "weight", "features"), KNOWN)
def test_known_answers(line, label, weight, features):
    for ending in ("", "\n", "\r\n"):
        assert parsed((line + ending).encode()) == [(label, weight, features)]


def test_bytes_that_are_not_utf8_are_names_and_tags():
    assert parsed(b"1 '\xff\xfe|f \xe9t\xe9:2 b") == parsed(b"1 |f b \xe9t\xe9:2")
    assert len(parsed(b"1 '\xff\xfe|f \xe9t\xe9:2 b")[0][2]) == 2


@pytest.fixture(scope="module")
def vw():
    """VW's own features of a line."""
    module = pytest.importorskip("vowpalwabbit")
    workspace = module.Workspace("--quiet --noconstant -b 20")

    def features(line):
        example = workspace.example(line)
        found = {}
        for n in range(example.num_namespaces()):
            space = module.pyvw.NamespaceId(example, n)
            for i in range(example.num_features_in(space)):
                column = example.feature(space, i) % 2**20
                found[column] = found.get(column, 0.0) + example.feature_weight(space, i)
        label, weight = example.get_simplelabel_label(), example.get_simplelabel_weight()
        workspace.finish_example(example)
        return (None if label > 1e38 else label), weight, found

    return features


names = st.text(st.sampled_from("abcxyz0123456789_-.\u00e9\u4e2d"), min_size=1, max_size=9)
numbers = st.sampled_from(["", ":2", ":-0.5", ":1e-3", ":0", ":.25", ":+7", ":00012.500", ":word"])
features = st.lists(st.tuples(names, numbers).map("".join), max_size=8).map(" ".join)
spaces = st.tuples(st.one_of(st.just(""), names), st.sampled_from(["", ":3", ":0.1"]), features).map(
    lambda t: f"|{t[0]}{t[1] if t[0] else ''} {t[2]}"
)
heads = st.sampled_from(["", "1 ", "-1 2 ", "0.5 ", "3 0.25 0 ", "1 'tag", "tag", "1 2 tag"])
lines = st.tuples(heads, st.lists(spaces, min_size=1, max_size=4).map(" ".join)).map("".join)


@settings(max_examples=150, deadline=None)
@given(lines)
def test_the_same_as_vw(vw, line):
    label, weight, expected = vw(line)
    ((y, w, got),) = parsed(line.encode(), bits=20)
    assert (y, w) == (label, weight)
    assert got.keys() == expected.keys()
    assert list(got.values()) == pytest.approx([expected[c] for c in got], rel=1e-6)


ERRORS = [
    ("1 |a b\n1 a b\n", 2, 1, r"expected '\|' before the features"),
    ("1 |a b\n|a b\n", 2, 1, "expected a label, as in the rows before, got none"),
    ("|a b\n1 |a b\n", 2, 1, "expected no label, as in the rows before, got '1'"),
    ("1:2:0.5 |a b", 1, 1, "contextual bandit"),
    ("shared |a b", 1, 1, "not supported"),
    ("x |a b", 1, 1, "a finite number as the label, got 'x'"),
    ("nan |a b", 1, 1, "a finite number as the label"),
    ("1 x |a b", 1, 3, "as the importance"),
    ("1 -2 |a b", 1, 3, "importance of at least 0"),
    ("1 1 0.5 |a b", 1, 5, "base other than 0"),
    ("1 2 0 4 |a b", 1, 7, "at most before the tag"),
    ("1 'tag 3 |a b", 1, 3, "expected the tag last"),
    ("1\t|a b", 1, 2, "got a tab"),
    ("1 |a b:nan", 1, 8, "as the value, got 'nan'"),
    ("1 |a b:1e999", 1, 8, "as the value, got '1e999'"),
    ("1 |a b:1e39", 1, 6, "float32 can hold"),
    ("1 |a b:0x10", 1, 8, "as the value, got '0x10'"),
    ("1 |a b:1,5", 1, 8, "as the value, got '1,5'"),
    ("1 |a b:1:2", 1, 8, "as the value, got '1:2'"),
    ("1 |a b: c", 1, 8, "as the value, got ''"),
    ("1 |a b:c|d e", 1, 8, "a text without"),
    ("1 |a:x b", 1, 6, "as the namespace's weight, got 'x'"),
    ("1 |:2 b", 1, 4, "expected a namespace or a blank"),
    ("1 |a b\0c", 1, 7, "zero byte"),
    ("1 |a b\r1 |a c\r", 1, 7, "carriage return inside"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), ERRORS)
def test_errors_name_their_place(tmp_path, text, line, column, message):
    with pytest.raises(FormatError, match=message) as caught:
        parsed(text.encode())
    assert (caught.value.line, caught.value.column) == (line, column)
    path = tmp_path / "bad.vw"
    path.write_bytes(b"\n" + text.encode())
    with pytest.raises(FormatError, match=message) as caught:
        list(open_blocks(path))
    assert str(caught.value).startswith(f"{path}:{line + 1}:{column}: ")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(list(b"01 \t|:'.-+eanf\r\n\0\xff")), max_size=60).map(bytes))
def test_any_bytes_parse_or_raise(noise):
    try:
        rows = parsed(b"1 |a b\n" + noise)
    except FormatError as error:
        line = error.line
    else:
        line = 1
        assert all(np.isfinite(list(values.values())).all() for _, _, values in rows)
    assert 1 <= line <= noise.count(b"\n") + 2


# --- files ---


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(3)
    rows = [
        f"{i % 3 - 1}{' 2' if i % 5 == 0 else ''} |f a:{i} w{rng.integers(1000)} |g {i % 17} x:{rng.random():.4f}\n"
        for i in range(2 * UNIT + 77)
    ]
    rows[3::50] = [row + "\n \r\n" for row in rows[3::50]]
    path = tmp_path / "rows.vw"
    path.write_text("".join(rows))
    return path


def whole(blocks):
    found = list(blocks)
    assert np.array_equal(np.concatenate([b.keys for b in found]), np.arange(sum(map(len, found))))
    weight = np.concatenate([np.ones(len(b)) if b.sample_weight is None else b.sample_weight for b in found])
    x = [np.concatenate([getattr(b.X, name) for b in found]) for name in ("data", "indices")]
    return np.concatenate([b.y for b in found]), weight, *x


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("chunk", [1 << 12, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_same_rows_in_any_cut_by_any_threads(file, monkeypatch, n_threads, chunk, packed):
    expected = whole(open_blocks(file))
    assert set(expected[0]) == {-1, 0, 1}
    assert expected[1].sum() == 2 * UNIT + 77 + len(range(0, 2 * UNIT + 77, 5))
    monkeypatch.setattr(text_blocks, "CHUNK", chunk)
    if packed:
        data = file.read_bytes()
        file = file.with_name("packed.vw.gz")
        file.write_bytes(gzip.compress(data))
    blocks = open_blocks(file, block_size="200kB")
    blocks.n_threads = n_threads
    assert all(np.array_equal(a, b) for a, b in zip(expected, whole(blocks)))
    assert (blocks.n_rows, blocks.n_columns, blocks.n_targets) == (2 * UNIT + 77, 1 << 18, 1)
    (late,) = blocks.read(blocks.parts[0], 2 * UNIT)
    assert np.array_equal(late.y, expected[0][2 * UNIT :])


def test_without_labels_there_is_no_target(tmp_path):
    path = tmp_path / "a.vw"
    path.write_text("|a b\n'x |a c\n")
    blocks = open_blocks(path)
    assert blocks.n_targets == 0
    (block,) = blocks
    assert block.y is None
    assert len(block) == 2


def test_only_blank_lines(tmp_path):
    path = tmp_path / "a.vw"
    path.write_text("\n \n")
    with pytest.raises(FormatError, match="no rows"):
        open_blocks(path)


def test_width_and_dtype(tmp_path):
    path = tmp_path / "a.vw"
    path.write_text("1 |a b 5:0.1\n")
    (block,) = open_blocks(path, n_features=16, dtype="float64")
    assert block.X.shape == (1, 16)
    assert block.X.dtype == np.float64
    assert block.sample_weight is None
    (block,) = open_blocks(path)
    assert (block.X.dtype, block.X.shape[1]) == (np.float32, 1 << 18)


@pytest.mark.parametrize(
    "options",
    [
        {"target": "y"},
        {"weight": 0},
        {"columns": [1]},
        {"zero_based": True},
        {"n_features": 1000},
        {"dtype": "int32"},
    ],
)
def test_options_without_effect_are_refused(tmp_path, options):
    path = tmp_path / "a.vw"
    path.write_text("1 |a b\n")
    with pytest.raises(ValueError, match=next(iter(options))):
        open_blocks(path, **options)


def test_a_line_of_ten_megabytes(tmp_path):
    path = tmp_path / "a.vw"
    path.write_text("1 |a " + " ".join(f"{j}:1" for j in range(1_200_000)) + "\n1 |b c\n")
    assert path.stat().st_size > 10_000_000
    assert [len(b) for b in open_blocks(path, n_features=2**21)] == [2]
