"""What this installation is: version, compiler, instruction set, threads, BLAS."""

from __future__ import annotations

from typing import Any

__all__ = ["config", "show_config"]


def config() -> dict[str, Any]:
    """The facts that `show_config` prints, as a dict."""
    import numpy
    import scipy
    import sklearn

    from esker._native import core

    facts: dict[str, Any] = dict(core.config())
    facts["blas"] = _scipy_blas()
    facts["numpy"], facts["scipy"], facts["scikit-learn"] = (
        numpy.__version__,
        scipy.__version__,
        sklearn.__version__,
    )
    return facts


def _scipy_blas() -> str:
    """The library behind scipy.linalg, as scipy's build describes it."""
    import scipy

    blas = scipy.__config__.show(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip() + " (scipy's)"


def show_config() -> None:
    """Print version, compiler, instruction set chosen and available, threads, and which BLAS is borrowed."""
    for name, value in config().items():
        print(f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}")
