"""Block files of both versions that are damaged, cut short or hostile: one FormatError, and no memory for what they claim."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from esker import FormatError
from esker._native import core
from esker.blocks import UNIT, BlockFile, block_v1, block_v2, open_blocks, write_block_file
from esker.blocks.block_format import read_footer, tail

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(params=["csr-v1", "csr-v2", "dense-v1", "dense-v2"])
def small(request, tmp_path):
    path = tmp_path / f"{request.param}.esk"
    path.write_bytes((FIXTURES / path.name).read_bytes())
    return path


def walked(path):
    """All blocks, without the reader thread."""
    blocks = BlockFile(path)
    return [block for part in blocks.parts for block in blocks.read(part)]


def test_the_fixtures_of_every_version_stay_readable(small):
    """Files that were written when the version was new: what is read of them never changes."""
    blocks = BlockFile(small)
    (block,) = walked(small)
    if small.name.startswith("dense"):
        assert block.X.tolist() == (np.arange(12.0).reshape(4, 3) - 5.5).tolist()
        assert block.y.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8.5]]
        assert block.sample_weight is None
        assert (block.X.dtype, block.y.dtype) == (np.float64, np.float64)
        assert np.allclose(blocks.moments["mean"], [-1, 0, 1])
    else:
        assert block.X.shape == (4, 8)
        assert block.X.data.tolist() == [1.5, 2, 0, -3, 4]
        assert block.X.indices.tolist() == [3, 0, 4, 7, 1]
        assert block.X.indptr.tolist() == [0, 2, 2, 4, 5]
        assert block.y.tolist() == ["no", "yes", "no", "maybe"]
        assert block.sample_weight.tolist() == [1, 2, 0.5, 1]
        assert (block.X.dtype, block.X.indices.dtype) == (np.float32, np.int32)
    assert blocks.facts["n_rows"] == blocks.n_rows == len(block)


def test_every_flipped_byte_is_found(small):
    good = small.read_bytes()
    text = good.index(b'{"'), good.index(b"}}}") if b"}}}" in good else len(good)
    for i in range(len(good)):
        if text[0] < i < text[1] and i % 16:
            continue  # JSON under one checksum: some of its bytes will do
        small.write_bytes(good[:i] + bytes([good[i] ^ 0x10]) + good[i + 1 :])
        with pytest.raises(FormatError) as caught:
            walked(small)
        assert str(caught.value).startswith(str(small))


def test_every_truncation_is_found(small):
    good = small.read_bytes()
    for n in [*range(1, 200), *range(200, len(good), 7), len(good) - 1]:
        small.write_bytes(good[:n])
        with pytest.raises(FormatError, match=r"truncated|begins with"):
            BlockFile(small)
    small.write_bytes(good + b"x")
    with pytest.raises(FormatError, match="truncated"):
        BlockFile(small)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_damaged_page_is_named(tmp_path, sparse):
    path = tmp_path / "a.esk"
    X = np.random.default_rng(0).standard_normal((2 * UNIT, 100))
    if sparse:
        from scipy.sparse import csr_array

        X = csr_array(X)
    write_block_file(open_blocks(X), path)
    offset, size, _, first, rows, *_ = BlockFile(path).stored[0].rows.pages[3].tolist()
    with path.open("r+b") as f:
        f.seek(offset + size // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    blocks = open_blocks(path)
    expected = (
        rf"a.esk: page 3 \(rows {first} to {first + rows - 1} of part 0\): it is damaged: expected .* got 0x"
    )
    with pytest.raises(FormatError, match=expected):
        list(blocks)
    assert len(blocks.read_rows(blocks.parts[0], UNIT, 2 * UNIT)) == UNIT  # others can be read


def test_a_file_cut_short_while_it_is_read_is_an_error_not_a_signal(tmp_path):
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(np.ones((4 * UNIT, 100))), path)
    blocks = BlockFile(path, block_size="2MB")
    reading = blocks.read(blocks.parts[0])
    next(reading)
    with path.open("r+b") as f:
        f.truncate(int(blocks.stored[0].rows.pages[-1][0]) + 100)
    with pytest.raises(FormatError, match=r"rows .* of part 0.*the file is truncated"):
        list(reading)


# --- hostile footers, all checksums right ---


def rewritten(path, change):
    """The file with another footer: what a hostile or a newer writer may make."""
    raw = path.read_bytes()
    with path.open("rb") as file:
        footer = read_footer(file.fileno(), len(raw), str(path))
    arrays = {k: v.copy() for k, v in footer.arrays.items()}
    facts = {k: v for k, v in footer.facts.items() if k not in ("arrays", "needs")}
    change(facts, arrays)
    path.write_bytes(raw[: footer.end] + tail(footer.end, facts, arrays, footer.version))


def set_in(table, row, field, value):
    fields = {
        "blocks": block_v1.BLOCK_FIELDS,
        "sections": block_v1.SECTION_FIELDS,
        "pages": block_v2.FIELDS,
    }[table]

    def change(facts, arrays):
        arrays[table][row, fields.index(field)] = value

    return change


COMMON = {
    "parts": lambda facts, arrays: facts.update(parts=[]),
    "rows": lambda facts, arrays: facts.update(n_rows=7),
    "layout": lambda facts, arrays: facts.update(layout="dense"),
    "missing": lambda facts, arrays: facts.pop("n_columns"),
    "dtype": lambda facts, arrays: facts.update(dtype="float64"),
    "targets": lambda facts, arrays: facts.update(y_shape=[1 << 40]),
    "no tables": lambda facts, arrays: arrays.clear(),
    "crc": lambda facts, arrays: arrays.update(page_crc=arrays["page_crc"][:0]),
}
HOSTILE = {
    1: COMMON
    | {
        "huge rows": set_in("blocks", 0, "rows", 1 << 50),
        "negative size": set_in("blocks", 0, "size", -64),
        "offset beyond": set_in("blocks", 0, "offset", 1 << 40),
        "huge section": set_in("sections", 1, "count", 1 << 60),
        "section outside": set_in("sections", 1, "offset", 1 << 30),
        "section of no block": set_in("sections", 1, "block", 9),
        "more numbers": set_in("blocks", 0, "numbers", 6),
        "wider block": set_in("blocks", 0, "columns", 9),
        "first row": set_in("blocks", 0, "first_row", 256),
    },
    2: COMMON
    | {
        "huge rows": set_in("pages", 0, "rows", 1 << 50),
        "many rows": set_in("pages", 0, "rows", 4097),
        "no rows": set_in("pages", 0, "rows", 0),
        "negative size": set_in("pages", 0, "size", -64),
        "odd size": set_in("pages", 0, "size", 100),
        "offset beyond": set_in("pages", 0, "offset", 1 << 40),
        "huge numbers": set_in("pages", 0, "numbers", 1 << 60),
        "many numbers": set_in("pages", 0, "numbers", 1 << 23),
        "negative numbers": set_in("pages", 0, "numbers", -1),
        "more numbers": set_in("pages", 0, "numbers", 6),
        "place of x": set_in("pages", 0, "x_at", 8),
        "first row": set_in("pages", 0, "first_row", 256),
        "part": set_in("pages", 0, "part", 1),
        "nonzeros": set_in("pages", 0, "nonzeros", 77),
        "columns": lambda facts, arrays: facts.update(n_columns=1 << 70),
        "negative columns": lambda facts, arrays: facts.update(n_columns=-1),
        "stored dtype": lambda facts, arrays: facts.update(stored_dtype="float64"),
        "y dtype": lambda facts, arrays: facts.update(y_dtype="object"),
        "y dimensions": lambda facts, arrays: facts.update(y_shape=[1, 1]),
        "half": lambda facts, arrays: facts.update(stored_dtype="float16"),
        "weighted": lambda facts, arrays: facts.update(weighted=False),
        "labels": lambda facts, arrays: facts.update(labels=["no"]),
        "y missing": lambda facts, arrays: facts.update(y_shape=None, y_dtype=None, labels=None),
        "table": lambda facts, arrays: arrays.update(pages=arrays["pages"][:, :7].copy()),
        "float table": lambda facts, arrays: arrays.update(pages=arrays["pages"].astype(float)),
    },
}


@pytest.mark.parametrize(("version", "name"), [(v, name) for v, lies in HOSTILE.items() for name in lies])
def test_a_footer_that_lies_is_refused_without_allocating(tmp_path, version, name):
    path = tmp_path / "a.esk"
    path.write_bytes((FIXTURES / f"csr-v{version}.esk").read_bytes())
    rewritten(path, HOSTILE[version][name])
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            list(BlockFile(path))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_columns_outside_are_refused(tmp_path):
    for version in (1, 2):
        path = tmp_path / f"{version}.esk"
        path.write_bytes((FIXTURES / f"csr-v{version}.esk").read_bytes())
        narrow = lambda facts, arrays: facts.update(n_columns=3)  # noqa: E731
        if version == 1:
            narrow = lambda facts, arrays: (  # noqa: E731
                facts.update(n_columns=3),
                set_in("blocks", 0, "columns", 3)(facts, arrays),
            )
        rewritten(path, narrow)
        with pytest.raises(FormatError, match="column numbers outside 0 to 2"):
            list(BlockFile(path))


# --- hostile pages, all checksums right ---


def page_of(path):
    """The file's only page, and a function that writes the file anew with another."""
    raw = path.read_bytes()
    with path.open("rb") as file:
        footer = read_footer(file.fileno(), len(raw), str(path))
    page = bytearray(raw[64 : footer.end])
    facts = {k: v for k, v in footer.facts.items() if k not in ("arrays", "needs")}

    def put(changed):
        arrays = {k: v.copy() for k, v in footer.arrays.items()}
        arrays["page_crc"][0] = core.crc32c(bytes(changed))
        path.write_bytes(raw[:64] + bytes(changed) + tail(footer.end, facts, arrays))

    return page, put


@pytest.mark.parametrize("name", ["csr-v2", "dense-v2"])
def test_no_byte_of_a_page_does_harm(tmp_path, name):
    """A page with any byte changed and its checksum right: rows of other numbers, or a FormatError; nothing else."""
    path = tmp_path / "a.esk"
    path.write_bytes((FIXTURES / f"{name}.esk").read_bytes())
    page, put = page_of(path)
    good, refused = bytes(page), 0
    for i in range(len(good)):
        for value in (0, 0xFF, good[i] ^ 1):
            page[:] = good
            page[i] = value
            put(page)
            blocks = BlockFile(path)
            blocks.checked = False
            try:
                (block,) = (b for part in blocks.parts for b in blocks.read(part))
            except FormatError as error:
                assert str(error).startswith(str(path))  # noqa: PT017
                refused += 1
                continue
            assert block.X.shape == (4, blocks.n_columns)
            if blocks.is_sparse:
                assert block.X.indptr[-1] == 5
                assert (np.diff(block.X.indptr) >= 0).all()
                assert block.X.indices.min() >= 0
                assert block.X.indices.max() < 8
    assert refused > 80


def test_newer_versions_and_sections_say_what_is_needed(tmp_path):
    path = tmp_path / "a.esk"
    good = (FIXTURES / "csr-v2.esk").read_bytes()
    path.write_bytes(good)
    page, put = page_of(path)
    page[16 + 2] = 9
    put(page)
    with pytest.raises(
        FormatError, match="encoding 9 of 2 bits, which this esker does not know; use a later"
    ):
        list(BlockFile(path))
    first = bytearray(good[:60])
    first[8:12] = struct.pack("<I", 9)
    last = bytearray(good[-64:-4])
    last[28:32] = struct.pack("<I", 9)
    sums = [struct.pack("<I", core.crc32c(bytes(b))) for b in (first, last)]
    path.write_bytes(bytes(first) + sums[0] + good[64:-64] + bytes(last) + sums[1])
    with pytest.raises(
        FormatError,
        match=r"version 9 of the block file, and this esker reads 1 and 2; use esker 0\.1 or later",
    ):
        BlockFile(path)
