"""The borrowed BLAS, and the same through a table whose integers are 64 bits wide."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

SCRIPT = r'''
import ctypes, sys
import numpy as np
from esker import _blas, _core

names = _core.routine_names()
real, bits = _blas.capsules(names)
name_of = ctypes.pythonapi.PyCapsule_GetName
name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

# In Fortran's order, what each argument is: c character, i integer, d doubles, I array of integers.
SHAPES = {
    "dgemm": "cciiididididi", "dsyrk": "cciidididi", "dtrsm": "cccciididi", "dtrsv": "cccididi",
    "dpotrf": "cidii", "dpotrs": "ciididii", "dpocon": "cididddIi"[:0] + "cididddIi"[0:0] + "cididdd"[0:0] + "cidiDDdIi".lower().replace("i", "i"),
    "dsyevd": "ccididdiIii",
}
SHAPES["dgemm"] = "cciiiddididdi"
SHAPES["dsyrk"] = "cciiddiddi"
SHAPES["dtrsm"] = "cccciiddidi"
SHAPES["dtrsv"] = "cccididi"[:3] + "i" + "d" + "i" + "d" + "i"
SHAPES["dpocon"] = "c" + "i" + "d" + "i" + "d" + "d" + "d" + "I" + "i"
SHAPES["dsyevd"] = "c" + "c" + "i" + "d" + "i" + "d" + "d" + "i" + "I" + "i" + "i"
'''
