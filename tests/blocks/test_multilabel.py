"""svmlight rows of several labels. scikit-learn's reader and MultiLabelBinarizer have the answers."""

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file
from sklearn.preprocessing import MultiLabelBinarizer

from esker._errors import FormatError
from esker.blocks import open_blocks
from esker.linear_model import Ridge, SGDClassifier

ODD = "# several\n3,1 0:0.5 2:1\n\n 2:4 7:1\r\n-2,+3,3 qid:4 1:2 # end\n7\nqid:2 1:5\n0:1:\n"
ODD = ODD.replace("0:1:\n", "12 0:1")  # the last line does not end


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(n):
        labels = ",".join(map(str, rng.choice([2, 3, 5, 11], rng.integers(0, 4), replace=False)))
        columns = np.sort(rng.choice(30, 5, replace=False))
        entries = " ".join(f"{j}:{v:.3f}" for j, v in zip(columns, rng.normal(size=5)))
        lines.append(f"{labels} {entries}" if labels else entries)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("text", [ODD, rows(9000)], ids=["odd", "many"])
def test_as_scikit_learn(tmp_path, text):
    path = tmp_path / "m.svm"
    path.write_bytes(text.encode())
    X, labels = load_svmlight_file(str(path), multilabel=True, zero_based=True)
    binarizer = MultiLabelBinarizer().fit([[int(v) for v in row] for row in labels])
    expected = binarizer.transform([[int(v) for v in row] for row in labels])
    blocks = open_blocks(path, target="multilabel", block_size=100_000)
    assert blocks.label_names.tolist() == binarizer.classes_.tolist()
    assert blocks.n_targets == len(binarizer.classes_)
    got = list(blocks)
    np.testing.assert_array_equal(np.concatenate([b.y for b in got]), expected)
    np.testing.assert_array_equal(np.concatenate([b.X.toarray() for b in got]), X.toarray())
    np.testing.assert_array_equal(np.concatenate(list(blocks.labels())), expected)
    whole = open_blocks(path, target="multilabel").take_all()
    np.testing.assert_array_equal(whole.y, expected)
    np.testing.assert_array_equal(whole.X.toarray(), X.toarray())


def test_learners(tmp_path):
    path = tmp_path / "m.svm"
    path.write_text(rows(3000))
    blocks = open_blocks(path, target="multilabel", cache=tmp_path / "c.esk")
    streamed = Ridge(alpha=2.0).fit(blocks)
    assert blocks.label_names.tolist() == [2, 3, 5, 11]
    block = open_blocks(path, target="multilabel").take_all()
    assert streamed.coef_.shape == (4, 30)
    np.testing.assert_allclose(streamed.coef_, Ridge(alpha=2.0).fit(block.X, block.y).coef_, rtol=1e-8)
    np.testing.assert_allclose(Ridge(alpha=2.0).fit(blocks).coef_, streamed.coef_, rtol=1e-12)  # the cache
    with pytest.raises(ValueError, match=r"learns one target, and .* has 4"):
        SGDClassifier().fit(open_blocks(path, target="multilabel"))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("1,2 0:1\n1,b 0:1\n", 2, 1),
        ("1, 0:1\n", 1, 1),
        (" 1.5 0:1\n", 1, 2),
        (",1 0:1\n", 1, 1),
        ("99999999999999999999 0:1\n", 1, 1),
    ],
)
def test_labels_must_be_integers(tmp_path, text, line, column):
    path = tmp_path / "m.svm"
    path.write_text(text)
    with pytest.raises(FormatError, match="labels that are integers") as error:
        open_blocks(path, target="multilabel")
    assert (error.value.line, error.value.column) == (line, column)


def test_ways_out(tmp_path):
    path = tmp_path / "m.svm"
    path.write_text("1,2 0:1\n")
    with pytest.raises(FormatError, match='target="multilabel"'):
        list(open_blocks(path))
    with open(path, "rb") as file, pytest.raises(ValueError, match="can be read once"):
        open_blocks(file, format="svmlight", target="multilabel")
    path.write_text("1:1\n0:2\n")
    with pytest.raises(FormatError, match="no row has a label"):
        open_blocks(path, target="multilabel")
