"""A source of every kind for the memory promise: how its file is written in bounded memory, and how it is opened.

A file repeats one piece of generated rows as often as its size asks for: what is promised does not depend on whether rows
repeat, and 8 GB are then written at the speed of the disk.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from benchmarks.files import svmlight_bytes
from benchmarks.generate import dense_linear, sparse_text
from benchmarks.passes import vw_text

__all__ = ["KINDS", "Kind"]

WIDE = 47_152  # columns of the sparse kinds
NARROW = 20  # and of the dense ones
CATEGORIES = ("site", "app", "device", "city", "hour", "user")


def sparse_piece(blocks: int = 4) -> tuple[Any, np.ndarray]:
    """Sparse words, some 32,000 rows."""
    return sparse_text(8192 * blocks, d=WIDE).arrays()


def dense_piece(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Dense float32 rows and a number to learn."""
    return dense_linear(rows, d=NARROW).arrays()


def repeat(path: Path, piece: bytes, size: int, head: bytes = b"", pieces: int | None = None) -> None:
    """Write head, then `piece` until there are `size` bytes."""
    with path.open("wb") as out:
        out.write(head)
        for _ in range(pieces or max(1, round(size / len(piece)))):
            out.write(piece)


def svmlight(path: Path, size: int) -> None:
    repeat(path, svmlight_bytes(*sparse_piece()), size)


def svmlight_gz(path: Path, size: int) -> None:
    text = svmlight_bytes(*sparse_piece())
    repeat(path, gzip.compress(text, 1), size, pieces=max(1, round(size / len(text))))


def vw(path: Path, size: int) -> None:
    repeat(path, vw_text(svmlight_bytes(*sparse_piece())), size)


def _table(rows: int = 50_000) -> Any:
    import pyarrow as pa

    X, y = dense_piece(rows)
    return pa.table({"y": y, **{f"x{j}": X[:, j] for j in range(NARROW)}})


def _mixed(rows: int = 100_000) -> Any:
    """Categories of Zipf frequencies with up to 100,000 values, counts with missing values, and a click."""
    import pyarrow as pa

    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {"click": rng.integers(0, 2, rows)}
    for k, name in enumerate(CATEGORIES):
        values = np.minimum(rng.zipf(1.3, rows), 10 ** (k % 5 + 1))
        columns[name] = pa.array([f"{name}-{v}" for v in values])
    for j in range(4):
        count = rng.lognormal(3, 2, rows)
        columns[f"count{j}"] = pa.array(count, mask=rng.random(rows) < 0.1)
    return pa.table(columns)


def _lines(table: Any, header: bool, as_json: bool = False) -> bytes:
    if as_json:
        frame = table.to_pandas()
        return frame.to_json(orient="records", lines=True).encode()
    import pyarrow.csv as csv

    out = io.BytesIO()
    csv.write_csv(table, out, csv.WriteOptions(include_header=header))
    return out.getvalue()


def csv(path: Path, size: int) -> None:
    table = _table()
    repeat(path, _lines(table, False), size, head=_lines(table.slice(0, 0), True))


def jsonl(path: Path, size: int) -> None:
    repeat(path, _lines(_table(20_000), False, as_json=True), size)


def _columnar(path: Path, size: int, table: Any, feather: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = pa.ipc.new_file(path, table.schema) if feather else pq.ParquetWriter(path, table.schema)
    with writer:
        for _ in range(max(1, round(size / table.nbytes))):
            writer.write_table(table)


def parquet(path: Path, size: int) -> None:
    _columnar(path, size, _table(200_000), feather=False)


def feather(path: Path, size: int) -> None:
    _columnar(path, size, _table(200_000), feather=True)


def table(path: Path, size: int) -> None:
    _columnar(path, size, _mixed(), feather=False)


def _npy_bytes(size: int) -> tuple[bytes, bytes, int]:
    """Head and piece of a .npy file of dense rows with the target last, and how often the piece comes."""
    X, y = dense_piece(100_000)
    piece = np.column_stack([X, y.astype(np.float32)]).tobytes()
    times = max(1, round(size / len(piece)))
    head = io.BytesIO()
    shape = (times * len(y), NARROW + 1)
    npy.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return head.getvalue(), piece, times


def npy_file(path: Path, size: int) -> None:
    head, piece, times = _npy_bytes(size)
    repeat(path, piece, size, head=head, pieces=times)


def npz(path: Path, size: int) -> None:
    head, piece, times = _npy_bytes(size)
    _, y = dense_piece(100_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        with out.open("X.npy", "w", force_zip64=True) as member:
            member.write(head)
            for _ in range(times):
                member.write(piece)
        with out.open("y.npy", "w", force_zip64=True) as member:
            npy.write_array_header_1_0(
                member, {"descr": "<f8", "fortran_order": False, "shape": (times * len(y),)}
            )
            for _ in range(times):
                member.write(y.tobytes())


class Repeated:
    """An iterable of (X, y) that begins anew whenever it is walked."""

    def __init__(self, X: Any, y: np.ndarray, times: int) -> None:
        self.X, self.y, self.times = X, y, times

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray]]:
        for _ in range(self.times):
            yield self.X, self.y


def _repeated(size: int) -> Repeated:
    X, y = dense_piece(50_000)
    return Repeated(X, y, max(1, round(size / X.nbytes)))


def esk_dense(path: Path, size: int) -> None:
    import esker
    from esker.blocks import write_block_file

    write_block_file(esker.open_blocks(_repeated(size)), path)


def esk_csr(path: Path, size: int) -> None:
    import esker
    from esker.blocks import write_block_file

    X, y = sparse_piece()
    X = X.astype(np.float32)
    times = max(1, round(size / (X.data.nbytes + X.indices.nbytes)))
    write_block_file(esker.open_blocks(Repeated(X, y, times)), path)


def iterable(path: Path, size: int) -> None:
    """Nothing lies in the file but how much is to come."""
    path.write_text(str(size))


def texts(path: Path, size: int) -> None:
    """Lines `label<TAB>words`, the words of a sparse row by number."""
    X, y = sparse_piece(1)
    words = [f"w{np.base_repr(j, 36).lower()}" for j in range(X.shape[1])]
    lines = []
    for i, label in enumerate(y):
        row = X.indices[X.indptr[i] : X.indptr[i + 1]].tolist()
        lines.append(f"{int(label > 0)}\t{' '.join([words[j] for j in row])}\n")
    repeat(path, "".join(lines).encode(), size)


@dataclass(frozen=True)
class Kind:
    """How a source is written and opened (`options` are open_blocks'), and which learners are fitted to it."""

    ending: str
    write: Callable[[Path, int], None]
    options: dict[str, Any]
    models: tuple[str, ...] = ("SGDClassifier",)
    #: The step behind the source, by name.
    features: str = ""

    def open(self, path: Path, max_memory: int) -> Any:
        import esker

        options = {**self.options, "max_memory": max_memory}
        if self.features == "HashingVectorizer":
            from esker.feature_extraction.text import HashingVectorizer

            options["features"] = HashingVectorizer(n_features=2**18)
        if self.features == "TableHasher":
            from esker.feature_extraction import TableHasher

            options["features"] = TableHasher(
                numeric=[f"count{j}" for j in range(4)],
                categorical=list(CATEGORIES),
                crosses=[("site", "hour")],
                n_features=2**20,
                numeric_bins="log",
            )
        if self.write is iterable:
            return esker.open_blocks(_repeated(int(path.read_text())), **options)
        return esker.open_blocks(path, **options)


_SVM = {"zero_based": False}
_BOTH = ("SGDRegressor", "Ridge")
KINDS = {
    "svmlight": Kind(".svmlight", svmlight, _SVM),
    "svmlight.gz": Kind(".svmlight.gz", svmlight_gz, _SVM),
    "svmlight, cached": Kind(".svmlight", svmlight, {**_SVM, "cache": "auto"}),
    "vw": Kind(".vw", vw, {}),
    "csv": Kind(".csv", csv, {"target": "y"}, _BOTH),
    "jsonl": Kind(".jsonl", jsonl, {"target": "y"}, _BOTH),
    "parquet": Kind(".parquet", parquet, {"target": "y"}, _BOTH),
    "feather": Kind(".feather", feather, {"target": "y"}, _BOTH),
    "npy": Kind(".npy", npy_file, {"target": NARROW}, _BOTH),
    "npz": Kind(".npz", npz, {}, _BOTH),
    "esk dense": Kind(".esk", esk_dense, {}, _BOTH),
    "esk CSR": Kind(".esk", esk_csr, {}),
    "iterable": Kind(".size", iterable, {}, _BOTH),
    "text lines": Kind(".txt", texts, {"format": "lines", "target": "label"}, features="HashingVectorizer"),
    "table": Kind(".parquet", table, {"target": "click"}, features="TableHasher"),
}
