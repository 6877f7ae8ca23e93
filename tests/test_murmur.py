"""MurmurHash3_x86_32: published answers, and scikit-learn's at every length, cut and seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from esker._native import core

# The answers that circulate with the hash's own SMHasher tests.
KNOWN = [
    (b"", 0, 0),
    (b"", 1, 0x514E28B7),
    (b"", 0xFFFFFFFF, 0x81F16F39),
    (b"\xff\xff\xff\xff", 0, 0x76293B50),
    (b"!Ce\x87", 0, 0xF55B516B),
    (b"!Ce\x87", 0x5082EDEE, 0x2362F9DE),
    (b"!Ce", 0, 0x7E4A8634),
    (b"!C", 0, 0xA0F7B07A),
    (b"!", 0, 0x72661CF4),
    (b"\0\0\0\0", 0, 0x2362F9DE),
    (b"\0", 0, 0x514E28B7),
    (b"Hello, world!", 0x9747B28C, 0x24884CBA),
    (b"The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
]


@pytest.mark.parametrize(("data", "seed", "expected"), KNOWN)
def test_published_answers(data, seed, expected):
    assert core.murmur3_32(data, seed) == expected


def test_equals_scikit_learns_at_any_length():
    data = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8).tobytes()
    for n in [*range(70), 255, 256, 257, 4000]:
        for begin in (0, 1, 3):
            for seed in (0, 1, 2**32 - 1):
                piece = data[begin : begin + n]
                assert core.murmur3_32(piece, seed) == murmurhash3_32(piece, seed, positive=True)
