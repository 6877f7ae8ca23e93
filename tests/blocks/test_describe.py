"""describe(): the schema in full, what each kind of source says, Records by column."""

import gzip
import json

import numpy as np
import pytest

from esker.blocks import open_blocks, write_block_file
from esker.blocks.describe import DISTINCT, walked
from esker.blocks.mapped import Mapped
from esker.blocks.records import Records, Strings

SCHEMA = [
    "source", "rows", "columns", "kind", "dtype", "index_dtype", "stored", "nonzeros", "density", "bytes_in_memory",
    "bytes_on_disk", "targets", "weight", "feature_names", "records", "format", "files", "parts", "parse_options", "features",
    "cache", "random_access", "rereadable", "max_memory", "reading_bytes", "seconds",
]  # fmt: skip


def test_the_schema_by_an_exact_example(tmp_path):
    path = tmp_path / "x.svm.gz"
    path.write_bytes(gzip.compress(b"1 0:1\n0 3:2.5 4:0\n"))
    facts = open_blocks(path, max_memory="50MB").describe()
    assert list(facts) == SCHEMA
    assert facts.pop("seconds") >= 0
    assert facts.pop("reading_bytes") > 0
    assert facts["files"][0].pop("fingerprint").count("-") == 3
    assert facts == {
        "source": str(path),
        "rows": 2,
        "columns": 5,
        "kind": "sparse",
        "dtype": "float64",
        "index_dtype": "int32",
        "stored": 3,
        "nonzeros": 2,
        "density": 0.2,
        "bytes_in_memory": 64,
        "bytes_on_disk": path.stat().st_size,
        "targets": [{"dtype": "float64", "counts": {0.0: 1, 1.0: 1}, "mean": 0.5, "std": 0.5, "min": 0.0, "max": 1.0}],
        "weight": None,
        "feature_names": None,
        "records": None,
        "format": "svmlight",
        "files": [{"path": str(path), "bytes": path.stat().st_size, "compression": "gzip"}],
        "parts": [2],
        "parse_options": {"format": "svmlight", "zero_based": True, "n_features": None, "dtype": "float64"},
        "features": None,
        "cache": None,
        "random_access": False,
        "rereadable": True,
        "max_memory": 50_000_000,
    }  # fmt: skip
    json.dumps(facts)


def test_every_source_keeps_the_schema(tmp_path):
    X, y = np.eye(6), np.arange(6.0)
    np.save(tmp_path / "x.npy", X)
    write_block_file(open_blocks(X, target=y), tmp_path / "x.esk")
    sources = [
        open_blocks(X, target=y),
        open_blocks(tmp_path / "x.npy", target=0),
        open_blocks(tmp_path / "x.esk"),
        open_blocks([(X, y)]),
        open_blocks(X, target=y).sample(3),
        open_blocks(X, target=y).head(3),
    ]
    for blocks in sources:
        facts = blocks.describe()
        assert list(facts) == SCHEMA
        assert facts["rows"] in (3, 6)
        json.dumps(facts)


def test_a_block_file_says_what_reading_it_says(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3)) * (rng.random((500, 3)) < 0.4)
    for y in (
        rng.standard_normal(500),
        rng.integers(0, 3, 500),
        np.array(["a", "b"])[rng.integers(0, 2, 500)],
    ):
        write_block_file(open_blocks(X, target=y), tmp_path / "x.esk")
        blocks = open_blocks(tmp_path / "x.esk")
        facts, read = blocks.describe(), walked(blocks)
        for name in ("rows", "columns", "kind", "dtype", "stored", "nonzeros", "density", "weight"):
            assert facts[name] == read[name], name
        assert facts["targets"][0].get("counts") == read["targets"][0].get("counts")
        if y.dtype.kind != "U":
            for name in ("mean", "std", "min", "max"):
                assert facts["targets"][0][name] == pytest.approx(read["targets"][0][name], rel=1e-12)


def test_a_cache_says_where_it_is(tmp_path):
    path = tmp_path / "x.svm"
    path.write_text("1 0:1\n0 3:2.5\n")
    place = tmp_path / "kept.esk"
    assert open_blocks(path, cache=place).describe()["cache"]["path"] == str(place)
    assert open_blocks(path, cache=place).describe()["cache"] == {"path": str(place), "ready": True}


def test_columns_of_records():
    n = DISTINCT + 10
    numbers = np.arange(float(n))
    numbers[3] = np.nan
    texts = [None if i % 2 else f"text {i % 6}" for i in range(n)]
    coded = Strings(
        *(lambda s: (s.data, s.offsets))(Strings.of(["p", "q", "unused"])),
        None,
        np.arange(n, dtype=np.int32) % 2,
    )
    dates = (np.arange(n) % 7).astype("datetime64[s]")
    long = Strings.of(["x" * 100] * n)

    def records(block):
        keys = block.keys
        return type(block)(
            Records({"n": numbers[keys], "t": Strings.of([texts[k] for k in keys]), "c": coded.take(keys),
                     "d": dates[keys], "b": keys % 2 == 0, "long": long.take(keys)}),
            first_key=block.first_key,
        )  # fmt: skip

    blocks = open_blocks(np.zeros((n, 1)), block_size=8 * 4096)
    facts = Mapped(blocks, records, {"holds_records": True, "n_columns": 6}).describe()
    assert facts["kind"] == "records"
    assert facts["density"] is None
    assert facts["records"] == {
        "n": {"kind": "number", "missing": 1, "distinct": None, "examples": [0.0, 1.0, 2.0]},
        "t": {"kind": "text", "missing": n // 2, "distinct": 3, "examples": ["text 0", "text 2", "text 4"]},
        "c": {"kind": "text", "missing": 0, "distinct": 2, "examples": ["p", "q"]},
        "d": {"kind": "date", "missing": 0, "distinct": 7, "examples": facts["records"]["d"]["examples"]},
        "b": {"kind": "bool", "missing": 0, "distinct": 2, "examples": [False, True]},
        "long": {"kind": "text", "missing": 0, "distinct": 1, "examples": ["x" * 37 + "..."]},
    }
