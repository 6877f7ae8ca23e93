"""A checkpoint: everything that a walk needs to go on to the same bits, in one file that is whole or not there."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker._native import core
from esker._parameters import check_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["fingerprint", "fingerprint_arrays", "load", "remove", "save"]

#: Rows of X that a fingerprint looks at.
ROWS = 256
_FORMAT = "esker-checkpoint-1"


def save(path: str | os.PathLike[str], facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write facts (JSON) and arrays as one .npz."""
    from esker._atomic import atomic_write

    text = json.dumps({"format": _FORMAT, **facts})
    with atomic_write(path) as file:
        np.savez(file, allow_pickle=False, _facts=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)


def load(
    path: str | os.PathLike[str], identity: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    """Facts and arrays of a checkpoint of this very fit; None where there is no file.

    Raises
    ------
    FormatError
        The file is no checkpoint, or is damaged.
    ValueError
        It is one of another fit; the message says in what the two differ.
    """
    if not os.path.exists(check_path("checkpoint", path)):
        return None
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts: dict[str, Any] = json.loads(arrays.pop("_facts").tobytes())
        if facts["format"] != _FORMAT:
            raise KeyError("format")
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(
            "this is no checkpoint of an esker fit, or it is damaged; remove it or name another file",
            os.fspath(path),
        ) from error
    theirs, ours = facts["identity"], json.loads(json.dumps(identity))
    differ = [k for k in sorted({*theirs, *ours}) if theirs.get(k) != ours.get(k)]
    if differ:
        what = "; ".join(f"{k} was {theirs.get(k)!r} and is {ours.get(k)!r}" for k in differ)
        raise ValueError(
            f"checkpoint {os.fspath(path)!r} is of another fit: {what}. Remove it to start anew, or name another file"
        )
    return facts, arrays


def remove(path: str | os.PathLike[str]) -> None:
    """The fit is complete: its checkpoint has served."""
    if os.path.exists(path):
        os.remove(path)


def fingerprint(block: Block) -> int:
    """A checksum of the first rows of a data set."""
    return _checksum(
        block.X[:ROWS], (a if a is None else a[:ROWS] for a in (block.raw_y(), block.sample_weight))
    )


def fingerprint_arrays(X: Any, *by_row: NDArray[Any] | None) -> int:
    """A checksum of rows all over X, and of all targets and weights: far less than a walk."""
    n = X.shape[0]
    return _checksum(X[np.unique(np.linspace(0, n - 1, min(ROWS, n)).astype(np.intp))], by_row)


def _checksum(X: Any, by_row: Iterable[NDArray[Any] | None]) -> int:
    pieces = [X] if isinstance(X, np.ndarray) else [X.data, X.indices.astype(np.int64)]
    crc = 0
    for piece in (*pieces, *(a for a in by_row if a is not None)):
        octets: Any = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
        crc = core.crc32c(octets, crc)
    return crc
