"""Classes of a data set are those of its first rows; a later one starts the fit again; a source read once is peeked at."""

import io

import numpy as np
import pytest

from esker import open_blocks
from esker.blocks.peeked import Peeked
from esker.linear_model import SGDClassifier
from esker.linear_model import _labels as labels_module


def rows(n=6000, classes=2, late=None):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    y = rng.integers(0, classes, n)
    X[np.arange(n), y % 4] += 3
    if late is not None:
        y[late] = classes
    return X, y


def batches(X, y, size=512):
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def text(path, X, y):
    lines = (
        f"{label} " + " ".join(f"{j}:{v!r}" for j, v in enumerate(row)) for row, label in zip(X.tolist(), y)
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_late_class_is_learned_as_if_known_from_the_first(tmp_path, monkeypatch):
    X, y = rows(classes=3, late=5900)
    path = text(tmp_path / "a.svm", X, y)
    whole = SGDClassifier(max_iter=2, tol=None, random_state=1).fit(open_blocks(path))
    monkeypatch.setattr(labels_module, "LOOK", 1000)
    guessed = SGDClassifier(max_iter=2, tol=None, random_state=1).fit(open_blocks(path))
    assert guessed.classes_.tolist() == whole.classes_.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(guessed.coef_, whole.coef_)


def test_one_class_at_first_reads_all_labels(tmp_path, monkeypatch):
    X, y = rows()
    monkeypatch.setattr(labels_module, "LOOK", 1000)
    order = np.argsort(y, kind="stable")
    path = text(tmp_path / "a.svm", X[order], y[order])
    model = SGDClassifier(max_iter=1, shuffle=False, random_state=0).fit(open_blocks(path))
    assert model.classes_.tolist() == [0, 1]


def test_an_iterator_is_learned_in_its_one_walk():
    X, y = rows()
    once = SGDClassifier(max_iter=1, random_state=0).fit(open_blocks(iter(batches(X, y))))
    again = SGDClassifier(max_iter=1, random_state=0).fit(open_blocks(iter(batches(X, y, 100))))
    np.testing.assert_array_equal(once.coef_, again.coef_)
    assert once.score(X, y) > 0.9


def test_an_iterator_with_a_late_class_says_what_to_do(monkeypatch):
    X, y = rows(9000, late=8999)
    monkeypatch.setattr("esker.linear_model._sgd_classifier.LOOK", 4096)
    source = open_blocks(iter(batches(X, y)), block_size=4096 * 16)
    with pytest.raises(ValueError, match=r"partial_fit\(classes"):
        SGDClassifier(max_iter=1).fit(source)


def test_weights_of_classes_do_not_take_the_first_rows_of_a_stream_for_all(tmp_path, monkeypatch):
    X, y = rows(40000)
    raw = text(tmp_path / "a.svm", X, y).read_bytes()
    monkeypatch.setattr("esker.linear_model._sgd_classifier.LOOK", 4096)

    def stream():
        return open_blocks(io.BytesIO(raw), format="svmlight", block_size="512KB")

    for options in {"class_weight": {0: 1, 1: 3}}, {"warm_start": True}:
        once = SGDClassifier(max_iter=1, random_state=0, **options).fit(stream())
        again = SGDClassifier(max_iter=1, random_state=0, **options).fit(open_blocks(tmp_path / "a.svm"))
        np.testing.assert_array_equal(once.coef_, again.coef_)
    with pytest.raises(ValueError, match="'balanced' needs all labels"):
        SGDClassifier(max_iter=1, class_weight="balanced").fit(stream())
    # Where the first rows are all rows, they tell.
    few = open_blocks(iter(batches(X[:3000], y[:3000])))
    SGDClassifier(max_iter=1, class_weight="balanced").fit(few)


def test_one_class_at_first_of_a_stream_is_said(monkeypatch):
    X, y = rows(9000)
    order = np.argsort(y, kind="stable")
    monkeypatch.setattr("esker.linear_model._sgd_classifier.LOOK", 1000)
    source = open_blocks(iter(batches(X[order], y[order])), block_size=4096 * 16)
    with pytest.raises(ValueError, match="do not show two classes"):
        SGDClassifier(max_iter=1).fit(source)


def test_rows_kept_from_the_look_count_as_memory():
    X, y = rows(20000)
    source = open_blocks(iter(batches(X, y)), max_memory="4MB")
    peeked = Peeked(source, 10000)
    held = sum(block.nbytes for block in peeked.first)
    assert held >= 10000 * 16
    assert not peeked.ended
    assert peeked.reading_bytes == source.reading_bytes + held


def test_classes_of_a_block_file_are_in_its_footer(tmp_path):
    from esker.blocks import write_block_file

    X, y = rows()
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(X, target=np.array(["no", "yes"])[y]), path)
    assert open_blocks(path).label_counts() == {"no": int((y == 0).sum()), "yes": int((y == 1).sum())}
    assert SGDClassifier(max_iter=1).fit(open_blocks(path)).classes_.tolist() == ["no", "yes"]
