"""Row sketches, which shrink n: many rows made few, at a known price."""

from __future__ import annotations

from esker.sketch._probes import SketchError
from esker.sketch._rows import sketch_rows
from esker.sketch._sparse_sign import CountSketch, SparseSign

__all__ = ["CountSketch", "SketchError", "SparseSign", "sketch_rows"]
