"""What a cache must agree on with its source: the files' fingerprints, the options of parsing, and the feature steps.

All of it is plain JSON, kept in the block file's footer. What cannot be told apart that way is not cached.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import core

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["cache_key", "place_of", "same_files"]

#: Raised when the same source and options begin to give other rows.
_RULES = 2
#: Options that decide how much is held at a time, not what the rows are.
_MEMORY = ("max_memory", "block_size", "records", "texts", "n_threads", "cache")


def cache_key(options: Options, format: str | None, steps: Sequence[Any]) -> dict[str, Any]:
    """Options and steps as JSON has them.

    Raises
    ------
    ValueError
        An option or a step whose parameters are not plain values, so that a later run could not compare them.
    """
    given = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in _MEMORY}
    key = {
        "rules": _RULES,
        "esker": core.config()["version"],
        "format": format,
        "options": {name: _plain(value, f"{name}=") for name, value in given.items() if value is not None},
        "steps": [_step(step) for step in steps],
    }
    told: dict[str, Any] = json.loads(json.dumps(key, sort_keys=True))
    return told


def _step(step: Any) -> dict[str, Any]:
    """A step's class, its parameters, and what it was fitted to (attributes that end in an underscore)."""
    name = f"{type(step).__module__}.{type(step).__qualname__}"
    if not callable(getattr(step, "get_params", None)):
        raise ValueError(
            f"cache= keeps features by the parameters of their steps, and {name} has no get_params(); "
            "leave cache= out, or convert to a block file"
        )
    where = f"a parameter of {name}"
    fitted = {k: v for k, v in getattr(step, "__dict__", {}).items() if k.endswith("_") and k[0] != "_"}
    return {
        "class": name,
        "params": {k: _plain(v, where) for k, v in step.get_params(deep=False).items()},
        "fitted": {k: _plain(v, where) for k, v in fitted.items()},
    }


def _plain(value: Any, where: str) -> Any:
    """A value as JSON; arrays by their checksum."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, list | tuple):
        return [_plain(v, where) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(v, where) for v in value), key=repr)
    if isinstance(value, dict):
        return [[_plain(k, where), _plain(v, where)] for k, v in value.items()]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufSU":
        crc = core.crc32c(np.ascontiguousarray(value).view(np.uint8).reshape(-1).data)
        return {"crc32c": crc, "shape": list(value.shape), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray):
        return {"array": _plain(value.tolist(), where)}
    if hasattr(value, "get_params"):
        return _step(value)
    raise ValueError(
        f"cache= compares options by value, and cannot tell whether {where} {value!r} is the same in a later run; "
        "leave cache= out, or convert to a block file"
    )


def same_files(then: Any, now: list[dict[str, Any]]) -> bool:
    """Whether fingerprints are of the same bytes, wherever the files lie by now."""
    names = ("size", "mtime_ns", "head_crc32c", "tail_crc32c")
    try:
        return [[f[n] for n in names] for f in then] == [[f[n] for n in names] for f in now]
    except (TypeError, KeyError):
        return False


def place_of(files: Sequence[Path], key: dict[str, Any]) -> Path:
    """Where ``cache="auto"`` keeps the block file of these files, read with these options.

    ``ESKER_CACHE``, if set, is the folder; else it is the folder of the first file, where that may be written, under a name that
    begins with a dot, so that globs pass it by; else the user's cache folder.
    """
    first = Path(os.path.abspath(files[0]))
    paths = [os.path.abspath(f) for f in files]
    told = json.dumps([key, [os.path.basename(p) for p in paths]], sort_keys=True)
    name = first.name + (f"+{len(files) - 1}" if len(files) > 1 else "")
    folder = os.environ.get("ESKER_CACHE")
    if not folder and os.access(first.parent, os.W_OK | os.X_OK):
        return first.parent / f".{name}.{zlib.crc32(told.encode()):08x}.esk"
    if not folder:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        folder = os.path.join(base, "esker")
    told += json.dumps(paths)
    return Path(folder) / f"{name}.{zlib.crc32(told.encode()):08x}.esk"
