"""Features of texts and tables by hashing; names and parameters are scikit-learn's where it has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name -> the module that defines it.
_NAMES: dict[str, str] = {
    "FeatureHasher": "esker.feature_extraction.feature_hasher",
    "TableHasher": "esker.feature_extraction.table_hasher",
}

__all__ = [*_NAMES, "text"]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name == "text":
        return import_module("esker.feature_extraction.text")
    raise AttributeError(f"module 'esker.feature_extraction' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
