"""esker: linear models from data too large for memory, in the time and memory you grant.

Everything is imported at first use, so that ``import esker`` and ``esker --help`` cost next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from esker._config import show_config as show_config
    from esker._errors import CacheWarning as CacheWarning
    from esker._errors import Diverged as Diverged
    from esker._errors import FormatError as FormatError
    from esker._errors import NotPositiveDefinite as NotPositiveDefinite
    from esker._persist import load as load
    from esker._persist import save as save
    from esker.blocks import open_blocks as open_blocks
    from esker.folds import fold as fold
    from esker.sketch import sketch_rows as sketch_rows

# Public name -> the module that defines it; the sub-modules that users import from come after.
_NAMES = {
    "show_config": "esker._config",
    "CacheWarning": "esker._errors",
    "FormatError": "esker._errors",
    "NotPositiveDefinite": "esker._errors",
    "Diverged": "esker._errors",
    "fold": "esker.folds",
    "sketch_rows": "esker.sketch",
    "open_blocks": "esker.blocks",
    "load": "esker._persist",
    "save": "esker._persist",
}
_MODULES = (
    "blocks",
    "folds",
    "engines",
    "sketch",
    "learning",
    "linear_model",
    "feature_extraction",
    "preprocessing",
    "impute",
    "svm",
    "kernel_approximation",
    "random_projection",
    "decomposition",
)

__all__ = [*_NAMES, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("esker")
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name in _MODULES:
        return import_module(f"esker.{name}")
    raise AttributeError(f"module 'esker' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
