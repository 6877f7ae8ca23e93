"""The command line: every command on every kind of file, and every bad input: one line, its exit code, nothing written."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

import esker
from esker.cli import main

N, D = 600, 5
rng = np.random.default_rng(3)
X = rng.standard_normal((N, D)).round(3)
Y = (X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 4.0 + 0.01 * rng.standard_normal(N)).round(4)
WORDS = np.where(Y > 6, "high", np.where(Y < 2, "low", "middle"))
NAMES = [f"x{i}" for i in range(D)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of data files, and the current one."""
    monkeypatch.chdir(tmp_path)
    np.save("all.npy", np.column_stack([X, Y]))
    np.save("x.npy", X)
    with open("all.csv", "w") as f:
        f.write(",".join([*NAMES, "price", "level"]) + "\n")
        f.writelines(",".join(map(str, [*x, y, w])) + "\n" for x, y, w in zip(X, Y, WORDS))
    sparse_x = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0.0))
    dump_svmlight_file(sparse_x, (Y > 4).astype(int), "class.svm", zero_based=False)
    dump_svmlight_file(sparse_x, Y, "number.svm", zero_based=False)
    return tmp_path


def run(*words):
    """An exit code, having checked that no half-written file stays behind."""
    before = set(os.listdir())
    code = main([str(word) for word in words])
    new = set(os.listdir()) - before
    assert not [name for name in new if "tmp" in name]
    if code != 0:
        assert not new
    return code


def error(capsys) -> str:
    """The one line on standard error."""
    _, err = capsys.readouterr()
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if not line.startswith("task: ")]
    assert len(lines) == 1
    assert lines[0].startswith("esker: error: ")
    return lines[0]


def table(path):
    with open(path, newline="") as f:
        return list(csv.reader(f))


# --- the program itself ---


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom esker.cli import main\ncode = main(['--help'])\n"
        "heavy = {'numpy', 'scipy', 'sklearn', 'esker._core'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "info" in done.stdout


def test_python_runs_the_package():
    done = subprocess.run(
        [sys.executable, "-m", "esker", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"esker {esker.__version__}\n"


def test_version_and_config(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"esker {esker.__version__}\n"
    assert main(["config"]) == 0
    assert "blas" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["learn"], ["fit"], ["fit", "a", "--model", "forest", "-o", "m"], ["info"]]
)
def test_wrong_usage(words, capsys):
    assert main(words) == 2
    assert "usage: esker" in capsys.readouterr().err


def test_the_installed_program():
    program = os.path.join(os.path.dirname(sys.executable), "esker")
    if not os.path.exists(program):
        pytest.skip("the program is not installed beside this Python")
    done = subprocess.run([program, "info", "nowhere.svm"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "esker: error: nowhere.svm: no such file\n"


# --- info and convert ---


def test_info(folder, capsys):
    assert run("info", "all.npy", "--target", D) == 0
    text = capsys.readouterr().out
    assert "600" in text
    assert run("info", "class.svm", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"] == N
    assert facts["columns"] == D + 1  # counted from 1: numbers are kept as written, column 0 is empty


@pytest.mark.parametrize(
    ("file", "options"),
    [("all.npy", ["--target", str(D)]), ("all.csv", ["--target", "price", "--columns", "x0,x1,x2,x3,x4"]), ("class.svm", [])],
)  # fmt: skip
def test_convert_and_fit_the_block_file(file, options, folder, capsys):
    assert run("convert", file, "out.esk", *options, "--dtype", "float64") == 0
    assert "600 rows" in capsys.readouterr().out
    for source, more in ((file, options), ("out.esk", [])):
        assert run("fit", source, *more, "--model", "ridge", "-o", f"{source}.model") == 0
    first, second = esker.load(f"{file}.model"), esker.load("out.esk.model")
    assert_allclose(second.coef_, first.coef_, rtol=1e-9, atol=1e-12)


def test_convert_stores_half_precision(folder):
    assert run("convert", "number.svm", "full.esk") == 0
    assert run("convert", "number.svm", "half.esk", "--store", "float16") == 0
    full, half = (esker.open_blocks(name).take_all().X for name in ("full.esk", "half.esk"))
    assert half.dtype == np.float32
    assert_array_equal(half.data, full.data.astype(np.float16).astype(np.float32))
    assert os.path.getsize("half.esk") < os.path.getsize("full.esk")


def test_convert_refuses_to_write_over_its_source(folder, capsys):
    before = (folder / "class.svm").read_bytes()
    assert run("convert", "class.svm", "class.svm") == 2
    assert "another file" in error(capsys)
    assert (folder / "class.svm").read_bytes() == before


# --- fit and predict ---


def test_ridge_there_and_back(folder, capsys):
    assert run("fit", "all.npy", "--target", D, "--model", "ridge", "--alpha", "1e-3", "-o", "m") == 0
    assert f"{N:,} rows" in capsys.readouterr().out
    model = esker.load("m")
    assert_allclose(model.coef_, [1.0, -2.0, 0.5, 0.0, 3.0], atol=0.01)
    for file in ("x.npy", "all.npy"):  # without and with the column of the label
        assert run("predict", "m", file, "-o", "p.csv") == 0
        head, *rows = table("p.csv")
        assert head == ["prediction"]
        assert_array_equal(np.array(rows, dtype=float).ravel(), model.predict(X))
    assert capsys.readouterr().out.count("600 predictions") == 2


def test_predictions_to_standard_output(folder, capfdbinary):
    assert run("fit", "all.npy", "--target", D, "--model", "ridge", "-o", "m") == 0
    capfdbinary.readouterr()
    assert run("predict", "m", "x.npy", "-o", "-") == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == N + 1


def test_several_targets_by_name(folder, capsys):
    assert run("fit", "all.csv", "--target", "price", "--target", "x0", "--columns", "x1,x2,x3,x4",
               "--model", "ridge", "-o", "m") == 0  # fmt: skip
    assert run("predict", "m", "all.csv", "-o", "p.csv") == 0
    assert table("p.csv")[0] == ["prediction_price", "prediction_x0"]


def test_words_as_classes_with_probabilities(folder, capsys):
    assert run("fit", "all.csv", "--target", "level", "--columns", ",".join(NAMES), "--model", "sgd",
               "--epochs", 5, "--seed", 1, "--holdout", "20%", "-o", "m") == 0  # fmt: skip
    out, err = capsys.readouterr()
    assert "task: classification" in err
    assert "error rate" in out
    assert "log loss" in out
    assert run("predict", "m", "all.csv", "-o", "p.csv") == 0
    head, *rows = table("p.csv")
    assert head == ["prediction", "probability_high", "probability_low", "probability_middle"]
    assert [row[0] for row in rows] == list(
        esker.load("m").predict(esker.open_blocks("all.csv", columns=NAMES))
    )
    assert_allclose(np.array([row[1:] for row in rows], dtype=float).sum(axis=1), 1.0, rtol=1e-6)


def test_the_task_follows_the_labels_unless_told(folder, capsys):
    for file, more, kind in [
        ("class.svm", [], "SGDClassifier"),
        ("number.svm", [], "SGDRegressor"),
        ("class.svm", ["--task", "regression"], "SGDRegressor"),
        ("class.svm", ["--loss", "squared_error"], "SGDRegressor"),
        ("class.svm", ["--loss", "modified_huber"], "SGDClassifier"),
        ("class.svm", ["--loss", "huber", "--epsilon", "0.5"], "SGDRegressor"),
        ("class.svm", ["--loss", "quantile", "--quantile", "0.9"], "SGDRegressor"),
        (
            "class.svm",
            ["--learning-rate", "invscaling", "--eta0", "0.1", "--power-t", "0.5"],
            "SGDClassifier",
        ),
        ("class.svm", ["--learning-rate", "coin", "--penalty", "none"], "SGDClassifier"),
        ("class.svm", ["--loss", "hinge"], "SGDClassifier"),
    ]:
        assert run("fit", file, "--model", "sgd", "--epochs", 1, "-o", "m", *more) == 0
        assert type(esker.load("m")).__name__ == kind
    head = table("p.csv") if run("predict", "m", "class.svm", "-o", "p.csv") == 0 else []
    assert head[0] == ["prediction"]  # hinge has no probabilities


def test_held_out_rows_are_not_learned_from(folder, capsys):
    """Rows held out may hold anything: the coefficients are those of the others, and they alone are tested."""
    args = ["--target", D, "--model", "ridge", "--alpha", "1e-6", "--holdout", "25%", "--seed", 5]
    assert run("fit", "all.npy", *args, "-o", "m1") == 0
    out = capsys.readouterr().out
    from esker._native import core

    held = core.holdout_mask(5 | 1 << 32, np.arange(N), 0.25)
    assert f"({held.sum()} rows" in out
    assert 0.15 * N < held.sum() < 0.35 * N
    data = np.load("all.npy")
    data[held, -1] += 1000.0
    np.save("all.npy", data)
    assert run("fit", "all.npy", *args, "-o", "m2") == 0
    first, second = esker.load("m1"), esker.load("m2")
    assert_array_equal(first.coef_, second.coef_)
    rmse = float(capsys.readouterr().out.split("RMSE ")[1].split(",")[0])
    assert_allclose(rmse, np.sqrt(np.mean((data[held, -1] - second.predict(X[held])) ** 2)), rtol=1e-5)


def test_errors_on_a_test_file(folder, capsys):
    assert run("fit", "all.npy", "--target", D, "--model", "ridge", "--test", "all.npy", "-o", "m") == 0
    out = capsys.readouterr().out
    model = esker.load("m")
    assert_allclose(float(out.split("R² ")[1].split(" ")[0]), model.score(X, Y), rtol=1e-5)
    assert run("fit", "class.svm", "--model", "sgd", "--epochs", 3, "--test", "class.svm", "-o", "m") == 0
    rate = float(capsys.readouterr().out.split("error rate ")[1].split(",")[0])
    assert_allclose(rate, 1 - esker.load("m").score(esker.open_blocks("class.svm")), atol=1e-6)


def test_the_same_seed_the_same_model(folder, capsys):
    for name in ("a", "b"):
        assert run("fit", "class.svm", "--model", "sgd", "--seed", 7, "--epochs", 2, "-o", name) == 0
    assert_array_equal(esker.load("a").coef_, esker.load("b").coef_)


# --- columns: never a silent shift ---


def test_column_numbers_are_those_of_the_fit(folder, capsys):
    """A test file that lacks the first column is not taken for one whose columns count from 0 or 2."""
    assert run("fit", "number.svm", "--model", "ridge", "--alpha", "1e-6", "-o", "m") == 0
    model = esker.load("m")
    lines = (folder / "number.svm").read_text().splitlines()
    without = [" ".join(w for w in line.split() if not w.startswith("1:")) for line in lines]
    (folder / "test.svm").write_text("\n".join(without) + "\n")
    assert run("predict", "m", "test.svm", "-o", "p.csv") == 0
    Z = np.column_stack([np.zeros(N), np.where(np.abs(X) > 0.5, X, 0.0)])  # as written: counted from 1
    Z[:, 1] = 0.0
    assert_allclose(np.array(table("p.csv")[1:], dtype=float).ravel(), model.predict(Z), rtol=1e-12)


def test_the_numbering_of_columns_passes_through_a_block_file(folder, capsys):
    """Fitted on a block file made with one subtracted from each number, a model reads text in the same way."""
    assert run("convert", "number.svm", "train.esk", "--zero-based", "no") == 0
    assert run("fit", "train.esk", "--model", "ridge", "-o", "m") == 0
    model = esker.load("m")
    assert model.n_features_in_ == D
    for file in ("number.svm", "train.esk"):
        assert run("predict", "m", file, "-o", "p.csv") == 0
        said = np.array(table("p.csv")[1:], dtype=float).ravel()
        assert_allclose(said, model.predict(np.where(np.abs(X) > 0.5, X, 0.0)), rtol=1e-12)
    assert run("convert", "number.svm", "other.esk", "--zero-based", "yes") == 0
    capsys.readouterr()
    assert run("predict", "m", "other.esk", "-o", "q.csv") == 2
    assert "convert it again with --zero-based no" in error(capsys)


def test_a_table_without_a_column_names_it(folder, capsys):
    assert (
        run(
            "fit", "all.csv", "--target", "price", "--columns", ",".join(NAMES), "--model", "ridge", "-o", "m"
        )
        == 0
    )
    capsys.readouterr()
    rows = table("all.csv")
    with open("less.csv", "w", newline="") as f:
        csv.writer(f).writerows([row[1:] for row in rows])
    assert run("predict", "m", "less.csv", "-o", "p.csv") == 2
    assert "'x0'" in error(capsys)
    with open("mixed.csv", "w", newline="") as f:  # another order: matched by name
        csv.writer(f).writerows([row[::-1] for row in rows])
    assert run("predict", "m", "mixed.csv", "-o", "p.csv") == 0
    model = esker.load("m")
    assert_allclose(np.array(table("p.csv")[1:], dtype=float).ravel(), X @ model.coef_ + model.intercept_)


def test_too_few_and_too_many_columns_without_names(folder, capsys):
    assert run("fit", "all.npy", "--target", D, "--model", "ridge", "-o", "m") == 0
    capsys.readouterr()
    for columns in (X[:, 1:], np.column_stack([X, X])):
        np.save("other.npy", columns)
        assert run("predict", "m", "other.npy", "-o", "p.csv") == 2
        assert "5 features" in error(capsys)


# --- options without effect ---


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "ridge", "--loss", "hinge"], "--loss has no effect with --model ridge"),
        (["--model", "ridge", "--max-time", "3s"], "--max-time has no effect"),
        (["--model", "ridge", "--epochs", "3"], "--epochs has no effect"),
        (["--model", "lasso", "--task", "classification"], "--task has no effect with --model lasso"),
        (["--model", "lasso", "--l1-ratio", "0.5"], "use --model sgd or --model elastic-net"),
        (["--model", "sgd", "--solver", "svd"], "--solver has no effect with --model sgd"),
        (
            ["--model", "ridge", "--alpha", "auto", "--solver", "svd"],
            "--solver has no effect with --alpha auto",
        ),
        (["--model", "lasso", "--alpha", "auto", "--checkpoint", "c"], "--checkpoint has no effect with"),
        (["--model", "ridge", "--alpha", "auto", "--positive"], "--tol and --positive have no effect"),
        (["--model", "ridge", "--seed", "3"], "--seed has no effect"),
        (["--model", "sgd", "--l1-ratio", "0.5"], "--l1-ratio has no effect"),
        (["--model", "sgd", "--task", "regression", "--loss", "hinge"], "--loss hinge is for classification"),
        (["--model", "ridge", "--epsilon", "1"], "--epsilon has no effect with --model ridge"),
        (
            ["--model", "sgd", "--epsilon", "0.1"],
            "--epsilon has no effect by default; leave it out or use --loss huber",
        ),
        (
            ["--model", "sgd", "--loss", "huber", "--quantile", "0.1"],
            "--quantile has no effect with --loss huber",
        ),
        (["--model", "sgd", "--loss", "quantile", "--quantile", "2"], "quantile must be"),
        (["--model", "ridge", "--eta0", "1"], "--eta0 has no effect with --model ridge"),
        (["--model", "sgd", "--learning-rate", "coin", "--penalty", "l1"], "has no penalty"),
        (["--model", "sgd", "--power-t", "1"], "--power-t 1.0 has no effect"),
        (["--model", "sgd", "--max-time", "soon"], "max_time must be a number of seconds"),
        (["--model", "sgd", "--holdout", "110%"], "expected a share of the rows"),
        (["--model", "sgd", "--max-memory", "lots"], "max_memory"),
        (["--model", "sgd", "--alpha", "-1"], "alpha"),
        (["--model", "sgd", "--epochs", "0"], "max_iter"),
        (["--model", "ridge", "--target", "5"], "target"),
        (["--model", "ridge", "--weight", "w"], "weight"),
        (["--model", "ridge", "--test", "nowhere.svm"], "nowhere.svm: no such file"),
    ],
)
def test_what_has_no_effect_or_makes_no_sense_is_refused(options, says, folder, capsys):
    assert run("fit", "class.svm", *options, "-o", "m") == 2
    assert says in error(capsys)


# --- least squares of every kind ---


@pytest.mark.parametrize(
    ("options", "name", "says"),
    [
        (["--model", "ridge", "--alpha", "auto"], "RidgeCV", "alpha: "),
        (["--model", "lasso", "--alpha", "0.1"], "Lasso", "columns used: "),
        (["--model", "lasso", "--alpha", "auto"], "LassoCV", "of 100 tried"),
        (
            ["--model", "elastic-net", "--alpha", "auto", "--l1-ratio", "0.9"],
            "ElasticNetCV",
            "columns used: ",
        ),
        (["--model", "ridge", "--positive"], "Ridge", "model: Ridge, "),
        (["--model", "ridge", "--solver", "sparse_cg", "--tol", "1e-8"], "Ridge", "certified to be within"),
    ],
)
def test_least_squares(options, name, says, folder, capsys):
    assert run("fit", "all.npy", "--target", D, *options, "--holdout", "20%", "-o", "m") == 0
    said = capsys.readouterr().out
    assert says in said
    assert type(esker.load("m")).__name__ == name
    assert run("predict", "m", "all.npy", "-o", "p.csv") == 0


@pytest.mark.parametrize("alpha", ["1", "auto"])
def test_ridge_learns_labels(alpha, folder, capsys):
    options = ["--model", "ridge", "--task", "classification", "--alpha", alpha, "--test", "class.svm"]
    assert run("fit", "class.svm", *options, "-o", "m") == 0
    assert "RidgeClassifier" in capsys.readouterr().out
    assert run("predict", "m", "class.svm", "-o", "p.csv") == 0


# --- bad input ---


def text(name, content):
    with open(name, "w") as f:
        f.write(content)
    return name


BAD = {
    "missing": (lambda: "nowhere.svm", [], "no such file"),
    "empty svmlight": (lambda: text("e.svm", ""), [], "empty"),
    "empty csv": (lambda: text("e.csv", ""), ["--target", "y"], "empty"),
    "no rows": (lambda: text("e.csv", "a,y\n"), ["--target", "y"], "rows"),
    "empty folder": (lambda: os.mkdir("nothing") or "nothing", [], "holds no files"),
    "unknown format": (lambda: text("e.what", "hello"), [], "format"),
    "malformed svmlight": (lambda: text("e.svm", "1 1:2\n1 1:2 x:3\n"), [], "e.svm:2:7"),
    "label not a number": (lambda: text("e.svm", "1 1:2\nfoo 1:2\n"), [], "e.svm:2:1"),
    "svmlight nan": (lambda: text("e.svm", "1 1:2\n0 1:nan\n"), [], "nan"),
    "csv nan": (lambda: text("e.csv", "a,y\n1,2\nnan,3\n4,5\n"), ["--target", "y"], "row 1"),
    "csv missing value": (lambda: text("e.csv", "a,y\n1,2\n,3\n4,5\n"), ["--target", "y"], "a"),
    "ragged csv": (lambda: text("e.csv", "a,y\n1,2\n1,2,3\n"), ["--target", "y"], "e.csv"),
    "no label column": (lambda: text("e.csv", "a,y\n1,2\n3,4\n"), ["--target", "z"], "z"),
    "no label named": (lambda: text("e.csv", "a,y\n1,2\n3,4\n"), [], "target"),
    "words as features": (lambda: text("e.csv", "a,y\nred,2\nblue,4\n"), ["--target", "y"], "a"),
    "label alone": (lambda: text("e.csv", "y\n2\n4\n"), ["--target", "y"], "no column is left"),
    "npy of words": (lambda: np.save("e.npy", np.array([["a"]])) or "e.npy", ["--target", "0"], "e.npy"),
    "npy in one dimension": (lambda: np.save("e.npy", np.arange(5.0)) or "e.npy", ["--target", "0"], "e.npy"),
    "truncated npy": (lambda: cut("all.npy", 1000), ["--target", "0"], "npy"),
}  # fmt: skip


def cut(name, length):
    """The first bytes of a file, as another file of the same kind."""
    with open(name, "rb") as f:
        data = f.read(length)
    with open(f"cut-{name}", "wb") as f:
        f.write(data)
    return f"cut-{name}"


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line_and_writes_nothing(kind, folder, capsys):
    make, options, says = BAD[kind]
    file = make()
    assert run("fit", file, *options, "--model", "ridge", "-o", "m") == 2
    assert says.lower() in error(capsys).lower()


def test_labels_that_teach_nothing(folder, capsys):
    text("same.svm", "".join(f"1 1:{i}\n" for i in range(50)))
    assert run("fit", "same.svm", "--model", "sgd", "-o", "m") == 2
    assert "class" in error(capsys)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_block_files(damage, folder, capsys):
    assert run("convert", "class.svm", "out.esk") == 0
    data = bytearray((folder / "out.esk").read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 4
    (folder / "bad.esk").write_bytes(data if damage == "flip" else data[: len(data) // 2])
    capsys.readouterr()
    for words in (["fit", "bad.esk", "--model", "ridge", "-o", "m"], ["convert", "bad.esk", "again.esk"]):
        assert run(*words) == 2
        assert "bad.esk" in error(capsys)


def test_a_damaged_model(folder, capsys):
    assert run("fit", "class.svm", "--model", "ridge", "-o", "m") == 0
    (folder / "bad").write_bytes((folder / "m").read_bytes()[:-20])
    capsys.readouterr()
    assert run("predict", "bad", "class.svm", "-o", "p.csv") == 2
    assert "bad: not a whole esker model" in error(capsys)


def test_no_place_to_write(folder, capsys):
    assert run("fit", "class.svm", "--model", "ridge", "-o", "nowhere/m") == 2
    assert "no such folder" in error(capsys)
    assert run("fit", "class.svm", "--model", "ridge", "-o", ".") == 2
    assert "got a folder" in error(capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_permissions(folder, capsys):
    os.chmod("class.svm", 0)
    assert run("info", "class.svm") == 2
    assert "permission" in error(capsys)
    os.mkdir("closed", 0o500)
    assert run("fit", "number.svm", "--model", "ridge", "-o", "closed/m") == 2
    assert "permission" in error(capsys)


@pytest.mark.parametrize("words", [
    ["convert", "all.npy", "out.esk", "--target", "5"],
    ["predict", "m", "x.npy", "-o", "out.csv"],
])  # fmt: skip
def test_a_full_disk_leaves_nothing_half_written(words, folder, capsys):
    assert run("fit", "all.npy", "--target", D, "--model", "ridge", "-o", "m") == 0
    before = sorted(os.listdir())
    capsys.readouterr()
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        code = run(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert "nothing was written" in error(capsys)
    assert sorted(os.listdir()) == before


def test_a_traceback_on_demand(folder, monkeypatch):
    monkeypatch.setenv("ESKER_TRACEBACK", "1")
    with pytest.raises(FileNotFoundError):
        main(["info", "nowhere.svm"])


# --- Ctrl-C ---


@pytest.mark.parametrize("model", ["ridge", "sgd"])
def test_ctrl_c_keeps_what_is_learned(model, tmp_path):
    """Within a second or so (generous here: other work shares the machine) of a fit that would take far longer."""
    wide = (
        np.random.default_rng(0)
        .standard_normal((120_000, 400 if model == "ridge" else 60))
        .astype(np.float32)
    )
    np.save(tmp_path / "big.npy", wide)
    more = ["--max-memory", "100MB"] if model == "ridge" else ["--epochs", "1000", "--task", "regression"]
    words = ["fit", "big.npy", "--target", "0", "--model", model, "-o", "m", *more]
    code = (
        "import sys, esker.cli, esker._cli.progress as p\n"
        "class Loud(p.Line):\n"
        "    def show(self):\n"
        "        print('walking', file=sys.stderr, flush=True)\n"
        "p.Line = Loud\n"
        "sys.exit(esker.cli.main(sys.argv[1:]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=tmp_path, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line == "walking\n":
            break
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.perf_counter() - began < 5
    assert "interrupted after" in err
    assert "saved: m" in out
    rows = int(out.split("read: ")[1].split(" rows")[0].replace(",", ""))
    assert rows > 0
    assert rows < len(wide) or model == "sgd"
    again = esker.load(tmp_path / "m")
    assert again.coef_.shape == (wide.shape[1] - 1,)
    assert np.isfinite(again.coef_).all()


def test_ctrl_c_before_anything_is_learned(tmp_path):
    os.mkfifo(tmp_path / "slow.svm")
    process = subprocess.Popen([sys.executable, "-m", "esker.cli", "info", "slow.svm"], cwd=tmp_path, text=True,
                               stderr=subprocess.PIPE)  # fmt: skip
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "esker: interrupted; nothing was written\n"


# --- progress ---


def test_progress_lines():
    import io

    from esker._cli.progress import Line

    pipe = io.StringIO()
    line = Line(rows=1000, out=pipe)
    line.rows, line.nbytes = 500, 40_000_000
    assert line.text(2.0) == "500 rows  50%  250 rows/s  20 MB/s  0:02 left"
    line = Line(rows=1000, epochs=4, max_time=5.0, out=pipe)
    line.rows, line.facts = 2000, {"epoch": 1.0, "loss": 0.25}
    assert line.text(4.0) == "2,000 rows  epoch 2  500 rows/s  loss 0.25  at most 0:01 left"
    line.write("plain")
    assert pipe.getvalue() == "plain\n"


def test_one_line_is_rewritten_on_a_terminal():
    import io

    from esker._cli.progress import Line

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    line = Line(out=terminal)
    line.write("a longer text")
    line.write("short")
    line.close()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().split("\r")[1:3] == ["a longer text", "short        "]


def test_options_in_messages_stand_apart_from_what_came():
    from esker.cli import _line

    assert _line(ValueError("target='nope' is no column")) == "--target 'nope' is no column"
    assert _line(ValueError("columns below n_features=6, got 7")) == "columns below --n-features 6, got 7"


def test_a_model_where_data_is_expected_and_data_without_a_column_are_told(folder, capsys):
    assert (
        run(
            "fit",
            "all.csv",
            "--target",
            "level",
            "--columns",
            ",".join(NAMES),
            "--model",
            "sgd",
            "-o",
            "m.model",
        )
        == 0
    )
    capsys.readouterr()
    assert run("info", "m.model") != 0
    assert "a saved model, no data" in error(capsys)
    head, *rows = table("all.csv")
    lost = head.index(NAMES[0])
    with open("less.csv", "w") as file:
        file.writelines(",".join(line[:lost] + line[lost + 1 :]) + "\n" for line in [head, *rows])
    assert run("predict", "m.model", "less.csv", "-o", "p.csv") != 0
    told = error(capsys)
    assert f"got less.csv without {NAMES[0]!r}" in told
    assert "--columns" not in told
