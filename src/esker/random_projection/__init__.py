"""Fewer columns by random maps: scikit-learn's names, and transforms that need no matrix."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name -> the module that defines it.
_NAMES: dict[str, str] = {
    "CountSketchProjection": "esker.random_projection._fast",
    "GaussianRandomProjection": "esker.random_projection._dense",
    "SRHTProjection": "esker.random_projection._fast",
    "SparseRandomProjection": "esker.random_projection._dense",
    "hadamard_transform": "esker.random_projection._hadamard",
    "johnson_lindenstrauss_min_dim": "sklearn.random_projection",
}

__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'esker.random_projection' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
