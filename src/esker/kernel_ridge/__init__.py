"""Kernel ridge regression on data of any size."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name -> the module that defines it.
_NAMES: dict[str, str] = {"NystroemRidge": "esker.kernel_ridge.nystroem_ridge"}

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'esker.kernel_ridge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
