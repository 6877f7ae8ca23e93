"""Epochs out of core, the file in the page cache, beside the same epochs over arrays in memory: the second contender is ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars.block_file_speed import DENSE_BYTES
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.datasets import data_folder
from benchmarks.generate import dense_linear
from benchmarks.passes import files

EPOCHS = 3
#: What reading and learning may hold: a fraction of any of the files at full scale.
MEMORY = "256MB"


@dataclass(frozen=True)
class Stored:
    """A file of rows, its target (where it lies beside it), and a name for people."""

    name: str
    path: Path
    target: Path | None
    regression: bool

    def __repr__(self) -> str:
        return f"{self.name} ({self.path.stat().st_size / 1e6:,.0f} MB), {EPOCHS} epochs"


def _npy(scale: str) -> Stored:
    path, target = data_folder() / f"epoch-{scale}.npy", data_folder() / f"epoch-{scale}-y.npy"
    if not target.exists():
        made = dense_linear(DENSE_BYTES[scale] // 800, d=100)
        X, y = made.arrays()
        np.save(path, X)
        np.save(target, y)
    return Stored("dense .npy", path, target, True)


def _dense(scale: str) -> Stored:
    import esker
    from esker.blocks import write_block_file

    npy = _npy(scale)
    path = npy.path.with_suffix(".esk")
    if not path.exists():
        write_block_file(esker.open_blocks(npy.path, target=np.load(npy.target)), path)
    return Stored("dense block file", path, None, True)


def _sparse(scale: str) -> Stored:
    return Stored("CSR block file", files(scale, block_file=True).block_file, None, False)


def _open(data: Stored) -> Any:
    import esker

    target = None if data.target is None else np.load(data.target)
    return esker.open_blocks(data.path, target=target, max_memory=MEMORY)


def _arrays(data: Stored) -> tuple[Stored, Any]:
    import esker

    target = None if data.target is None else np.load(data.target)
    block = esker.open_blocks(data.path, target=target).take_all()
    return data, esker.open_blocks(block.X, target=block.y)


def _fit(data: Stored, blocks: Any) -> Any:
    from esker.linear_model import SGDClassifier, SGDRegressor

    kind = SGDRegressor if data.regression else SGDClassifier
    options = {"eta0": 0.5, "max_iter": EPOCHS, "tol": None, "random_state": 0}
    return kind(**options).fit(blocks)


def quality(data: Any, model: Any) -> dict[str, float]:
    """The size of what was learned: the two need not agree to the bit, as they see rows in other orders."""
    return {"coef norm": float(np.linalg.norm(model.coef_)), "epochs": model.n_iter_}


def _work(data: Stored) -> dict[str, float]:
    return {"file bytes": EPOCHS * data.path.stat().st_size}


CELLS = [
    Cell(
        f"epoch/{name}",
        load,
        [
            Contender("esker", lambda data: _fit(data, _open(data))),
            Contender("arrays", lambda prepared: _fit(*prepared), prepare=_arrays),
        ],
        quality,
        _work,
    )
    for name, load in (("npy", _npy), ("dense", _dense), ("csr", _sparse))
]

test_epoch = suite(CELLS)
