"""Tables and rows that come through a pipe: what the file gives, once."""

import gzip
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.blocks.rows import Pipe

import esker
from esker import FormatError, open_blocks
from esker.linear_model import Ridge, SGDRegressor

pytest.importorskip("pyarrow")
N = 20_000
RNG = np.random.default_rng(0)
A, B = np.round(RNG.normal(size=(2, N)), 3)
Y = np.round(A - 2 * B, 3)
TEXTS = {
    "csv": "a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in zip(A, B, Y)),
    "tsv": "a\tb\ty\n" + "".join(f"{a}\t{b}\t{y}\n" for a, b, y in zip(A, B, Y)),
    "jsonl": "".join(json.dumps({"a": a, "b": b, "y": y}) + "\n" for a, b, y in zip(A, B, Y)),
}


@pytest.mark.parametrize("format", TEXTS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("block_size", [None, 100_000])
def test_tables(format, pack, block_size):
    stream = Pipe(pack(TEXTS[format].encode()), 30_000)
    blocks = open_blocks(stream, target="y", format=format, block_size=block_size)
    assert not blocks.rereadable
    assert blocks.n_columns == 2
    assert blocks.feature_names == ["a", "b"]
    got = list(blocks)
    np.testing.assert_array_equal(np.concatenate([b.X for b in got]), np.column_stack([A, B]))
    np.testing.assert_array_equal(np.concatenate([b.y for b in got]), Y)
    assert not stream.closed
    with pytest.raises(ValueError, match="stream Pipe is a stream and has been read already"):
        list(blocks)


def test_one_pass_learners():
    def stream():
        return open_blocks(Pipe(TEXTS["csv"].encode(), 30_000), target="y", format="csv")

    np.testing.assert_allclose(Ridge(alpha=1e-9).fit(stream()).coef_, [1, -2], atol=1e-3)
    learner = SGDRegressor(max_iter=1, tol=None).fit(stream())
    np.testing.assert_allclose(learner.coef_, [1, -2], atol=0.1)
    with pytest.raises(ValueError, match=r"once|read already"):
        SGDRegressor(max_iter=3).fit(stream())


def test_small_and_bad_streams():
    assert open_blocks(io.BytesIO(b"a,y\n1,2\n"), target="y", format="csv").take_all().X.tolist() == [[1]]
    told = open_blocks(io.BytesIO(b"1,2\n"), target="y", format="csv", names=["a", "y"])
    assert told.take_all().X.tolist() == [[1]]
    blocks = open_blocks(io.BytesIO(b'{"a": 1, "y": 2}'), target="y", format="jsonl")
    assert blocks.take_all().y.tolist() == [2]
    with pytest.raises(FormatError, match="stream BytesIO"):
        list(open_blocks(io.BytesIO(b"a,y\n1,2\n3\n"), target="y", format="csv"))
    for format in TEXTS:
        with pytest.raises(FormatError):
            list(open_blocks(io.BytesIO(b""), target="y", format=format))


@pytest.mark.parametrize("format", ["csv", "svmlight"])
def test_the_command_line_learns_classes_from_a_pipe(tmp_path, format):
    labels = (Y > 0).astype(int)
    if format == "csv":
        text = "a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in zip(A, B, labels))
    else:
        text = "".join(f"{y} 0:{a} 1:{b}\n" for a, b, y in zip(A, B, labels))
    command = [
        sys.executable,
        "-c",
        "import sys; from esker.cli import main; sys.exit(main())",
        "fit",
        "-",
        "--format",
        format,
    ]
    command += ["--model", "sgd", "--task", "classification", "--epochs", "1", "-o", "m.esker"]
    command += ["--target", "y"] if format == "csv" else []
    done = subprocess.run(command, input=text.encode(), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    model = esker.load(tmp_path / "m.esker")
    said = (np.column_stack([A, B]) @ model.coef_.ravel() + model.intercept_ > 0).astype(int)
    assert (said == labels).mean() > 0.95
