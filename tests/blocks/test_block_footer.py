"""Footers are strict JSON whatever the targets are; several block files are found by patterns and in folders."""

import json
import struct

import numpy as np
import pytest

from esker import FormatError, open_blocks
from esker._native import core
from esker.blocks import Block, BlockWriter, write_block_file


def facts(path):
    """The facts of a file, as a strict reader of JSON has them."""
    raw = path.read_bytes()
    (begin,) = struct.unpack("<Q", raw[-64:-56])
    (n,) = struct.unpack("<Q", raw[begin : begin + 8])

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(raw[begin + 8 : begin + 8 + n], parse_constant=refuse)


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("few", [True, False])
def test_targets_that_are_not_finite(tmp_path, odd, few):
    x, y = np.eye(400), np.arange(400.0) % (3 if few else 400)
    y[7] = odd
    path = tmp_path / "a.esk"
    with BlockWriter(path, open_blocks(x, target=np.zeros(400))) as writer:
        writer.add(Block(x, y, first_key=0))
        writer.finish()
    (target,) = facts(path)["targets"]
    assert target["n"] == 400
    assert target["m2"] is None
    assert target["max"] == (odd if odd == 1e200 else None)
    (said,) = open_blocks(path).describe()["targets"]
    assert not np.isfinite(said["std"])
    (both,) = open_blocks([path, path]).describe()["targets"]
    assert ("counts" in both) == (few and odd == 1e200)
    read = open_blocks(path)
    if np.isfinite(odd):
        np.testing.assert_array_equal(read.take_all().y, y)
    else:
        with pytest.raises(ValueError, match="the target must be finite"):
            read.take_all()


def test_patterns_and_folders(tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    x = np.arange(36.0).reshape(12, 3)
    for i in (0, 1, 10, 9):
        rows = slice(0, 3) if i == 0 else {1: slice(3, 6), 9: slice(6, 9), 10: slice(9, 12)}[i]
        source = open_blocks(x[rows], target=x[rows, 0])
        with BlockWriter(folder / f"part-{i}.esk", source) as writer:
            for block in source:
                writer.add(block)
            writer.finish()
    (folder / "_SUCCESS").touch()
    for named in (folder / "*.esk", str(folder / "part-[0-9]*"), folder, str(tmp_path / "**" / "*.esk")):
        blocks = open_blocks(named)
        assert [file.name for file in blocks.files] == [f"part-{i}.esk" for i in (0, 1, 9, 10)]
        assert blocks.n_rows == 12
        whole = blocks.take_all()
        np.testing.assert_array_equal(whole.X, x)
        np.testing.assert_array_equal(whole.y, x[:, 0])
    with pytest.raises(FileNotFoundError, match=r"no file matches the pattern .*\.esk"):
        open_blocks(folder / "none-*.esk")


def rewritten(path, change):
    """The file with other facts, or another text where `change` gives bytes; its checksums are right."""
    raw = path.read_bytes()
    (begin,) = struct.unpack("<Q", raw[-64:-56])
    told = facts(path)
    text = change(told)
    old = -(-(8 + struct.unpack("<Q", raw[begin : begin + 8])[0]) // 64) * 64
    text = json.dumps(told).encode() if text is None else text
    footer = struct.pack("<Q", len(text)) + text
    footer += bytes(-len(footer) % 64) + raw[begin + old : -64]
    last = struct.pack("<QQQ", begin, len(footer), begin + len(footer) + 64)
    last += struct.pack("<II20x8s", core.crc32c(footer), 2, b"ESKEREND")
    path.write_bytes(raw[:begin] + footer + last + struct.pack("<I", core.crc32c(last)))


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.pop("finite") and None,
        lambda f: f.update(labels=7),
        lambda f: f.update(labels=[[1]]),
        lambda f: f.update(source=[]),
        lambda f: f["source"].update(options=3),
        lambda f: f.update(n_columns=True),
        lambda f: f.update(parts=[1]),
        lambda f: f["targets"][0].update(counts=[3]),
        lambda f: f["targets"][0].pop("n") and None,
        lambda f: b"[" * 100_000,
        lambda f: b"7",
    ],
)
def test_facts_of_another_kind_are_a_format_error(tmp_path, change):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(np.eye(5), target=np.arange(5.0)), path)
    rewritten(path, lambda f: None)
    assert open_blocks(path).describe()["rows"] == 5
    rewritten(path, change)
    with pytest.raises(FormatError, match="footer makes no sense"):
        open_blocks(path)
