"""Row sketches, which shrink n: many rows made few, at a known price."""

from __future__ import annotations

from esker.sketch._frequent import FrequentDirections
from esker.sketch._gaussian import GaussianSketch
from esker.sketch._probes import SketchError
from esker.sketch._rows import sketch_rows
from esker.sketch._samples import LeverageRows, UniformRows
from esker.sketch._sparse_sign import CountSketch, SparseSign
from esker.sketch._srht import SRHT

__all__ = [
    "SRHT",
    "CountSketch",
    "FrequentDirections",
    "GaussianSketch",
    "LeverageRows",
    "SketchError",
    "SparseSign",
    "UniformRows",
    "sketch_rows",
]
