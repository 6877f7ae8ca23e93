"""Normal numbers from Philox: the words' Box-Muller transform in NumPy, their distribution, the same bits everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
import scipy.stats

from esker._native import core, threads

SEED, STREAM = 0x0123456789ABCDEF, 20


def normals(shape: tuple[int, int], dtype: Any = np.float64, key: int = 5, **options: Any) -> Any:
    out = np.full(shape, np.nan, dtype)
    core.normals(out, key, SEED, STREAM, **options)
    return out


def oracle(rows: int, draws: int, key: int = 5, first: int = 0) -> Any:
    """From the words of `core.philox`, which is held to published answers."""
    seed = [SEED & 0xFFFFFFFF, SEED >> 32]
    words = np.array(
        [
            [
                core.philox([k & 0xFFFFFFFF, k >> 32 & 0xFFFFFFFF, STREAM, first // 4 + j], seed)
                for j in range(draws)
            ]
            for k in range(key, key + rows)
        ],
        np.uint64,
    ).reshape(rows, 2 * draws, 2)
    u = np.longdouble(words[:, :, 0] >> np.uint64(1) | np.uint64(1)) / 2**31
    angle = 2 * np.longdouble("3.14159265358979323846") * words[:, :, 1].astype(np.longdouble) / 2**32
    radius = np.sqrt(-2 * np.log(u))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(rows, 4 * draws)


@pytest.mark.parametrize("key", [0, 5, (1 << 40) + 7])
@pytest.mark.parametrize("first", [0, 8, 4000])
def test_values(key: int, first: int) -> None:
    want = oracle(4, 30, key, first)
    np.testing.assert_allclose(
        normals((4, 120), key=key, first=first), want.astype(float), rtol=1e-13, atol=1e-15
    )
    close = normals((4, 120), np.float32, key=key, first=first)
    np.testing.assert_allclose(close, want.astype(float), rtol=2e-6, atol=1e-6)
    scaled = normals((4, 120), np.float32, key=key, first=first, scale=0.25)
    np.testing.assert_array_equal(scaled, close / 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_cut_gives_the_same(dtype: Any) -> None:
    whole = normals((6, 150), dtype)
    for count in (1, 3, 4, 31, 32, 33, 64, 149):
        np.testing.assert_array_equal(normals((6, count), dtype), whole[:, :count])
    np.testing.assert_array_equal(normals((6, 50), dtype, first=100), whole[:, 100:])
    np.testing.assert_array_equal(normals((2, 150), dtype, key=8), whole[3:5])
    with threads(3):
        np.testing.assert_array_equal(normals((6, 150), dtype), whole)


def test_the_distribution_is_normal() -> None:
    z = normals((1000, 1000), np.float32)
    assert np.isfinite(z).all()
    flat = z.ravel().astype(float)
    assert scipy.stats.kstest(flat[::5], "norm").pvalue > 1e-3
    for power, want, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((flat**power).mean() - want) < 5 * np.sqrt(spread / flat.size)
    for limit in (3.0, 4.0, 4.5):  # tails
        expected = 2 * scipy.stats.norm.sf(limit) * flat.size
        assert abs((abs(flat) > limit).sum() - expected) < 5 * np.sqrt(expected) + 1
    assert flat.max() > 4.5
    assert flat.min() < -4.5
    # Neighbours, within a draw and between keys, have nothing to do with each other.
    for lag in (1, 2, 3, 4, 1000):
        assert abs((flat[lag:] * flat[:-lag]).mean()) < 5e-3
        assert abs((flat[lag:] ** 2 * flat[:-lag] ** 2).mean() - 1) < 2e-2


@pytest.mark.parametrize("isa", core.config()["isas_available"])
def test_the_same_bits_on_every_instruction_set(isa: str) -> None:
    code = (
        "import numpy as np, zlib; from esker._native import core\n"
        f"for t in (np.float32, np.float64):\n out = np.empty((50, 333), t); core.normals(out, 5, {SEED}, {STREAM}); print(zlib.crc32(out))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ESKER_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    want = [zlib.crc32(normals((50, 333), t)) for t in (np.float32, np.float64)]
    assert [int(line) for line in found.stdout.split()] == want
