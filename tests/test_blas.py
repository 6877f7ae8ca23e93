"""The borrowed BLAS: refusals, and the same solves through a table whose integers are 64 bits wide."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Every routine behind a shim that reads 64-bit integers where C++ passes integers, and calls scipy's own.
SHIMS = r"""
import ctypes

import numpy as np

from esker import _blas
from esker._native import core

# Arguments in Fortran's order: c character, d number(s), i integer, I array of integers.
ARGUMENTS = {
    "dgemm": "cciiiddididdi", "sgemm": "cciiiddididdi", "dgemv": "ciiddididdi", "dtrmm": "cccciiddidi", "dsymm": "cciidididdi", "dsyrk": "cciiddiddi",
    "dtrsm": "cccciiddidi", "dtrsv": "cccididi", "dpotrf": "cidii", "dpotrs": "ciididii", "dpocon": "cididddIi", "dsyevd": "ccididdiIii",
}
api = ctypes.pythonapi
api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
calls, kept = [], []

def shim(name, capsule):
    shape = ARGUMENTS[name]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(shape))
    real = kind(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))

    def call(*pointers):
        calls.append(name)
        passed, back = [], []
        for letter, pointer in zip(shape, pointers):
            if letter in "iI":
                wide = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int64))
                narrow = (ctypes.c_int32 * (1 if letter == "i" else 4096))()
                if letter == "i":
                    assert abs(wide[0]) < 2**31, f"{name} was passed 32-bit integers"
                    narrow[0] = wide[0]
                back.append((wide, narrow))
                pointer = ctypes.addressof(narrow)
            passed.append(pointer)
        real(*passed)
        for wide, narrow in back:
            wide[0] = narrow[0]

    callback = kind(call)
    kept.append(callback)
    return api.PyCapsule_New(ctypes.cast(callback, ctypes.c_void_p), b"shim", None)

names = core.routine_names()
capsules, bits = _blas.capsules(names)
if bits != 32:
    raise SystemExit(77)
core.install_blas([shim(n, c) for n, c in zip(names, capsules)], 64)
assert core.config()["blas_integer_bits"] == 64
"""

SOLVES = r"""
from esker.linear_model import Ridge

rng = np.random.default_rng(0)
for n, d in ((60, 7), (5, 20)):
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    centred, target = X - X.mean(0), y - y.mean()
    expected = np.linalg.solve(centred.T @ centred + 0.5 * np.eye(d), centred.T @ target)
    np.testing.assert_allclose(Ridge(alpha=0.5).fit(X, y).coef_, expected, rtol=1e-9)
assert "dpotrf" in calls and "dpotrs" in calls, calls
packed, X = core.Gram(packed=300), rng.standard_normal((400, 300))
packed.update(X)
centred = X - X.mean(0)
A = centred.T @ centred + 0.5 * np.eye(300)
scaling, right = core.factorise(packed, 0.5, True), rng.standard_normal((2, 300))
product = right @ A
core.multiply_factored(packed, scaling, right)
np.testing.assert_allclose(right, product, rtol=1e-9, atol=1e-9)
core.solve(packed, scaling, right)
np.testing.assert_allclose(right @ A, product, rtol=1e-9, atol=1e-9)
assert {"dgemm", "dgemv", "dtrmm", "dtrsm", "dtrsv"} <= set(calls), calls
print("solved with", sorted(set(calls)))
"""


def test_solves_through_a_table_of_64_bit_integers() -> None:
    pytest.importorskip("esker.linear_model")
    done = subprocess.run([sys.executable, "-c", SHIMS + SOLVES], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this scipy's BLAS has 64-bit integers itself")
    assert done.returncode == 0, done.stderr
    assert "dpotrf" in done.stdout


def test_refusals() -> None:
    from esker import _blas
    from esker._native import core

    capsules, bits = _blas.capsules(core.routine_names())
    with pytest.raises(ValueError, match="install_blas expected 12 pointers, got 11"):
        core.install_blas(capsules[:-1], bits)
    with pytest.raises(ValueError, match="32 or 64 bits wide, got 16"):
        core.install_blas(capsules, 16)
    with pytest.raises(ImportError, match=r"scipy\.linalg offers no dnothing"):
        _blas.capsules(["dgemm", "dnothing"])
    assert core.config()["blas_integer_bits"] == bits
