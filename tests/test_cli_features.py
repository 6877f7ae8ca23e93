"""The command line on several files, folders, standard input, caches, and hashed texts and tables."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import esker
from esker.cli import main

pytest.importorskip("pyarrow")
rng = np.random.default_rng(2)
N = 800
SITES = np.array(["news", "shop", "blog"])[rng.integers(0, 3, N)]
HOURS = rng.integers(0, 24, N)
CLICK = ((SITES == "shop") & (HOURS > 11)).astype(int)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("data")
    for part in range(2):
        with open(f"data/{part}.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["site", "hour", "words", "click"])
            for i in range(part * 400, part * 400 + 400):
                out.writerow(
                    [SITES[i], HOURS[i], f"{SITES[i]} at {'late' if HOURS[i] > 11 else 'early'}", CLICK[i]]
                )
    with open("x.svm", "w") as file:
        file.writelines(f"{CLICK[i]} 1:{HOURS[i]} 2:1\n" for i in range(N))
    return tmp_path


def error(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


TABLE = ["--categorical", "site", "--numeric", "hour", "--cross", "site:hour", "--hash-bits", "12"]


@pytest.mark.parametrize("how", [["data/0.csv", "data/1.csv"], ["data"], ["data/*.csv"]])
def test_a_table_in_several_files_hashed(how, folder, capsys):
    assert (
        main(["fit", *how, "--target", "click", *TABLE, "--model", "sgd", "--epochs", "20", "-o", "m"]) == 0
    )
    model = esker.load("m")
    assert model.n_features_in_ == 1 << 12
    assert main(["predict", "m", *how, "-o", "p.csv"]) == 0
    with open("p.csv") as file:
        said = np.array([int(float(row["prediction"])) for row in csv.DictReader(file)])
    assert len(said) == N
    assert (said == CLICK).mean() > 0.97  # the cross tells all
    from esker.feature_extraction import TableHasher

    step = TableHasher(categorical=["site"], numeric=["hour"], crosses=[("site", "hour")], n_features=1 << 12)
    rows = step.transform({"site": SITES.tolist(), "hour": HOURS})
    assert (model.predict(rows) == said).all()


def test_words_of_a_column(folder, capsys):
    words = ["--text", "words", "--ngrams", "1,2", "--hash-bits", "14"]
    assert main(["convert", "data", "out.esk", "--target", "click", *words]) == 0
    assert esker.open_blocks("out.esk").n_columns == 1 << 14
    assert (
        main(
            [
                "fit",
                "data",
                "--target",
                "click",
                *words,
                "--model",
                "sgd",
                "--epochs",
                "20",
                "--test",
                "data/1.csv",
                "-o",
                "m",
            ]
        )
        == 0
    )
    assert float(capsys.readouterr().out.split("error rate ")[1].split(",")[0]) < 0.2
    for file in ("data", "out.esk"):
        assert main(["predict", "m", file, "-o", f"{file}.csv"]) == 0
    assert Path("data.csv").read_text() == Path("out.esk.csv").read_text()


def test_info_of_a_table_with_texts(folder, capsys):
    assert main(["info", "data/0.csv", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "records"
    assert facts["records"]["site"]["distinct"] == 3
    assert main(["info", "data/0.csv"]) == 0
    assert "text, 3 different: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hash-bits", "4"], "--hash-bits has no effect"),
        (["--ngrams", "1,2"], "--ngrams has no effect without --text"),
        (["--text", "words", "--numeric", "hour"], "leave one out"),
        (["--text", "words", "--ngrams", "two"], "--ngrams takes two whole numbers"),
        (["--text", "words", "--hash-bits", "40"], "from 1 to 30, got 40"),
        (["--categorical", "site", "--columns", "hour"], "--columns has no effect"),
        (["--categorical", "nothing"], "nothing"),
        (["--cache", "data/0.csv", "--numeric", "hour"], "is there and is no cache"),
    ],
)
def test_what_makes_no_sense(options, says, folder, capsys):
    assert main(["fit", "data", "--target", "click", *options, "--model", "ridge", "-o", "m"]) == 2
    assert says in error(capsys)
    assert not os.path.exists("m")


def test_standard_input(folder, capsys, monkeypatch):
    data = Path("x.svm").read_bytes()

    def run(*words):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return main([*words, "--format", "svmlight"])

    assert run("convert", "-", "x.esk") == 0
    assert run("fit", "-", "--model", "ridge", "-o", "m") == 0
    assert main(["fit", "x.svm", "--model", "ridge", "-o", "n"]) == 0
    assert_allclose(esker.load("m").coef_, esker.load("n").coef_, rtol=1e-12)
    capsys.readouterr()
    for words, says in [
        (["--model", "sgd", "-o", "q"], "--task auto looks at the first labels"),
        (["--model", "sgd", "--task", "regression", "-o", "q"], "--epochs 1"),
        (["--model", "ridge", "--holdout", "10%", "-o", "q"], "--holdout reads the rows again"),
    ]:
        assert run("fit", "-", *words) == 2
        assert says in error(capsys)
    assert main(["info", "-", "x.svm"]) == 2
    assert "standard input (-) alone" in error(capsys)


def test_a_cache_from_the_command_line(folder, capsys):
    for _ in range(2):
        assert main(["fit", "x.svm", "--model", "ridge", "--cache", "kept.esk", "-o", "m"]) == 0
    assert esker.open_blocks("kept.esk").n_rows == N


def test_lines_have_no_columns_to_hash(folder, capsys):
    Path("a.txt").write_text("good\ta film\n")
    assert main(["convert", "a.txt", "a.esk", "--format", "lines", "--text", "text"]) == 2
    assert "hash lines in Python, by a HashingVectorizer" in error(capsys)


def test_what_a_table_from_standard_input_holds(folder, capsys, monkeypatch):
    data = b"site,hour,click\nnews,1,0\nshop,,1\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["info", "-", "--format", "csv", "--target", "click", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"] == 2
    assert {name: (c["kind"], c["missing"]) for name, c in facts["records"].items()} == {
        "site": ("text", 0),
        "hour": ("number", 1),
    }
    Path("t.csv").write_bytes(data)
    for words, says in [
        ((), "such as with --categorical and --numeric"),
        (
            ("--numeric", "hour", "--alpha", "0"),
            "for --alpha above 0), and so does --model sgd; --columns and --hash-bits narrow X",
        ),
        (
            ("--numeric", "site", "--hash-bits", "6"),
            "column 'site' of --numeric holds texts; list it in --categorical",
        ),
        (("--cross", "site"), "--cross takes two or more different columns, A:B"),
    ]:
        assert main(["fit", "t.csv", "--target", "click", "--model", "ridge", *words, "-o", "m"]) == 2
        assert says in error(capsys)
