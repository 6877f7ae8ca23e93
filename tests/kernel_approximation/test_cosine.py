"""The cosine kernel, against long doubles, at all sizes of angles, on every instruction set."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from esker._native import core

WIDER: dict[Any, Any] = {np.float32: np.float64, np.float64: np.longdouble}


def cosine(x: Any, offset: Any = None, scale: float = 1.0) -> Any:
    out = np.empty_like(x)
    core.cosine(out, x, np.zeros_like(x) if offset is None else offset, scale)
    return out


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 2e-7), (np.float64, 4e-16)])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e2, 1e4, 1e6, 1e9, 1e18])
def test_cosine(dtype: Any, error: float, size: float) -> None:
    x = (np.random.default_rng(0).uniform(-1, 1, 20_001) * size).astype(dtype)
    exact = np.cos(x.astype(WIDER[dtype]))
    assert np.abs(cosine(x) - exact).max() <= error
    offset = np.linspace(0, 7, len(x)).astype(dtype)
    exact = np.cos((x + offset).astype(WIDER[dtype]))
    assert np.abs(cosine(x, offset, 0.5) - exact / 2).max() <= error / 2 + 1e-17


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cosine_about_its_zeros(dtype: Any) -> None:
    """Relative error near odd multiples of pi / 2, where an absolute one could hide everything."""
    odd = 2 * np.arange(-500, 500) + 1
    x = (odd * (np.pi / 2) + (0 if dtype == np.float32 else 1e-6)).astype(dtype)
    exact = np.cos(x.astype(np.longdouble))
    assert np.abs(exact).max() < 1e-4
    assert np.abs(cosine(x) / exact - 1).max() < (1e-4 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 127, 128, 129])
def test_one_angle_among_others(dtype: Any, n: int) -> None:
    x = np.linspace(-3, 3, n).astype(dtype)
    alone = cosine(x)
    for far in (1e5, 1e300 if dtype == np.float64 else 1e38, np.inf, np.nan):
        y = x.copy()
        y[n // 2] = far
        got = cosine(y)
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(got[n // 2], np.cos(y[n // 2]), atol=2e-7)
        np.testing.assert_array_equal(np.delete(got, n // 2), np.delete(alone, n // 2))


def test_every_instruction_set() -> None:
    code = (
        "import numpy as np; from esker._native import core\n"
        "x = np.linspace(-50, 50, 1001); out = np.empty_like(x); core.cosine(out, x, np.zeros_like(x), 1.0)\n"
        "assert abs(out - np.cos(x)).max() < 4e-16\n"
        "X = np.cos(np.arange(700.0)).reshape(50, 14); W = np.sin(np.arange(14.0 * 37)).reshape(14, 37)\n"
        "out = np.empty((50, 37)); core.cosine_features(out, X, W, np.arange(37.0), 0.5)\n"
        "assert abs(out - 0.5 * np.cos(X @ W + np.arange(37))).max() < 1e-14"
    )
    for isa in core.config()["isas_available"]:
        environment = {**os.environ, "ESKER_ISA": isa}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
