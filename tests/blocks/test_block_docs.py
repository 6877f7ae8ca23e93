"""docs/block-file.md: its program reads what esker wrote, and its offsets are those of the bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from esker import open_blocks
from esker._native import core
from esker.blocks import write_block_file

PAGE = Path(__file__).parents[2] / "docs" / "block-file.md"


def read_as_documented(folder, monkeypatch):
    program = PAGE.read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    names = {}
    exec(program, names)
    return names["facts"], names["pages"]


@pytest.mark.parametrize("kind", ["gaps", "unsorted", "ones", "counts", "dense", "float16"])
def test_the_documented_reader_reads(tmp_path, monkeypatch, kind):
    rng, n = np.random.default_rng(0), 700
    dense = rng.standard_normal((n, 9)) * (rng.random((n, 9)) < 0.4)
    x = dense if kind == "dense" else csr_array(dense)
    if kind == "unsorted":
        for begin, end in zip(x.indptr, x.indptr[1:]):
            order = rng.permutation(end - begin)
            x.indices[begin:end], x.data[begin:end] = (
                x.indices[begin:end][order],
                x.data[begin:end][order],
            )
        x.has_sorted_indices = False
    if kind in ("ones", "counts"):
        x.data[:] = 1 if kind == "ones" else rng.integers(1, 9, len(x.data))
    y, w = rng.integers(0, 3, n), rng.random(n)
    stored = "float16" if kind == "float16" else None
    write_block_file(open_blocks(x, target=y, weight=w), tmp_path / "rows.esk", dtype=stored)
    facts, pages = read_as_documented(tmp_path, monkeypatch)
    assert facts["n_rows"] == n
    (block,) = open_blocks(tmp_path / "rows.esk")
    joined = {k: np.concatenate([p[k] for p in pages]) for k in pages[0]}
    assert joined[5].tolist() == block.y.tolist() == y.tolist()
    assert joined[6].tolist() == block.sample_weight.tolist() == w.tolist()
    if kind == "dense":
        assert joined[1].reshape(n, 9).tolist() == block.X.tolist() == x.tolist()
    else:
        assert joined[3].tolist() == block.X.indices.tolist() == x.indices.tolist()
        assert joined[2].tolist() == block.X.data.tolist()
        assert joined[7].tolist() == np.diff(block.X.indptr).tolist()


def test_documented_bytes(tmp_path):
    """The offsets that the page gives, by hand."""
    path = tmp_path / "a.esk"
    x = csr_array(np.eye(5, dtype=np.float32))
    write_block_file(open_blocks(x, target=np.array(["a", "b", "a", "b", "c"]), weight=np.full(5, 2.5)), path)
    raw = path.read_bytes()
    assert raw[:8] == b"ESKER\r\n\x1a"
    assert struct.unpack("<II", raw[8:16]) == (2, 0)
    offset, size, total, crc, version = struct.unpack("<QQQII", raw[-64:-32])
    assert (total, version, raw[-12:-4]) == (len(raw), 2, b"ESKEREND")
    assert offset + size + 64 == total
    assert core.crc32c(raw[offset : offset + size]) == crc
    page = raw[64:offset]
    assert struct.unpack("<IIQ", page[:16]) == (5, 5, 5)
    table = [struct.unpack_from("<BBBBIqQ", page, 16 + 24 * i) for i in range(5)]
    two_and_a_half = struct.unpack("<q", struct.pack("<d", 2.5))[0]
    assert table == [
        (5, 3, 2, 2, 0, 0, 16),  # targets: int32 codes, packed to 2 bits: one word and the spare one
        (6, 2, 1, 0, 0, two_and_a_half, 0),  # weights: all the same
        (7, 4, 1, 0, 0, 1, 0),  # one number in each row
        (3, 4, 3, 3, 0, 0, 16),  # column numbers as gaps of 3 bits
        (2, 1, 1, 0, 0, 0x3F800000, 0),  # values: all 1.0f
    ]
    assert struct.unpack_from("<Q", page, 136)[0] == 0 | 1 << 2 | 0 << 4 | 1 << 6 | 2 << 8
    assert struct.unpack_from("<Q", page, 152)[0] == sum(k << 3 * k for k in range(5))
    assert len(page) == 192
