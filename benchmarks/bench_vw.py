"""One adaptive model in one pass, from rows in memory and from the block file, beside Vowpal Wabbit from its cache of the same rows."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.bench_pass import ours, quality, vowpal
from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.passes import WIDE, Files, files

#: Name -> columns.
WIDTHS = {"47k": WIDE, "2^20": 1 << 20}


def _in_memory(data: Files) -> Any:
    import esker

    block = esker.open_blocks(data.block_file).take_all()
    return block.X, block.y


def _learn(rows: tuple[Any, Any]) -> Any:
    from esker.linear_model import SGDClassifier

    return SGDClassifier(eta0=0.5, alpha=0.0, max_iter=1, tol=None, random_state=0).fit(*rows)


CELLS = [
    Cell(
        f"vw/{name}",
        partial(files, d=d, block_file=True, cache=True),
        [
            Contender("esker", _learn, prepare=_in_memory),
            Contender("esker, block file", ours("block_file")),
            Contender("vowpalwabbit", vowpal(cached=True), needs="vowpalwabbit"),
        ],
        quality,
        lambda data: {"file bytes": data.block_file.stat().st_size},
    )
    for name, d in WIDTHS.items()
]

test_vw = suite(CELLS)
