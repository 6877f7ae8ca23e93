"""All cells by name, and how the suites turn one into pytest-benchmark's tests."""

from __future__ import annotations

from importlib import import_module, util
from typing import Any

import pytest

from benchmarks.contest import Cell

__all__ = ["SUITES", "all_cells", "find", "suite"]

SUITES = (
    "bench_svmlight",
    "bench_sgd",
    "bench_ridge",
    "bench_elastic_net",
    "bench_krylov",
    "bench_sketch",
    "bench_import",
    "bench_pass",
    "bench_vw",
    "bench_epoch",
)


def all_cells() -> dict[str, Cell]:
    """Every cell of every suite, by name."""
    return {c.name: c for s in SUITES for c in import_module(f"benchmarks.{s}").CELLS}


def find(name: str) -> Cell:
    """The cell `name`; its suite alone is imported."""
    for s in SUITES:
        if s == f"bench_{name.split('/')[0]}":
            for cell in import_module(f"benchmarks.{s}").CELLS:
                if cell.name == name:
                    return cell
    raise ValueError(f"expected one of {', '.join(all_cells())}, got {name!r}")


def suite(cells: list[Cell]) -> Any:
    """A test of every (cell, contender) at the small scale, in this process; patched peers run in the report only."""
    pairs = [(cell, c) for cell in cells for c in cell.contenders if not c.patched]

    @pytest.mark.parametrize(("cell", "contender"), pairs, ids=[f"{a.name}-{b.name}" for a, b in pairs])
    def test_cell(benchmark: Any, cell: Cell, contender: Any, threads: Any, cell_data: Any) -> None:
        if contender.needs and util.find_spec(contender.needs) is None:
            pytest.skip(f"{contender.needs} is not installed (extra bench)")
        data = cell_data(cell)
        mine = contender.prepare(data) if contender.prepare else data
        benchmark.group = cell.name
        with threads(cell.threads):
            result = benchmark.pedantic(contender.run, args=(mine,), rounds=3, warmup_rounds=1)
        benchmark.extra_info.update(data=repr(data), **cell.quality(data, result))

    return test_cell
