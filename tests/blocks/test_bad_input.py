"""Bad input, end to end: through `open_blocks` and a fit, and on the command line: one message that says what was expected, what
came and the way out, the right exit code, and nothing half written. What is no error has a documented outcome."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import esker
from esker.blocks import open_blocks, write_block_file
from esker.cli import main
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor

SVM = "".join(f"{i % 2} 1:{i} 2:{i * i % 7}\n" for i in range(60)).encode()
VW = "".join(f"{1 if i % 2 else -1} |a x:{i} y:{i * i % 7}\n" for i in range(60)).encode()
CSV = b"a,b,y\n" + b"".join(b"%d,%d.5,%d\n" % (i, i * i % 7, i % 2) for i in range(60))
TSV = CSV.replace(b",", b"\t")
GOOD = {"svm": SVM, "vw": VW, "csv": CSV, "tsv": TSV}
LONG_SVM = b"1 " + b" ".join(b"%d:1" % i for i in range(1, 1_150_000)) + b"\n"
LONG_VW = b"1 |a " + b" ".join(b"w%d" % i for i in range(1_250_000)) + b"\n"

#: (ending, bytes, what the message says); None as the message: read without error.
CASES = {
    # --- truncated and damaged compressed files ---
    **{
        f"truncated {packed} {kind}": (f"{kind}.{ending}", pack(GOOD[kind] * 50)[:-40], "truncated|ends before")
        for kind in GOOD
        for packed, ending, pack in [("gzip", "gz", gzip.compress), ("bzip2", "bz2", bz2.compress), ("xz", "xz", lzma.compress)]
    },
    # --- line ends, byte-order marks, NUL ---
    **{f"mixed line ends {kind}": (kind, good.replace(b"\n", b"\r\n", 30), None) for kind, good in GOOD.items()},
    **{f"byte-order mark {kind}": (kind, b"\xef\xbb\xbf" + good, None) for kind, good in GOOD.items()},
    "lone carriage returns svm": ("svm", SVM.replace(b"\n", b"\r"), r"x\.svm:1:10: expected newlines as line ends"),
    "lone carriage returns csv": ("csv", CSV.replace(b"\n", b"\r"), None),
    "NUL svm": ("svm", SVM + b"1 1:2 2:\x003\n", r"x\.svm:61:9: expected a number after the ':', got"),
    "NUL vw": ("vw", VW + b"1 |a x\0:2\n", r"x\.vw:61:7: expected text, got a zero byte"),
    "NUL csv": ("csv", CSV + b"1,\x002,1\n", r"x\.csv: column 'b' must be numeric, got string; leave it out"),
    # --- long lines ---
    "10 MB line svm": ("svm", LONG_SVM + SVM, None),
    "10 MB line vw": ("vw", LONG_VW + VW, None),
    "10 MB of garbage svm": ("svm", b"x" * 10_000_000 + b"\n" + SVM, r"x\.svm:1:1: expected a number as the label, got 'x{40}"),
    "10 MB line csv": ("csv", CSV + b"1," + b"2" * 10_000_000 + b",1\n", r"longer than a block of text, 4\.0 MB.* pass a larger"),
    # --- column numbers ---
    "column 10^9 svm": ("svm", SVM + b"1 1000000000:1\n", "on 1,000,000,001 columns takes .* this machine has .* hash them"),
    "column 10^20 svm": ("svm", SVM + b"1 100000000000000000000:1\n", r"x\.svm:61:3: expected a column number below 2\^63, got"),
    "negative column svm": ("svm", SVM + b"1 -3:1\n", r"x\.svm:61:3: expected a column number of at least 0, got '-3:1'"),
    "column twice svm": ("svm", SVM + b"1 3:1 3:2\n", r"x\.svm:61:7: column 3 comes twice in this line; each may come once"),
    "columns not in order svm": ("svm", SVM + b"1 3:1 2:2\n", None),
    "feature twice vw": ("vw", VW + b"1 |a x:1 x:2\n", None),
    # --- numbers ---
    "1e999 svm": ("svm", SVM + b"1 1:1e999\n", r"x\.svm:61:5: expected a number that float64 can hold, got '1e999'"),
    "1e999 vw": ("vw", VW + b"1 |a x:1e999\n", r"x\.vw:61:8: expected a finite number as the value, got '1e999'"),
    "1e999 csv": ("csv", CSV + b"1,1e999,1\n", r"X must be finite, got NaN or infinity in row 60, column 1 \('b'\) .* drop such rows"),
    "nan svm": ("svm", SVM + b"1 1:nan\n", r"x\.svm:61:5: expected a finite value, got 'nan'; impute it"),
    "nan label svm": ("svm", SVM + b"nan 1:1\n", r"x\.svm:61:1: expected a finite number as the label, got 'nan'"),
    "nan vw": ("vw", VW + b"1 |a x:nan\n", r"x\.vw:61:8: expected a finite number as the value, got 'nan'"),
    "nan csv": ("csv", CSV + b"1,nan,1\n", r"x\.csv: a value is missing in column 'b', row 60 \(from 0\); drop such rows or fill"),
    "missing value csv": ("csv", CSV + b"1,,1\n", r"x\.csv: a value is missing in column 'b', row 60 \(from 0\); drop such rows or fill"),
    "0x1p3 svm": ("svm", SVM + b"1 1:0x1p3\n", r"x\.svm:61:5: expected a number after the ':', got '0x1p3'"),
    "0x1p3 vw": ("vw", VW + b"1 |a x:0x1p3\n", r"x\.vw:61:8: expected a finite number as the value, got '0x1p3'"),
    "0x1p3 csv": ("csv", CSV + b"1,0x1p3,1\n", r"x\.csv: column 'b' must be numeric, got string; leave it out"),
    "+5 svm": ("svm", SVM + b"+1 1:+5\n", None),
    "+5 vw": ("vw", VW + b"+1 |a x:+5\n", None),
    "+5 csv": ("csv", CSV + b"1,+5,1\n", None),
    "locale comma svm": ("svm", SVM + b"1 1:1,5\n", r"x\.svm:61:5: expected a number after the ':', got '1,5'"),
    "locale comma vw": ("vw", VW + b"1 |a x:1,5\n", r"x\.vw:61:8: expected a finite number as the value, got '1,5'"),
    "locale comma csv": ("csv", CSV + b'1,"1,5",1\n', r"x\.csv: column 'b' must be numeric, got string; leave it out"),
    "locale comma tsv": ("tsv", TSV + b"1\t1,5\t1\n", r"x\.tsv: column 'b' must be numeric, got string; leave it out"),
    # --- not UTF-8 ---
    "Latin-1 label svm": ("svm", SVM + b"caf\xe9 1:2\n", r"x\.svm:61:1: expected a number as the label, got 'caf"),
    "Latin-1 comment svm": ("svm", SVM + b"1 1:2 # caf\xe9\n", None),
    "Latin-1 name vw": ("vw", VW + b"1 |a caf\xe9:2\n", None),
    "Latin-1 label vw": ("vw", VW + b"caf\xe9 |a x:2\n", r"x\.vw:61:1: expected a finite number as the label, got 'caf"),
    "Latin-1 value csv": ("csv", CSV + b"1,caf\xe9,1\n", r"x\.csv: column 'b' must be numeric, got binary; leave it out"),
    "Latin-1 name csv": ("csv", CSV.replace(b"b", b"\xe9"), r"x\.csv:1: the names of the columns must be UTF-8"),
    # --- rows and columns ---
    "too few columns csv": ("csv", CSV + b"1,2\n", r"x\.csv:62: .*Expected 3 columns, got 2"),
    "too many columns csv": ("csv", CSV + b"1,2,3,4\n", r"x\.csv:62: .*Expected 3 columns, got 4"),
    "semicolons csv": ("csv", b"a;b;y\n1,5;2;1\n", r"x\.csv:2: .*separated by semicolons; write it with commas"),
    "UTF-16 csv": ("csv", CSV.decode().encode("utf-16"), r"x\.csv:\d+: .*the file is UTF-16; write it as UTF-8"),
    "empty lines csv": ("csv", CSV + b"\n\n1,2,1\n", None),
    "names alone csv": ("csv", b"a,b,y\n", r"x\.csv: there are no rows"),
    "comments alone svm": ("svm", b"\n\n# nothing\n", r"x\.svm: there are no rows, only comments or empty lines"),
    "empty lines alone vw": ("vw", b"\n\n", r"x\.vw: there are no rows, only empty lines"),
    **{f"empty {kind}": (kind, b"", rf"x\.{kind}: the file is empty") for kind in GOOD},
    # --- Vowpal Wabbit's own ---
    "a row without its label vw": ("vw", VW + b" |a x:2\n", r"x\.vw:61:1: expected a label, as in the rows before, got none"),
    "negative importance vw": ("vw", VW + b"1 -2 |a x:2\n", r"x\.vw:61:3: expected an importance of at least 0, got '-2'"),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options_of(name):
    return {"target": "y"} if name.split(".")[1] in ("csv", "tsv") else {}


def fit_on_the_command_line(capsys, *words):
    """The exit code and the one line of a `fit` that left nothing behind unless it went well."""
    before = set(os.listdir())
    code = main(["fit", *words, "--model", "sgd", "--task", "classification", "--epochs", "1", "-o", "model"])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    if code != 0:
        assert set(os.listdir()) == before
        (line,) = err.splitlines()
        assert line.startswith("esker: error: ")
        return code, line
    os.remove("model")
    return code, ""


@pytest.mark.parametrize("case", CASES)
def test_bytes_of_text(case, here, capsys):
    ending, data, says = CASES[case]
    if ending.split(".")[0] in ("csv", "tsv"):
        pytest.importorskip("pyarrow")
    name = f"x.{ending}"
    (here / name).write_bytes(data)
    words = [name, *(["--target", "y"] if options_of(name) else [])]
    if says is None:
        model = SGDClassifier(max_iter=1, tol=None, random_state=0).fit(open_blocks(name, **options_of(name)))
        assert model.coef_.shape[-1] >= 2
        assert fit_on_the_command_line(capsys, *words)[0] == 0
        return
    with pytest.raises(ValueError, match=says):
        SGDClassifier(max_iter=1, tol=None, random_state=0).fit(open_blocks(name, **options_of(name)))
    code, line = fit_on_the_command_line(capsys, *words)
    assert code == 2
    assert re.search(says, line)
    assert main(["convert", *words, "out.esk"]) == (
        0 if "column 10^9" in case else 2
    )  # a sparse file may be that wide
    assert "Traceback" not in capsys.readouterr().err
    if "column 10^9" not in case:
        assert os.listdir() == [name]


def test_what_is_no_error_reads_as_documented(here):
    """The outcome of what is read without error is that of the file without its oddity."""

    def rows(name, data):
        (here / name).write_bytes(data)
        block = open_blocks(name, **options_of(name)).take_all()
        x = block.X if isinstance(block.X, np.ndarray) else block.X.toarray()
        return np.column_stack([np.asarray(block.y, float), x])

    for kind in ("svm", "csv"):
        if kind == "csv":
            pytest.importorskip("pyarrow")
        plain = rows(f"a.{kind}", GOOD[kind])
        for odd in (
            GOOD[kind].replace(b"\n", b"\r\n", 30),
            b"\xef\xbb\xbf" + GOOD[kind],
            GOOD[kind].rstrip(b"\n"),
        ):
            np.testing.assert_array_equal(rows(f"b.{kind}", odd), plain)
    assert rows("c.svm", b"+1 1:+5\n-1 3:1 2:2 # caf\xe9\n").tolist() == [[1, 0, 5, 0, 0], [-1, 0, 0, 2, 1]]
    (here / "d.svm").write_bytes(LONG_SVM + SVM)
    (blocks,) = [open_blocks("d.svm").take_all()]
    assert blocks.X.shape == (61, 1_150_000)


def test_a_10_mb_line_beyond_the_memory_granted_is_refused(here):
    (here / "x.svm").write_bytes(LONG_SVM + SVM)
    with pytest.raises(ValueError, match=r"longer than|more memory"):
        SGDRegressor().fit(open_blocks("x.svm", max_memory="8MB"))
    pytest.importorskip("pyarrow")
    (here / "x.csv").write_bytes(CSV + b"1," + b"2." + b"2" * 10_000_000 + b",1\n")
    wide = Ridge().fit(open_blocks("x.csv", target="y", block_size="80MB"))  # as the message told
    assert wide.coef_.shape == (2,)


@pytest.mark.parametrize("estimator", [Ridge(), SGDClassifier(), SGDRegressor(eta0=0.5)])
@pytest.mark.parametrize("options", [{}, {"max_memory": "200MB"}, {"n_features": 10**9 + 1}])
def test_a_model_of_10_to_the_9_columns_is_refused(estimator, options, here):
    (here / "x.svm").write_bytes(SVM + b"1 1000000000:1\n")
    with pytest.raises(ValueError, match=r"columns takes .*(this machine has|max_memory)"):
        estimator.fit(open_blocks("x.svm", **options))


# --- binary files ---


def binary(kind, folder):
    """A good file of 3,000 rows and the options that read it."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 4)), (rng.random(3000) < 0.5).astype(float)
    path = folder / f"x.{kind}"
    if kind == "npy":
        np.save(path, np.column_stack([X, y]))
        return path, {"target": 4}
    if kind == "esk":
        write_block_file(open_blocks(X, target=y), path)
        return path, {}
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    columns = {f"x{j}": X[:, j] for j in range(4)} | {"y": y}
    parquet.write_table(pa.table(columns), path, row_group_size=500)
    return path, {"target": "y"}


@pytest.mark.parametrize("kind", ["npy", "esk", "parquet"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
def test_truncated_binary_files(kind, part, here, capsys):
    path, options = binary(kind, here)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    says = rf"x\.{kind}: .*(truncated|not a whole|shorter|damaged)"
    with pytest.raises(ValueError, match=says):
        Ridge().fit(open_blocks(path, **options))
    words = [path.name, *(["--target", str(options["target"])] if options else [])]
    code, line = fit_on_the_command_line(capsys, *words)
    assert code == 2
    assert re.search(says, line)


@pytest.mark.parametrize("kind", ["npy", "esk", "parquet", "svm", "csv", "vw"])
@pytest.mark.parametrize("how", ["grows", "shrinks"])
def test_a_file_that_changes_between_two_walks(kind, how, here):
    if kind in GOOD:
        path, options = here / f"x.{kind}", options_of(f"x.{kind}")
        if kind == "csv":
            pytest.importorskip("pyarrow")
        path.write_bytes(GOOD[kind])
    else:
        path, options = binary(kind, here)
    blocks = open_blocks(path, **options)
    assert sum(map(len, blocks)) in (60, 3000)
    data = path.read_bytes()
    if (kind, how) == ("npy", "grows"):
        pytest.skip("the header says how many rows there are, and those are read")
    again = data + data[-200:] if how == "grows" else data[: len(data) // 2]
    time.sleep(0.01)
    path.write_bytes(again)
    with pytest.raises(ValueError, match=r"(changed|shorter|truncated|longer|not a whole)"):
        for _ in blocks:
            pass


@pytest.mark.parametrize("kind", ["npy", "esk", "parquet", "svm", "csv"])
def test_a_file_that_shrinks_while_it_is_read(kind, here):
    rows = 60_000
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((rows, 6)), (rng.random(rows) < 0.5).astype(float)
    path, options = here / f"x.{kind}", {}
    if kind == "npy":
        np.save(path, np.column_stack([X, y]))
        options = {"target": 6}
    elif kind == "esk":
        write_block_file(open_blocks(X, target=y, block_size="256KB"), path)
    elif kind == "svm":
        path.write_text(
            "".join(
                f"{t:g} " + " ".join(f"{j + 1}:{v:.6f}" for j, v in enumerate(r)) + "\n" for r, t in zip(X, y)
            )
        )
    else:
        pa = pytest.importorskip("pyarrow")
        table = pa.table({f"x{j}": X[:, j] for j in range(6)} | {"y": y})
        options = {"target": "y"}
        if kind == "csv":
            import pyarrow.csv as csv

            csv.write_csv(table, path)
        else:
            import pyarrow.parquet as parquet

            parquet.write_table(table, path, row_group_size=2000)
    blocks = open_blocks(path, block_size="256KB", **options)
    seen: list[int] = []

    def walk():
        for block in blocks:
            if not seen:
                os.truncate(path, os.path.getsize(path) // 2)
            seen.append(len(block))

    with pytest.raises(ValueError, match=rf"x\.{kind}: .*(changed|shorter|truncated|damaged)"):
        walk()
    assert 0 < sum(seen) < rows


# --- several files ---


def test_parquet_files_with_differing_schemas(here, capsys):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    first = pa.table({"a": [1.0, 2.0], "b": [1.0, 0.0], "y": [0.0, 1.0]})
    parquet.write_table(first, "1.parquet")
    for other, says in [
        (first.drop_columns(["b"]), r"2\.parquet: the columns of 1\.parquet were expected: column 'b' is missing"),
        (first.append_column("c", pa.array([1.0, 2.0])), r"2\.parquet: the columns of 1\.parquet were expected: column 'c' is not there"),
        (first.set_column(1, "b", pa.array(["p", "q"])), r"2\.parquet: column 'b' must be numeric, got string"),
    ]:  # fmt: skip
        parquet.write_table(other, "2.parquet")
        with pytest.raises(ValueError, match=says):
            Ridge().fit(open_blocks(["1.parquet", "2.parquet"], target="y"))
        code, line = fit_on_the_command_line(capsys, "1.parquet", "2.parquet", "--target", "y")
        assert code == 2
        assert re.search(says, line)
    narrower = first.set_column(
        0, "a", pa.array([1, 2], pa.int32())
    )  # numbers of another type are the same column
    parquet.write_table(narrower, "2.parquet")
    assert Ridge().fit(open_blocks(["1.parquet", "2.parquet"], target="y")).n_features_in_ == 2


def test_files_of_several_formats(here, capsys):
    pytest.importorskip("pyarrow")
    (here / "x.svm").write_bytes(SVM)
    (here / "x.csv").write_bytes(CSV)
    code, line = fit_on_the_command_line(capsys, "x.svm", "x.csv")
    assert (code, "of one format, got svmlight, csv" in line) == (2, True)


def test_a_pattern_that_matches_nothing(here, capsys):
    with pytest.raises((ValueError, OSError), match=r"no file matches the pattern 'none\*\.svm'"):
        open_blocks("none*.svm")
    code, line = fit_on_the_command_line(capsys, "none*.svm")
    assert code == 2
    assert "no file matches the pattern 'none*.svm'" in line
    (here / "empty").mkdir()
    code, line = fit_on_the_command_line(capsys, "empty")
    assert code == 2
    assert "empty" in line


# --- sources that give nothing, or only once ---


@pytest.mark.parametrize("source", [[], lambda: iter(()), iter(()), [(np.empty((0, 3)), np.empty(0))]])
def test_a_source_that_yields_nothing(source):
    with pytest.raises(ValueError, match=r"no rows|at least one"):
        Ridge().fit(open_blocks(source))


def test_an_iterable_that_is_walked_once_where_two_passes_are_needed():
    rng = np.random.default_rng(0)

    def batches():
        for _ in range(5):
            X = rng.standard_normal((500, 3))
            yield X, (X[:, 0] > 0).astype(int)

    once = r"walked already.*(list|function)|can be read once.*(max_iter=1|write a block file)"
    with pytest.raises(ValueError, match=once):
        SGDClassifier(max_iter=2, tol=None).fit(open_blocks(batches()))  # labels are counted first
    with pytest.raises(ValueError, match=once):
        SGDRegressor(max_iter=3, tol=None, random_state=0).fit(
            open_blocks((X, y * 1.0) for X, y in batches())
        )
    Ridge(alpha=1.0).fit(open_blocks((X, y * 1.0) for X, y in batches()))  # one pass is enough
    SGDClassifier(max_iter=2, tol=None, random_state=0).fit(open_blocks(batches))  # a function begins anew


# --- caches ---


def test_a_disk_that_fills_while_the_cache_is_written(here):
    """The fit goes on without the cache, and says so; nothing is left of it."""
    (here / "x.svm").write_bytes(SVM * 300)
    code = (
        "import resource, signal, warnings, esker\n"
        "from esker.linear_model import Ridge\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    model = Ridge().fit(esker.open_blocks('x.svm', cache='kept.esk'))\n"
        "print(len(model.coef_), [str(w.message) for w in said])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    assert done.stdout.startswith("3 ")
    assert "cache" in done.stdout
    assert sorted(os.listdir(here)) == ["x.svm"]


def test_two_processes_that_build_the_same_cache(here):
    (here / "x.svm").write_bytes(SVM * 1000)
    code = (
        "import sys, esker\nfrom esker.linear_model import Ridge\n"
        "blocks = esker.open_blocks('x.svm', cache='kept.esk', block_size='256KB')\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.readline()\n"
        "print(Ridge().fit(blocks).coef_.tolist())"
    )
    both = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, cwd=here)
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    first, second = (
        np.array(json.loads(out)) for out, _ in answers
    )  # how rows were cut rounds sums differently
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert sorted(os.listdir(here)) == ["kept.esk", "x.svm"]
    assert open_blocks("kept.esk").n_rows == 60_000
    again = Ridge().fit(esker.open_blocks("x.svm", cache="kept.esk"))
    np.testing.assert_allclose(again.coef_, first, rtol=1e-9)


# --- the command line itself ---


def test_a_bad_test_file_is_told_before_the_fit(here, capsys, monkeypatch):
    pytest.importorskip("pyarrow")
    (here / "x.svm").write_bytes(SVM)
    (here / "bad.svm").write_bytes(b"1 1:x\n")
    monkeypatch.setattr(
        SGDClassifier, "fit", lambda *_: pytest.fail("fitted before the test file was looked at")
    )
    code, line = fit_on_the_command_line(capsys, "x.svm", "--test", "bad.svm")
    assert (code, "bad.svm:1:5" in line) == (2, True)
    code, line = fit_on_the_command_line(capsys, "x.svm", "--test", "nowhere.svm")
    assert (code, "nowhere.svm: no such file" in line) == (2, True)


def test_memory_that_is_not_there_is_a_failure_in_one_line(here, capsys, monkeypatch):
    (here / "x.svm").write_bytes(SVM)

    def fit(*_):
        raise MemoryError

    monkeypatch.setattr(SGDClassifier, "fit", fit)
    code, line = fit_on_the_command_line(capsys, "x.svm")
    assert code == 1
    assert line == "esker: error: not enough memory; grant less with --max-memory, or free some"
