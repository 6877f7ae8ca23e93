"""Large files written fast, from any generator: .npy of any size, svmlight text by tables of tokens, block files."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from benchmarks.generate import GENERATORS, Generated, dense_linear, sparse_text

__all__ = ["rows_for_bytes", "svmlight_bytes", "write_blocks", "write_npy", "write_svmlight"]

_made: Generated | None = None  # the generator of a worker process


def _become(made: Generated) -> None:
    global _made
    _made = made


def _in_order(made: Generated, work, n_jobs: int) -> Iterator:
    """work(i) of every block, in order, a few blocks ahead and no more."""
    if n_jobs == 1:
        _become(made)
        yield from map(work, range(made.n_blocks))
        return
    with ProcessPoolExecutor(n_jobs, initializer=_become, initargs=(made,)) as pool:
        waiting = [pool.submit(work, i) for i in range(min(2 * n_jobs, made.n_blocks))]
        for i in range(made.n_blocks):
            yield waiting[i % (2 * n_jobs)].result()
            if i + 2 * n_jobs < made.n_blocks:
                waiting[i % (2 * n_jobs)] = pool.submit(work, i + 2 * n_jobs)


def _dense_block(i: int) -> np.ndarray:
    X, y = _made.block(i)
    return np.column_stack([X, y.astype(np.float32)])


def write_npy(made: Generated, path: str | os.PathLike[str], *, n_jobs: int = 2) -> int:
    """Write rows and target (the last column) of a dense generator as one float32 .npy; returns its bytes."""
    with open(path, "wb") as out:
        head = {"descr": "<f4", "fortran_order": False, "shape": (made.n, made.d + 1)}
        npy.write_array_header_1_0(out, head)
        for block in _in_order(made, _dense_block, n_jobs):
            out.write(block.data)
        return out.tell()


def _block(i: int) -> tuple:
    return _made.block(i)


def write_blocks(made: Generated, path: str | os.PathLike[str], *, n_jobs: int = 2) -> int:
    """Write a generator as a block file; returns its bytes."""
    from esker import open_blocks
    from esker.blocks import write_block_file

    write_block_file(open_blocks(_in_order(made, _block, n_jobs)), path)
    return os.path.getsize(path)


# --- svmlight ---


def _tokens(texts: list[str]) -> np.ndarray:
    """Byte strings padded with zeros to one width, to be picked by number."""
    return np.array([t.encode() for t in texts])


@lru_cache(2)
def _columns(d: int) -> np.ndarray:
    return _tokens([f" {j + 1}:" for j in range(d)])


def svmlight_bytes(X, y: np.ndarray, decimals: int = 4) -> bytes:
    """CSR rows whose values lie in [0, 1) as svmlight text: label, ` column:value` with columns from 1, newline.

    A row's pieces are picked from tables into zero-padded cells and the zeros are deleted at the end, so that no number
    is formatted in a loop. Values are rounded to `decimals`; labels must be -1 or +1.
    """
    scale = 10**decimals
    numbers = np.rint(X.data * scale).astype(np.int64)
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < scale):
        raise ValueError(f"values must lie in [0, 1), got {X.data.min():g} to {X.data.max():g}")
    values = _tokens([f"0.{k:0{decimals}d}" for k in range(scale)])
    columns = _columns(X.shape[1])
    n, width = X.shape[0], columns.itemsize + values.itemsize
    # One more cell a row holds the newline before it and its label.
    width = max(width, 4)
    cells = np.zeros((X.nnz + n, width), dtype=np.uint8)
    label_at = X.indptr[:-1] + np.arange(n)
    is_value = np.ones(len(cells), dtype=bool)
    is_value[label_at] = False
    at = np.flatnonzero(is_value)
    cells[at, : columns.itemsize] = columns[X.indices].view(np.uint8).reshape(-1, columns.itemsize)
    cells[at, columns.itemsize : columns.itemsize + values.itemsize] = (
        values[numbers].view(np.uint8).reshape(-1, values.itemsize)
    )
    labels = _tokens(["\n-1", "\n+1"])
    cells[label_at, :3] = labels[(y > 0).astype(np.int64)].view(np.uint8).reshape(-1, 3)
    return cells.tobytes().translate(None, b"\0")[1:] + b"\n" if n else b""


def _text_block(i: int) -> bytes:
    return svmlight_bytes(*_made.block(i))


def write_svmlight(made: Generated, path: str | os.PathLike[str], *, n_jobs: int = 2) -> int:
    """Write a sparse generator of values in [0, 1) as svmlight text (%.4f); returns its bytes."""
    with open(path, "wb") as out:
        for text in _in_order(made, _text_block, n_jobs):
            out.write(text)
        return out.tell()


def rows_for_bytes(kind: type[Generated], size: int) -> int:
    """How many rows make a file of about `size` bytes (from a first block, to 1 %)."""
    made = kind(kind.block_rows)
    if kind is dense_linear:
        return size // (4 * (made.d + 1))
    X, y = made.block(0)
    return int(size / (len(svmlight_bytes(X, y)) / len(y)))


def main() -> None:
    """Write a generated data set as a file and print the speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=main.__doc__)
    parser.add_argument("generator", choices=[dense_linear.name, sparse_text.name])
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=float, default=1e8, help="bytes, about (default 1e8)")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    kind = GENERATORS[args.generator]
    made = kind(rows_for_bytes(kind, int(args.size)))
    began = time.perf_counter()
    write = write_npy if kind is dense_linear else write_svmlight
    size, took = write(made, args.path, n_jobs=args.jobs), time.perf_counter() - began
    print(f"{args.path}: {made!r}, {size / 1e6:,.1f} MB in {took:.1f} s, {size / 1e6 / took:.0f} MB/s")


if __name__ == "__main__":
    main()
