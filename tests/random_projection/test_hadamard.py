"""The Walsh-Hadamard transform: bits of the plain butterfly, for every size, shape and blocking."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from esker._native import core, threads
from esker.random_projection import hadamard_transform


def butterfly(X: Any) -> Any:
    """Of the last axis, a stage after the other."""
    X, n, h = np.array(X), X.shape[-1], 1
    while h < n:
        pairs = X.reshape(-1, n // (2 * h), 2, h)
        first, second = pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]
        pairs[:, :, 0], pairs[:, :, 1] = first, second
        h *= 2
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log", [*range(18), 21])
def test_vectors_have_the_butterflys_bits(dtype: Any, log: int) -> None:
    X = np.random.default_rng(log).normal(size=(3 if log < 15 else 1, 1 << log)).astype(dtype)
    got = hadamard_transform(X)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, butterfly(X))
    np.testing.assert_array_equal(hadamard_transform(X, out=X), got)  # in place


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log", [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 13])
@pytest.mark.parametrize("cols", [1, 3, 8, 37, 64, 100])
def test_columns_have_the_butterflys_bits(dtype: Any, log: int, cols: int) -> None:
    X = np.random.default_rng(log).normal(size=(1 << log, cols)).astype(dtype)
    np.testing.assert_array_equal(hadamard_transform(X, axis=0), butterfly(np.ascontiguousarray(X.T)).T)


@pytest.mark.parametrize("n", [1, 2, 16, 256])
def test_the_matrix_is_hadamards(n: int) -> None:
    np.testing.assert_array_equal(hadamard_transform(np.eye(n)), scipy.linalg.hadamard(n))


@given(st.integers(0, 6), st.integers(0, 5), st.integers(0, 9), st.sampled_from([0, 1, 2, -1, -2, -3]))
def test_axes(before: int, log: int, after: int, axis: int) -> None:
    shape = [before, after, after + 1]
    shape[axis] = 1 << log
    X = np.random.default_rng(0).normal(size=shape)
    want = np.moveaxis(butterfly(np.ascontiguousarray(np.moveaxis(X, axis, -1))), -1, axis)
    np.testing.assert_array_equal(hadamard_transform(X, axis=axis), want)


def test_orthonormal_is_its_own_inverse() -> None:
    X = np.random.default_rng(0).normal(size=(5, 512)).astype(np.float32)
    once = hadamard_transform(X, norm="ortho")
    np.testing.assert_allclose(hadamard_transform(once, norm="ortho"), X, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(once, axis=1), np.linalg.norm(X, axis=1), rtol=1e-6)


def test_the_same_bits_for_any_threads() -> None:
    X = np.random.default_rng(0).normal(size=(64, 4096)).astype(np.float32)
    found = []
    for n in (1, 2, 4):
        with threads(n):
            found.append(hadamard_transform(X).tobytes() + hadamard_transform(X, axis=0).tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("isa", core.config()["isas_available"])
def test_the_same_bits_on_every_instruction_set(isa: str) -> None:
    code = (
        "import numpy as np, zlib; from esker.random_projection import hadamard_transform as h;"
        "X = np.random.default_rng(0).normal(size=(8, 8192)).astype(np.float32);"
        "print(zlib.crc32(h(X)), zlib.crc32(h(X.T.copy(), axis=0)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "ESKER_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    X = np.random.default_rng(0).normal(size=(8, 8192)).astype(np.float32)

    assert [int(c) for c in out.stdout.split()] == [
        zlib.crc32(butterfly(X)),
        zlib.crc32(np.ascontiguousarray(butterfly(X).T)),
    ]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two, got 6; pad with zeros"):
        hadamard_transform(np.zeros((4, 6)))
    with pytest.raises(ValueError, match="power of two, got 0"):
        hadamard_transform(np.zeros((4, 0)))
    with pytest.raises(ValueError, match="at least 1 dimension"):
        hadamard_transform(3.0)
    with pytest.raises(ValueError, match='norm must be None or "ortho"'):
        hadamard_transform(np.zeros(4), norm="l2")
    with pytest.raises(ValueError, match="out must be"):
        hadamard_transform(np.zeros(4), out=np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="real numbers"):
        hadamard_transform(np.zeros(4, complex))
    assert hadamard_transform(np.zeros((0, 4))).shape == (0, 4)
    assert np.isnan(hadamard_transform([1.0, np.nan, 0.0, 0.0])).all()
