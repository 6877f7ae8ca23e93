"""Row sketches, which shrink n: many rows made few, at a known price."""

from __future__ import annotations

from esker.sketch._rows import sketch_rows

__all__ = ["sketch_rows"]
