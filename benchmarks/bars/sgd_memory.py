"""Resident memory of a fit of SGDClassifier() by default: its models' tables, and max_memory for all buffers, at most.

The figure is the peak of anonymous resident memory above that after imports and with the source open, read from outside. A lane's
table is a weight, a sum and a last visit of each feature; eight rates and penalties race by default, four or two where eight lack room. Rows lie in
memory, or in a block file.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bars import line
from benchmarks.bars.child import Fit
from benchmarks.datasets import data_folder
from benchmarks.files import write_blocks
from benchmarks.generate import sparse_text

LIMIT = 256_000_000
ROWS = {"small": 20_000, "full": 400_000}
COLUMNS = (47_152, 1 << 18, 1 << 20, 1 << 22)


def peak(path: Path, *, in_memory: bool) -> tuple[float, int]:
    """Seconds, and bytes above what the process had before its fit."""
    from esker.demo.watch import Watch, anonymous_bytes

    options = {"max_iter": 2, "tol": None, "random_state": 0, "max_memory": LIMIT}
    job: dict[str, Any] = {"path": str(path), "open": {}, "model": "SGDClassifier", "options": options}
    child = Fit({**job, "in_memory": "rows" if in_memory else "", "out": str(path.with_suffix(".npz"))})
    before = anonymous_bytes(child.pid)
    with Watch(child.pid) as watch:
        child.go()
        seconds, most = child.end(), watch.look()
    child.save()
    if before is None or most is None:
        raise RuntimeError("this system does not tell a process's anonymous memory (RssAnon)")
    return seconds, most - before


def run(scale: str) -> bool:
    """A line for each width and source."""
    from esker.linear_model import SGDClassifier
    from esker.linear_model._sgd_lanes import lane_bytes, raced_lanes
    from esker.linear_model._sgd_parameters import check

    checked = check(SGDClassifier(), SGDClassifier._losses)
    holds = True
    for d in COLUMNS:
        with tempfile.TemporaryDirectory(prefix="sgd-memory-", dir=data_folder()) as folder:
            path = Path(folder) / "rows.esk"
            write_blocks(sparse_text(ROWS[scale], d=d), path)
            lanes = len(raced_lanes(checked, 1, d, LIMIT)[0])
            tables = lane_bytes(lanes, d)
            for in_memory in (False, True):
                seconds, used = peak(path, in_memory=in_memory)
                text = (
                    f"{d:>9,} columns, {lanes} lane{'s' * (lanes > 1)}, {'in memory ' if in_memory else 'block file'}: peak {used / 1e6:.0f} MB, tables "
                    f"{tables / 1e6:.0f} MB, buffers {max(0, used - tables) / 1e6:.0f} MB of {LIMIT / 1e6:.0f}; {seconds:.2f} s"
                )
                holds &= line(used <= tables + LIMIT, text)
    return holds
