"""Models on disk: what was saved comes back to the bit; what was not saved by esker is refused, never executed."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline

import esker
from esker import FormatError
from esker.feature_extraction import FeatureHasher
from esker.feature_extraction.text import HashingVectorizer
from esker.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

rng = np.random.default_rng(0)
X = rng.standard_normal((300, 7))
LABELS = np.array(["no", "perhaps", "yes"])
TARGETS = {
    "number": X @ rng.standard_normal(7) + 0.1 * rng.standard_normal(300),
    "numbers": X @ rng.standard_normal((7, 2)) + 0.1 * rng.standard_normal((300, 2)),
    "binary": (X[:, 0] > 0).astype(int),
    "words": LABELS[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)],
    "objects": LABELS[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)].astype(object),
}

WHOLE = [(LogisticRegression(C=2.0), "binary"), (LogisticRegression(C=2.0), "words")]  # no partial_fit
FITTED = [
    (Ridge(alpha=0.5), "number"),
    (Ridge(alpha=[1.0, 2.0], fit_intercept=False), "numbers"),
    (SGDRegressor(max_iter=2, tol=None, random_state=1), "number"),
    (SGDClassifier(max_iter=2, tol=None, random_state=1), "binary"),
    (SGDClassifier(max_iter=2, tol=None, random_state=1), "words"),
    (SGDClassifier(loss="log_loss", max_iter=2, tol=None, random_state=1, penalty="l1"), "objects"),
]


def ids(value):
    return type(value).__name__ if isinstance(value, BaseEstimator) else value


def plain(value):
    """All that a value is made of, comparable with ==."""
    if hasattr(value, "to_arrays"):
        return plain(value.to_arrays())
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.dtype.kind, value.shape, value.tolist() if value.dtype.kind in "OU" else value.tobytes()
    return type(value), value


@pytest.fixture
def ridge_file(tmp_path):
    path = tmp_path / "ridge.esker"
    esker.save(Ridge(alpha=0.5).fit(X, TARGETS["number"]), path)
    return path


# --- there and back ---


@pytest.mark.parametrize(("model", "target"), [*FITTED, *WHOLE], ids=ids)
def test_what_was_saved_comes_back(model, target, tmp_path):
    model = clone(model).fit(X, TARGETS[target])
    path = tmp_path / "model.esker"
    esker.save(model, path)
    again = esker.load(path)
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert_array_equal(again.predict(X), model.predict(X))
    assert plain(vars(again)) == plain(vars(model))
    assert os.listdir(tmp_path) == ["model.esker"]


@pytest.mark.parametrize(("model", "target"), FITTED, ids=ids)
def test_learning_goes_on_with_the_same_bits(model, target, tmp_path):
    y = TARGETS[target]
    more = {"classes": np.unique(y)} if isinstance(model, SGDClassifier) else {}
    model = clone(model).partial_fit(X[:200], y[:200], **more)
    esker.save(model, tmp_path / "model.esker")
    again = esker.load(tmp_path / "model.esker")
    for each in (model, again):
        each.partial_fit(X[200:], y[200:])
    assert_array_equal(again.coef_, model.coef_)
    assert_array_equal(again.intercept_, model.intercept_)


def test_an_unfitted_model_keeps_its_parameters(tmp_path):
    esker.save(Ridge(alpha=float("inf"), fit_intercept=False), tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert again.alpha == float("inf")
    assert again.fit_intercept is False
    assert not hasattr(again, "coef_")


def test_column_names_come_back(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"größe {i}" for i in range(7)])
    model = Ridge().fit(frame, TARGETS["number"])
    esker.save(model, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert list(again.feature_names_in_) == list(frame.columns)
    assert again.feature_names_in_.dtype == object
    assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={"größe 0": "other"}))


def test_equal_models_are_equal_files(tmp_path):
    for name in "ab":
        esker.save(Ridge().fit(X, TARGETS["number"]), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_numpy_opens_the_arrays(ridge_file):
    with np.load(ridge_file, allow_pickle=False) as arrays:
        assert_array_equal(arrays["coef_"], esker.load(ridge_file).coef_)


def test_another_process_reads_it(ridge_file):
    code = f"import esker; print(esker.load({str(ridge_file)!r}).coef_.tolist())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == esker.load(ridge_file).coef_.tolist()


# --- refused when saving ---


def test_other_classes_are_refused_by_name(tmp_path):
    class Ours(Ridge):
        pass

    for model in (Ours(), make_pipeline(BaseEstimator()), object()):
        with pytest.raises(ValueError, match=type(model).__name__):
            esker.save(model, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_what_is_not_plain_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"random_state=RandomState cannot be saved.*an int"):
        esker.save(SGDRegressor(random_state=np.random.RandomState(0)), tmp_path / "m")
    model = Ridge().fit(X, TARGETS["number"])
    model.note_ = np.array([1, "mixed", None], dtype=object)
    with pytest.raises(ValueError, match="note_, an array of object"):
        esker.save(model, tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_earlier_file(ridge_file):
    before = ridge_file.read_bytes()
    with pytest.raises(ValueError, match="alpha=object"):
        esker.save(Ridge(alpha=object()), ridge_file)
    assert ridge_file.read_bytes() == before


def test_no_space_leaves_the_earlier_file(ridge_file):
    resource = pytest.importorskip("resource")
    before = ridge_file.read_bytes()
    wide = Ridge().fit(np.eye(4000)[:5], np.arange(5.0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="nothing was written"):
            esker.save(wide, ridge_file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ridge_file.read_bytes() == before
    assert os.listdir(ridge_file.parent) == [ridge_file.name]


# --- refused when loading ---


def rewritten(path: Path, **change) -> Path:
    """The file with its metadata (a dict's keys), or parts (bytes by file name), changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(parts["esker.json"])
    for name, value in change.items():
        if isinstance(value, bytes):
            parts[name] = value
        elif callable(value):
            meta[name] = value(meta[name])
        else:
            meta[name] = value
    if "esker.json" not in change:
        parts["esker.json"] = json.dumps(meta).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def npy(array, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def test_rewriting_changes_nothing_by_itself(ridge_file):
    before = esker.load(ridge_file)
    assert_array_equal(esker.load(rewritten(ridge_file)).coef_, before.coef_)


class Bomb:
    """Pickled, it makes a file when it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other model"}, "does not say 'esker model'"),
        ({"version": 2}, "format version 2, and this esker reads version 1"),
        ({"version": None}, "format version None"),
        ({"class": "GridSearchCV"}, "class 'GridSearchCV' is none of"),
        ({"class": ["Ridge"]}, "is none of"),
        ({"params": lambda p: p | {"surprise": 1}}, "no parameter 'surprise'"),
        ({"params": lambda p: p | {"alpha": {"eval": "1"}}}, "unknown kind 'eval'"),
        ({"params": None}, "no 'params'"),
        ({"attributes": lambda a: a | {"predict": 1}}, "'predict' is no attribute"),
        ({"attributes": lambda a: a | {"__class__": 1}}, "'__class__' is no attribute"),
        ({"attributes": lambda a: a | {"n_features_in_": 8}}, "coef_ has 7 columns and n_features_in_ is 8"),
        ({"attributes": lambda a: a | {"coef_": {"array": "lost"}}}, "lost its array 'lost'"),
        ({"attributes": lambda a: a | {"coef_": {"state": "Other", "arrays": {}}}}, "unknown kind 'Other'"),
        ({"attributes": lambda a: a | {"coef_": {"state": "Gram", "arrays": {}}}}, "do not fit together"),
        ({"attributes": lambda a: a | {"coef_": [1, 2]}}, "coef_ is not an array"),
        ({"attributes": lambda a: a | {"intercept_": {"strings": ["x"], "as": "str"}}}, "intercept_ has"),
        ({"attributes": lambda a: a | {"feature_names_in_": {"strings": ["x"], "as": "object"}}}, "feature_names_in_"),
        ({"coef_.npy": npy(np.zeros((3, 3, 7)))}, "one or two dimensions"),
        ({"coef_.npy": npy(np.array([Bomb()], dtype=object), allow_pickle=True)}, "no .npy of numbers"),
        ({"coef_.npy": npy(np.zeros(7))[:-8]}, "declares"),
        ({"coef_.npy": npy(np.zeros(7)).replace(b"(7,)", b"(9**9,)")}, "no .npy"),
        ({"coef_.npy": npy(np.zeros(7)).replace(b"(7,), }        ", b"(700000000000,), }"[:17])}, r"declares|no \.npy"),
        ({"coef_.npy": b"\x93NUMPY"}, "no .npy"),
        ({"coef_.npy": b""}, "no .npy"),
        ({"extra.npy": npy(np.zeros(2))}, "'extra' belongs to nothing"),
        ({"code.py": b"raise SystemExit"}, "unknown part 'code.py'"),
        ({"esker.json": b"[" * 100_000}, "not JSON"),
        ({"esker.json": b"\xff\xfe"}, "not JSON"),
        ({"esker.json": b"[]"}, "does not say"),
    ],
)  # fmt: skip
def test_what_esker_never_writes_is_refused(change, says, ridge_file, monkeypatch):
    monkeypatch.chdir(ridge_file.parent)
    with pytest.raises(FormatError, match=says) as caught:
        esker.load(rewritten(ridge_file, **change))
    assert caught.value.file == str(ridge_file)
    assert os.listdir() == [ridge_file.name]


def test_a_zip_bomb_is_refused_unread(ridge_file):
    with zipfile.ZipFile(ridge_file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.npy", bytes(10**7))
    with pytest.raises(FormatError, match=r"'more.npy' is compressed"):
        esker.load(ridge_file)


def test_overlapping_parts_are_refused(ridge_file):
    """Many names for the same bytes: more is declared than the file holds."""
    with zipfile.ZipFile(ridge_file, "a") as archive:
        archive.writestr("big.npy", bytes(5000))
        big = archive.getinfo("big.npy")
        for i in range(3):
            twin = zipfile.ZipInfo(f"twin{i}.npy")
            for name in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(twin, name, getattr(big, name))
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    with pytest.raises(FormatError, match="declare more bytes"):
        esker.load(ridge_file)


def test_every_flipped_bit_and_cut_is_noticed_or_harmless(ridge_file):
    """A damaged file is refused, or (a flag that a reader passes over) gives the same model; it never gives another."""
    whole = ridge_file.read_bytes()
    right = plain(vars(esker.load(ridge_file)))
    refused = 0
    step = max(1, len(whole) // 400)
    for at in range(0, len(whole), step):
        ridge_file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            assert plain(vars(esker.load(ridge_file))) == right
        except FormatError:
            refused += 1
    assert refused > 0.7 * len(whole) / step
    for length in range(0, len(whole), 211):
        ridge_file.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            esker.load(ridge_file)


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError):
        esker.load(tmp_path / "none")
    for data in (b"", b"1 1:2\n", pickle.dumps(Bomb())):
        (tmp_path / "f").write_bytes(data)
        with pytest.raises(FormatError, match="not a whole esker model"):
            esker.load(tmp_path / "f")
    np.savez(tmp_path / "f.npz", coef_=X)
    with pytest.raises(FormatError, match=r"first part is not 'esker.json'"):
        esker.load(tmp_path / "f.npz")


def steps() -> dict[str, Any]:
    """Steps before an estimator, fitted where they learn."""
    from esker.feature_extraction import TableHasher
    from esker.impute import SimpleImputer
    from esker.preprocessing import MaxAbsScaler, StandardScaler

    X = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 8.0]])
    return {
        "hasher": TableHasher(numeric=["a"], categorical=["b"], crosses=[("a", "b")], dtype=np.float64),
        "scaler": StandardScaler().fit(X),
        "no std": StandardScaler(with_std=False).fit(X),
        "max": MaxAbsScaler().fit(X),
        "mean": SimpleImputer().fit(X),
        "constant": SimpleImputer(strategy="constant", fill_value=3).fit(X),
        "indicator": SimpleImputer(add_indicator=True).fit(X),
    }


@pytest.mark.parametrize("name", sorted(steps()))
def test_steps_are_kept(name: str, tmp_path: Path) -> None:
    step = steps()[name]
    esker.save(step, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert repr(again) == repr(step)
    X: Any = np.array([[np.nan, 2.0], [3.0, 4.0]])
    if name == "hasher":
        X = {"a": [1.0, 2.0], "b": ["x", None]}
        assert (again.transform(X) != step.transform(X)).nnz == 0
    else:
        np.testing.assert_array_equal(again.transform(X), step.transform(X))


@pytest.mark.parametrize(
    "step",
    [
        HashingVectorizer(ngram_range=(1, 2), n_features=1000, dtype=np.float32, stop_words=["the", "a"]),
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 3), norm=None, token_pattern=None),
        FeatureHasher(input_type="string", n_features=50, alternate_sign=False),
    ],
    ids=repr,
)
def test_hashers_are_kept(step: Any, tmp_path: Path) -> None:
    esker.save(step, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert type(again) is type(step)
    assert again.get_params() == step.get_params()
    texts = ["the first text", "a second"]
    X: Any = texts if isinstance(step, HashingVectorizer) else [text.split() for text in texts]
    assert again.transform(X).dtype == step.dtype
    assert (again.transform(X) != step.transform(X)).nnz == 0


@pytest.mark.parametrize("parameter", ["tokenizer", "preprocessor", "analyzer", "strip_accents"])
def test_python_code_is_not_saved(parameter: str, tmp_path: Path) -> None:
    step = HashingVectorizer(**{parameter: str.split})
    with pytest.raises(
        ValueError, match=rf"{parameter}=split cannot be saved in this HashingVectorizer: .*code"
    ):
        esker.save(step, tmp_path / "m")
    with pytest.raises(
        ValueError, match=rf"steps.*{parameter}=split cannot be saved in this Pipeline: .*code"
    ):
        esker.save(make_pipeline(step, "passthrough"), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_pipelines_are_kept(tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler as Foreign

    from esker.impute import SimpleImputer
    from esker.linear_model import Ridge
    from esker.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    model = make_pipeline(SimpleImputer(), "passthrough", StandardScaler(), Ridge()).fit(X, y)
    esker.save(model, tmp_path / "m")
    again = esker.load(tmp_path / "m")
    assert [name for name, _ in again.steps] == [name for name, _ in model.steps]
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="cannot be saved in this Pipeline"):
        esker.save(make_pipeline(Foreign(), Ridge()), tmp_path / "n")


def test_steps_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    scaler = steps()["scaler"]
    scaler.mean_ = np.zeros(5)
    esker.save(scaler, tmp_path / "m")
    with pytest.raises(esker.FormatError, match=r"mean_ has shape \(5,\) for 2 columns"):
        esker.load(tmp_path / "m")
