"""One .npy file: what its header says, and its rows read by position into memory of our own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esker._errors import FormatError
from esker.blocks.memory import empty, rows_of

__all__ = ["NpyFile"]


@dataclass(frozen=True)
class NpyFile:
    """What the header of a .npy file says, held against the file's size."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int
    #: Whether what was read leaves the system's page cache again.
    passing: bool = False

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> NpyFile:
        path = Path(path)
        with open(path, "rb") as file:
            try:
                version = np.lib.format.read_magic(file)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }.get(version)
                if read is None:
                    raise FormatError(
                        f"version {version} of the .npy format holds structured data", str(path)
                    )
                shape, fortran, dtype = read(file)
            except FormatError:
                raise
            except Exception as error:
                raise FormatError(f"not a whole .npy header: {error}", str(path)) from None
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise FormatError(
                f"X must hold real numbers, got dtype {dtype}; save it as float32 or float64", str(path)
            )
        expected = offset + dtype.itemsize * prod(shape)
        if size != expected:
            what = "is truncated" if size < expected else "is longer than its header says"
            raise FormatError(
                f"the file {what}: shape {shape} of {dtype} takes {expected} bytes, it has {size}", str(path)
            )
        return cls(path, tuple(int(n) for n in shape), dtype, bool(fortran), offset)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return self.dtype.itemsize * prod(self.shape)

    def read(
        self, file: int, begin: int, end: int, empty: Callable[..., NDArray[Any]] = empty
    ) -> NDArray[Any]:
        """Rows begin..end-1, in the file's dtype, by rows, in memory from `empty`; `file` is a descriptor."""
        columns = self.shape[1] if len(self.shape) == 2 else 1
        n, size = end - begin, self.dtype.itemsize
        if not self.fortran:
            rows = empty((n, columns), self.dtype)
            self._fill(file, rows, self.offset + begin * columns * size)
        else:
            by_columns = empty((columns, n), self.dtype)
            for j, column in enumerate(by_columns):
                self._fill(file, column, self.offset + (j * self.shape[0] + begin) * size)
            rows = rows_of(by_columns, self.dtype)
        return rows if len(self.shape) == 2 else rows[:, 0]

    def fill(self, file: int, out: NDArray[Any], begin: int) -> None:
        """Read rows from `begin` on into `out`, which is laid out as they are."""
        self._fill(file, out, self.offset + begin * self.shape[1] * self.dtype.itemsize)

    def _fill(self, file: int, out: NDArray[Any], position: int) -> None:
        view = out.reshape(-1).view(np.uint8).data
        while len(view):
            got = os.preadv(file, [view[: 1 << 30]], position)
            if got == 0:
                raise FormatError("the file became shorter while it was read", str(self.path))
            if self.passing and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file, position, got, os.POSIX_FADV_DONTNEED)
            view, position = view[got:], position + got
