"""The data of one pass of SGD from files: sparse words as svmlight text, as Vowpal Wabbit's text, as a block file and as its cache.

All four hold the same rows; those to be judged on are a block that the files do not hold.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import ROOT
from benchmarks.datasets import data_folder
from benchmarks.files import svmlight_bytes, write_svmlight
from benchmarks.generate import sparse_text

__all__ = ["Files", "files", "vw_text"]

#: Bytes of svmlight text, about.
SIZES = {"small": 10_000_000, "full": 1_000_000_000}
#: Columns: a vocabulary as large as RCV1's.
WIDE = 47_152
#: Rows of a block of the generator.
ROWS = 8192


@dataclass(frozen=True)
class Files:
    """Where the same rows lie in each form."""

    folder: Path
    made: sparse_text

    @property
    def text(self) -> Path:
        return self.folder / "train.svmlight"

    @property
    def vw(self) -> Path:
        return self.folder / "train.vw"

    @property
    def block_file(self) -> Path:
        return self.folder / "train.esk"

    @property
    def cache(self) -> Path:
        return self.folder / "train.vw.cache"

    def test(self) -> tuple[Any, np.ndarray]:
        """Rows behind the last one written."""
        more = sparse_text(self.made.n + 2 * self.made.block_rows, d=self.made.d)
        return more.block(self.made.n_blocks)

    def __repr__(self) -> str:
        kinds = {"svmlight text": self.text, "VW's text": self.vw, "block file": self.block_file}
        kinds["VW's cache"] = self.cache
        sizes = [f"{p.stat().st_size / 1e6:,.0f} MB of {kind}" for kind, p in kinds.items() if p.exists()]
        return f"sparse words ({self.made.n:,} rows, {self.made.d:,} columns; {', '.join(sizes)})"


def vw_text(text: bytes) -> bytes:
    """Whole svmlight lines with labels -1 and +1 as Vowpal Wabbit's: the label, a bar, the same features.

    >>> vw_text(b"+1 2:0.5\\n-1 1:1 3:1\\n")
    b'1 | 2:0.5\\n-1 | 1:1 3:1\\n'
    """
    return (b"\n" + text).replace(b"\n+1 ", b"\n1 | ").replace(b"\n-1 ", b"\n-1 | ")[1:]


def _whole_lines(path: Path, size: int = 1 << 24) -> Any:
    with path.open("rb") as file:
        while piece := file.read(size):
            yield piece + file.readline()


def _once(path: Path, write: Any) -> None:
    """`write(unfinished path)`, unless `path` is there."""
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        write(unfinished)
        unfinished.rename(path)


def _write_vw(text: Path, path: Path) -> None:
    with path.open("wb") as out:
        out.writelines(vw_text(piece) for piece in _whole_lines(text))


def _in_child(code: str, *arguments: Any) -> None:
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, cwd=ROOT)


def files(scale: str, *, d: int = WIDE, block_file: bool = False, cache: bool = False) -> Files:
    """The files at a scale, with `d` columns, written the first time and kept in the data folder."""
    X, y = sparse_text(ROWS, d=d).block(0)
    blocks = max(1, round(SIZES[scale] / len(svmlight_bytes(X, y))))
    folder = data_folder() / (f"pass-{scale}" if d == WIDE else f"pass-{scale}-{d}")
    folder.mkdir(exist_ok=True)
    data = Files(folder, sparse_text(blocks * ROWS, d=d))
    _once(data.text, lambda path: write_svmlight(data.made, path))
    _once(data.vw, lambda path: _write_vw(data.text, path))
    if block_file:
        code = (
            "import sys, esker, esker.blocks as b; text, out, d = sys.argv[1:]; "
            "b.write_block_file(esker.open_blocks(text, zero_based=False, n_features=int(d), dtype='float32'), out)"
        )
        _once(data.block_file, lambda path: _in_child(code, data.text, path, d))
    if cache:
        code = (
            "import sys, vowpalwabbit; text, out = sys.argv[1:]; "
            "vowpalwabbit.Workspace(f'-d {text} --cache_file {out} -k -b 20 --noop --quiet').finish()"
        )
        _once(data.cache, lambda path: _in_child(code, data.vw, path))
    return data
