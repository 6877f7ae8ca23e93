"""max_memory="512MB" kept by fits on 8 GB of every kind of source, measured from outside and held by a control group.

The figure is the peak of anonymous resident memory (RssAnon) above that after imports and with the source open. Where a control
group can be made, the fit runs inside one that ends it if it takes more than the limit and 5 % for the kernel's own.
Each file is removed before the next is written. A source that cannot be read in so little may refuse, with the figure, before it
is read: that keeps the promise too, and is printed.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bars import line
from benchmarks.bars.cgroup import MemoryGroup
from benchmarks.bars.child import Fit
from benchmarks.bars.promise_sources import KINDS
from benchmarks.datasets import data_folder

LIMIT = 512_000_000
SIZES = {"small": 300_000_000, "full": 8_000_000_000}
OPTIONS = {"max_iter": 1, "tol": None, "random_state": 0}


def fit(kind: str, model: str, path: Path) -> dict[str, Any]:
    """Fit in a child: its seconds, its peak above what it had when its source was open, and the group's version."""
    from esker.demo.watch import Watch, anonymous_bytes

    options = {} if model == "Ridge" else OPTIONS
    job = {"path": str(path), "kind": kind, "model": model, "options": options, "max_memory": LIMIT}
    child = Fit({**job, "out": str(path.with_suffix(".coef.npz"))})
    if child.said != "ready":
        child.kill()
        return {"refused": child.said}
    with MemoryGroup(LIMIT * 105 // 100) as group:
        before = anonymous_bytes(child.pid)
        group.enter(child.pid)
        with Watch(child.pid) as watch:
            try:
                child.go()
                seconds, ended = child.end(), ""
            except (RuntimeError, BrokenPipeError) as problem:
                seconds, ended = float("nan"), str(problem)
            peak = watch.look()
        if ended:
            child.kill()
            return {"problem": ended, "peak": (peak or 0) - (before or 0), "version": group.version}
        child.save()
    if before is None or peak is None:
        raise RuntimeError("this system does not tell a process's anonymous memory (RssAnon)")
    return {"seconds": seconds, "peak": peak - before, "version": group.version, "problem": ""}


def one(name: str, folder: Path, size: int) -> bool:
    """Write a source, fit to it, remove it; a line for each learner."""
    kind, holds = KINDS[name], True
    path = folder / f"source{kind.ending}"
    kind.write(path, size)
    for model in kind.models:
        did = fit(name, model, path)
        if "refused" in did:
            line(True, f"{name:<17}{model:<14} {did['refused']}")
            continue
        how = f"cgroup v{did['version']}" if did["version"] else "sampled"
        peak = f"peak {did['peak'] / 1e6:.0f} MB of {LIMIT / 1e6:.0f} ({how})"
        size_ = os.path.getsize(path)
        if did["problem"]:
            holds = line(False, f"{name:<17}{model:<14} {peak}; {did['problem']}")
            continue
        text = f"{name:<17}{model:<14} {peak}, {did['seconds']:.1f} s for a file of {size_ / 1e6:,.0f} MB"
        holds &= line(did["peak"] <= LIMIT, text)
    for left in folder.iterdir():
        left.unlink()
    return holds


def run(scale: str, kinds: Sequence[str] = ()) -> bool:
    """Every kind, or those named (on the command line ESKER_KINDS names some, with semicolons between)."""
    named = [k.strip() for k in os.environ.get("ESKER_KINDS", "").split(";") if k.strip()]
    holds = True
    for name in kinds or named or KINDS:
        with tempfile.TemporaryDirectory(prefix="memory-", dir=data_folder()) as folder:
            try:
                holds &= one(name, Path(folder), SIZES[scale])
            except Exception:
                holds = line(False, f"{name}: {traceback.format_exc(limit=-3)}")
    return holds
