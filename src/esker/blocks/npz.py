""".npz files: named arrays X, y and weight as numpy.savez writes them, or a matrix as scipy.sparse.save_npz does; no pickles."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.arrays import open_array
from esker.blocks.base import Blocks
from esker.blocks.memory import parse_size, show_size

if TYPE_CHECKING:
    from esker.blocks.sources import Options

__all__ = ["open_npz"]

_SPARSE = {"format", "shape", "data"}
_TARGETS, _WEIGHTS = ("y", "target", "label", "labels"), ("sample_weight", "weight", "w")


def open_npz(paths: list[Path], options: Options) -> Blocks:
    """`open_blocks` of one .npz file, which is read into memory: its arrays lie packed in it.

    ``target=`` and ``weight=`` may name arrays of the file; by default ``y`` and ``sample_weight`` are taken where they are there.
    """
    if len(paths) > 1:
        raise ValueError(
            f"an .npz file is a source of its own, got {len(paths)}; write their arrays as .npy files, one of which is a part"
        )
    path = paths[0]
    try:
        _refuse_large(path, options)
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            names = set(file.files)
            if names >= _SPARSE:
                X, told = (
                    _sparse(path),
                    names - _SPARSE - {"indices", "indptr", "row", "col", "offsets", "_is_array"},
                )
            else:
                X, told = file[_features(path, file.files)], names
            target = _beside(file, told, options.target, _TARGETS, "target")
            weight = _beside(file, told, options.weight, _WEIGHTS, "weight")
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise FormatError(f"not a whole .npz file: {error}", str(path)) from None
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise FormatError("an array holds Python objects; save it as numbers", str(path)) from None
    blocks = open_array(X, replace(options, target=target, weight=weight))
    blocks.source, blocks.files = str(path), (path,)
    return blocks


def _features(path: Path, names: list[str]) -> str:
    for name in ("X", "x", "data"):
        if name in names:
            return name
    if names == ["arr_0"]:
        return "arr_0"
    if "esker.json" in names:
        raise FormatError("a saved model, no data; esker.load reads it, and esker predict uses it", str(path))
    raise FormatError(
        f"an array X was expected, got {', '.join(names[:8]) or 'none'}; save it as numpy.savez(path, X=X, y=y)",
        str(path),
    )


def _beside(file: Any, names: set[str], asked: Any, usual: tuple[str, ...], what: str) -> Any:
    """The target or weights: an array of the file by name, what was passed, or the array of a usual name."""
    if isinstance(asked, str):
        if asked not in names:
            raise ValueError(f"{what}={asked!r} is no array of the file; it has {', '.join(sorted(names))}")
        return file[asked]
    if asked is not None:
        return asked
    found = next((name for name in usual if name in names), None)
    return None if found is None else file[found]


def _sparse(path: Path) -> Any:
    from scipy.sparse import load_npz

    return load_npz(path)


def _refuse_large(path: Path, options: Options) -> None:
    """The sizes of the arrays stand in the file's directory."""
    memory = parse_size(options.max_memory)
    if memory is None:
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > memory:
        raise ValueError(
            f"{path} takes {show_size(size)} unpacked, and max_memory is {show_size(memory)}; write X as an .npy file, which "
            "is read in pieces, or a sparse one as a block file (esker convert)"
        )
