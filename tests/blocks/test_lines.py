"""Lines of documents: labels in both syntaxes, every kind of line end, bad bytes, long lines, restarts and threads."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer as Theirs

from esker import FormatError, open_blocks
from esker.blocks.lines import LineBlocks
from esker.feature_extraction.text import HashingVectorizer


def rows_of(blocks):
    texts, labels, keys = [], [], []
    for block in blocks:
        texts += block.X.columns["text"].tolist()
        labels += [] if block.y is None else block.y.tolist()
        keys += block.keys.tolist()
    return texts, labels, keys


def lines(tmp_path, content, **options):
    path = tmp_path / "some.txt"
    path.write_bytes(content)
    return LineBlocks([path], **options)


@pytest.mark.parametrize(
    ("content", "target", "expected"),
    [
        (b"one\ntwo\n", None, (["one", "two"], [])),
        (b"one\r\n\ntwo", None, (["one", "", "two"], [])),
        (b"\xef\xbb\xbfone\n", None, (["one"], [])),
        (b"a\0b\n", None, (["a\0b"], [])),
        (b"pos\tgood film\r\n\nneg\ta\tb\n", "label", (["good film", "a\tb"], ["pos", "neg"])),
        (b"1\tx\n-2.5\t\n", "label", (["x", ""], [1.0, -2.5])),
        (b"\tx\n", "label", (["x"], [""])),
        (
            b"__label__a good\n__label__1\tx y\n__label__c\n",
            "fasttext",
            (["good", "x y", ""], ["a", "1", "c"]),
        ),
        ("ä\tβ日\n".encode(), "label", (["β日"], ["ä"])),
    ],
)
def test_lines(tmp_path, content, target, expected):
    blocks = lines(tmp_path, content, target=target)
    texts, labels, keys = rows_of(blocks)
    assert (texts, labels) == expected
    assert keys == list(range(len(texts)))
    assert blocks.n_rows == len(texts)
    assert blocks.n_targets == (0 if target is None else 1)


@pytest.mark.parametrize(
    ("content", "target", "line", "what"),
    [
        (b"fine\nb\xe4d\n", None, 2, "0xe4 in column 2"),
        (b"fine\n\xff\xfea\0", None, 2, "iconv"),
        (b"a\tb\n\nno tab\n", "label", 3, "no tab"),
        (b"1\tbbbbbb\n\n" * 10_000 + b"x\td\n", "label", 20_001, "must be a number"),
        (b"__label__a b\nplain\n", "fasttext", 2, "__label__"),
        (b"__label__a __label__b c\n", "fasttext", 1, "more than one"),
        (b"\n\n", "label", 0, "no lines"),
    ],
)
def test_bad_lines(tmp_path, content, target, line, what):
    with pytest.raises(FormatError, match=what) as error:
        rows_of(lines(tmp_path, content, target=target))
    assert error.value.line == line
    assert "some.txt" in str(error.value)


def test_a_block_begins_anywhere_and_small_chunks_change_nothing(tmp_path):
    documents = [f"{i % 3}\tdocument {i} {'word ' * (i % 50)}" for i in range(20_000)]
    content = "\n".join(documents).encode()
    whole = rows_of(lines(tmp_path, content, target="label"))
    assert whole[0] == [d.split("\t")[1] for d in documents]
    small = LineBlocks([tmp_path / "some.txt"], target="label", block_size="64KB")
    small.chunk = 5000
    assert rows_of(small) == whole
    for start in (4096, 12_288):
        assert rows_of(small.read(small.parts[0], start))[2] == whole[2][start:]
        fresh = LineBlocks(small.paths, target="label")
        assert rows_of(fresh.read(fresh.parts[0], start))[0] == whole[0][start:]
    zipped = tmp_path / "z.txt.gz"
    zipped.write_bytes(gzip.compress(content))
    assert rows_of(LineBlocks([zipped], target="label")) == whole


def test_long_line(tmp_path):
    line = b"x" * 10_000_000
    texts, _, _ = rows_of(lines(tmp_path, b"short\n" + line + b"\nend\n"))
    assert [len(t) for t in texts] == [5, 10_000_000, 3]
    with pytest.raises(FormatError, match="longer than"):
        rows_of(lines(tmp_path, line, max_memory="4MB"))


def test_open_blocks_with_features(tmp_path):
    documents = [f"document number {i} is naïve" for i in range(5000)]
    path = tmp_path / "reviews.txt"
    path.write_text("".join(f"{i % 2}\t{d}\n" for i, d in enumerate(documents)))
    blocks = open_blocks(
        path, format="lines", target="label", features=HashingVectorizer(ngram_range=(1, 2), n_features=2**12)
    )
    block = blocks.take_all()
    expected = Theirs(ngram_range=(1, 2), n_features=2**12).transform(documents)
    assert (expected != block.X).nnz == 0
    assert block.y.tolist() == [float(i % 2) for i in range(5000)]

    from esker.linear_model import SGDClassifier

    model = SGDClassifier(random_state=0).fit(blocks)
    assert model.n_features_in_ == 2**12
    assert model.score(blocks) > 0.4


def test_refused(tmp_path):
    path = tmp_path / "reviews.txt"
    path.write_text("a\tb\n")
    with pytest.raises(ValueError, match="HashingVectorizer"):
        open_blocks(path, format="lines", target="label")
    for options, what in (
        ({"target": "stars"}, "fasttext"),
        ({"weight": "w"}, "weight="),
        ({"columns": ["a"]}, "columns="),
        ({"n_features": 3}, "n_features="),
    ):
        with pytest.raises(ValueError, match=what):
            open_blocks(path, format="lines", features=HashingVectorizer(), **options)


def test_a_stream_is_read_once():
    blocks = LineBlocks([io.BytesIO(b"1\tone\n2\ttwo\n")], target="label")
    assert rows_of(blocks)[:2] == (["one", "two"], ["1", "2"])
    with pytest.raises(ValueError, match="read already"):
        rows_of(blocks)


def test_changed_file(tmp_path):
    blocks = lines(tmp_path, b"a\nb\n")
    (tmp_path / "some.txt").write_bytes(b"a\nb\nc\n")
    with pytest.raises(FormatError, match="changed"):
        rows_of(blocks)


def test_numbers_of_labels_are_checked(tmp_path):
    for label in ("nan", "inf"):
        blocks = open_blocks(
            lines(tmp_path, f"{label}\tx\n".encode()).paths[0],
            format="lines",
            target="label",
            features=HashingVectorizer(),
        )
        with pytest.raises(FormatError, match="finite"):
            blocks.take_all()
    assert np.isfinite(rows_of(lines(tmp_path, b"1e3\tx\n", target="label"))[1]).all()
