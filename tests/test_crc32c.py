"""CRC32C: the published vectors, and the CPU's instruction against tables at every length and cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esker._native import core

NOISE = np.random.default_rng(2).integers(0, 256, 6000, dtype=np.uint8).tobytes()

# RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
KNOWN = [
    (b"", 0),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (
        bytes.fromhex(
            "01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000"
        ),
        0xD9963A56,
    ),
]


@pytest.mark.parametrize(
    "crc",
    [core.crc32c, core.crc32c_by_instruction, core.crc32c_by_tables],
    ids=["best", "instruction", "tables"],
)
@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_published_vectors(crc, data, expected):
    assert crc(data) == expected


def test_instruction_equals_tables_at_any_length():
    data = np.random.default_rng(0).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    lengths = [*range(70), 255, 256, 767, 768, 769, 1000, 24_575, 24_576, 24_577, 50_001, 60_000]
    for n in lengths:
        for begin in (0, 1, 7):
            expected = core.crc32c_by_tables(data[begin : begin + n])
            assert core.crc32c(data[begin : begin + n]) == expected
            assert core.crc32c_by_instruction(data[begin : begin + n]) == expected


@given(st.integers(0, 5000), st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_any_length_offset_and_start(n, begin, crc):
    data = memoryview(NOISE)[begin : begin + n]
    expected = core.crc32c_by_tables(data, crc)
    assert core.crc32c(data, crc) == expected
    assert core.crc32c_by_instruction(data, crc) == expected


def test_pieces_equal_the_whole():
    data = np.random.default_rng(1).integers(0, 256, 40_000, dtype=np.uint8).tobytes()
    for cut in (0, 1, 768, 24_576, 39_999, 40_000):
        assert core.crc32c(data[cut:], core.crc32c(data[:cut])) == core.crc32c(data)
