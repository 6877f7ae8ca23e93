"""JSON Lines: what the objects hold, in pieces, whatever the compression; what is wrong is named with its line."""

import bz2
import gzip
import json
import lzma

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from tests.blocks.rows import Keep, together, values_of

from esker._errors import FormatError
from esker.blocks import open_blocks

N = 40_000
RNG = np.random.default_rng(0)
ROWS = [
    {"site": f"größe {k % 7}" if k % 5 else None, "x": k / 8, "k": k, "on": k % 3 == 0, "y": k % 2, "w": 0.5, "more": [1, k]}
    for k in range(N)
]  # fmt: skip
for row in ROWS[::9]:
    del row["x"]


def write(path, rows=ROWS, end="\n"):
    text = (end.join(json.dumps(row, ensure_ascii=False) for row in rows) + end).encode()
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(text))
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json", "t.jsonl.gz", "t.json.bz2", "t.jsonl.xz"])
def test_records(tmp_path, name):
    path = write(tmp_path / name, end="\r\n" if name == "t.ndjson" else "\n")
    columns = ["site", "x", "k", "on"]
    blocks = open_blocks(path, target="y", weight="w", columns=columns, features=Keep(), block_size=300_000)
    got = list(blocks)
    assert len(got) > 1
    assert all(len(b) % 256 == 0 for b in got[:-1])
    assert values_of(got) == {c: [row.get(c) for row in ROWS] for c in columns}
    assert together(got, "y").tolist() == [row["y"] for row in ROWS]
    assert together(got, "keys").tolist() == list(range(N))
    tail = list(blocks.read(blocks.parts[0], 8192))
    assert values_of(tail)["k"] == list(range(8192, N))


def test_numbers(tmp_path):
    blocks = open_blocks(write(tmp_path / "t.jsonl"), target="y", columns=["k", "on"], block_size=300_000)
    assert blocks.dtype == np.float64
    np.testing.assert_array_equal(together(blocks), [[row["k"], row["on"]] for row in ROWS])
    with pytest.raises(FormatError, match=r"a value is missing in column 'x', row 0"):
        list(open_blocks(tmp_path / "t.jsonl", target="y", columns=["x"]))
    with pytest.raises(FormatError, match=r"column 'site' must be numeric, got string"):
        open_blocks(tmp_path / "t.jsonl", target="y", columns=["site"])
    with pytest.raises(FormatError, match=r"column 'more' must hold numbers, texts, .* got list"):
        open_blocks(tmp_path / "t.jsonl", target="y", features=Keep())


def test_numbers_that_become_fractions_far_down(tmp_path):
    rows = [{"a": k, "b": None} for k in range(80_000)] + [{"a": 0.5, "b": "late"}]  # beyond the first chunk
    path = write(tmp_path / "t.jsonl", rows)
    assert path.stat().st_size > 1 << 20
    got = values_of(list(open_blocks(path, features=Keep())))
    assert got == {"a": [row["a"] for row in rows], "b": [row["b"] for row in rows]}
    assert together(open_blocks(path, columns=["a"]))[-1, 0] == 0.5
    path = write(tmp_path / "ids.jsonl", [{"a": 2**60 + k} for k in range(5)])
    assert values_of(list(open_blocks(path, features=Keep())))["a"] == [2**60 + k for k in range(5)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": 1', r"t.jsonl:60002: an object that is not whole|t.jsonl:60002: "),
        ("[1]", r"t.jsonl:60002: .*changed from object to array"),
        ('{"a": "x", "b": "y"}', r"t.jsonl:60002: .*changed from number to string"),
        ('{"a": 1e999, "b": "y"}', r"t.jsonl:60002: Number too big"),
        ('{"a": 1, "a": 2}', r"t.jsonl:60002: .*was specified twice"),
    ],
)
def test_bad_lines_are_numbered(tmp_path, line, message):
    path = write(tmp_path / "t.jsonl", [{"a": 1, "b": "a text to fill the line"}] * 60_000)
    with open(path, "a") as file:
        file.write("\n" + line + "\n")  # a blank line is a line
    with pytest.raises(FormatError, match=message):
        list(open_blocks(path, features=Keep()))


def test_text_that_is_not_utf_8(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(b'{"a": "\xff"}\n')
    with pytest.raises(FormatError, match=r"column 'a', from row 0 on: Invalid UTF8"):
        list(open_blocks(tmp_path / "t.jsonl", features=Keep()))


def test_other_json(tmp_path):
    (tmp_path / "t.json").write_text('[{"a": 1},\n{"a": 2}]')
    with pytest.raises(FormatError, match=r"t.json:1: each line must be an object, .* jq -c"):
        open_blocks(tmp_path / "t.json")
    (tmp_path / "t.json").write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    assert open_blocks(tmp_path / "t.json").feature_names == ["a"]
    with pytest.raises(ValueError, match="names= has no effect on jsonl files"):
        open_blocks(tmp_path / "t.json", names=["a"])
