"""The demo's main job: prepare files, run each fit in a process of its own, watch its memory, show what came out."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from esker.demo import cache, picture, table, text_plot
from esker.demo.series import Panel, Point, Series
from esker.demo.watch import Watch

__all__ = ["GRANTED", "show"]

#: max_memory of every learner, in bytes; each file is at least four times as large.
GRANTED = 48_000_000

Plan = dict[str, dict[str, tuple[str, str, list[Any]]]]

#: Data set -> learner -> (name, letter, budgets). A ridge's budget is a number of hashed columns (words) or of rows (flights),
#: SGD's is seconds, a sketch's is (rows, hashed columns).
PLAN: Plan = {
    "words": {
        "ridge": ("ridge", "R", [256, 512, 1024, 2048]),
        "sgd": ("SGD, log loss", "S", [1, 2, 4]),
        "sketch": ("sketch, then ridge", "K", [(512, 256), (1024, 512), (2048, 512)]),
    },
    "flights": {
        "ridge": ("ridge", "R", [4_096, 16_384, 65_536, 1 << 40]),
        "sgd": ("SGD, squared error", "S", [0.1, 0.3, 1, 3]),
        "sketch": ("sketch, then ridge", "K", [(512, 0), (2048, 0), (4096, 0)]),
    },
}


def show(
    out: str | None,
    *,
    only: str | None = None,
    delete_data: bool = False,
    size: str = "full",
    plan: Plan | None = None,
) -> int:
    """See `esker.demo.run`; `size` "tiny" and a `plan` other than `PLAN` are for tests."""
    if delete_data:
        print(f"deleted {cache.delete()}")
        return 0
    plan = PLAN if plan is None else plan
    if only is not None and only not in plan:
        raise ValueError(f"only must be one of {', '.join(plan)}, got {only!r}")
    names = [only] if only else list(plan)
    folder = Path(out or "esker-demo")
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    _say(f"data in {cache.cache_folder()} (kept for the next run; `esker demo --delete-data` removes it)")
    sets = _prepare(names, size)
    panels = []
    for name in names:
        panel = _panel(sets[name])
        panels.append(panel)
        _say("", f"== {panel.title}", panel.about, panel.split)
        for learner, (label, letter, budgets) in plan[name].items():
            series = Series(label, letter)
            panel.series.append(series)
            _learn(sets[name], learner, budgets, series, panel)
        _say("", *text_plot.text_plot(panel))
    image = folder / "test-error-against-time.png"
    picture.draw(panels, str(image))
    (folder / "results.json").write_text(json.dumps([p.as_dict() for p in panels], indent=1))
    for panel in panels:
        _say(
            "",
            f"== {panel.title}  {panel.measure}",
            f"{panel.split}",
            *table.table(panel),
            table.memory_line(panel),
        )
        _say(*table.sentences(panel))
    _say(
        "",
        f"picture: {image}   figures: {folder / 'results.json'}   all in {time.perf_counter() - begin:.0f} s",
    )
    return int(any(p.peak is not None and p.peak > p.granted for p in panels))


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _prepare(names: list[str], size: str) -> dict[str, cache.DataSet]:
    """Write the files that are not there yet, each data set in a process of its own, side by side."""
    begin = time.perf_counter()
    running = {}
    for name in names:
        if cache.ready(name, size) is None:
            code = f"from esker.demo import {name}; {name}.prepare({size!r})"
            running[name] = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    try:
        for name, process in running.items():
            complaint = process.communicate()[1]
            if process.returncode:
                last = (complaint.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
                raise ValueError(f"could not prepare the {name} data: {last}")
    finally:
        for process in running.values():
            _end(process)
    sets = {}
    for name in names:
        found = cache.ready(name, size)
        if found is None:
            raise ValueError(f"the {name} data is not whole in {cache.cache_folder()}; run the demo again")
        sets[name] = found
    if running:
        _say(f"wrote {', '.join(running)} in {time.perf_counter() - begin:.1f} s")
    return sets


def _panel(data: cache.DataSet) -> Panel:
    keys = ("title", "about", "split", "measure", "baseline")
    unit = " %" if data["task"] == "classification" else " min"
    size = data["train"]["bytes"]
    return Panel(**{key: data[key] for key in keys}, unit=unit, granted=GRANTED, file_bytes=size)


def _learn(data: cache.DataSet, learner: str, budgets: list[Any], series: Series, panel: Panel) -> None:
    """Fit at each budget, from scratch in a new process, so that no fit's memory counts for another; add the points."""
    for budget in budgets:
        event, memory = _watched(
            {"data": data, "learner": learner, "budget": budget, "max_memory": GRANTED}, series
        )
        name = event["budget"]
        if "refused" in event:
            series.refused[name] = event["refused"]
            _say(f"{series.learner}, {name}: refused, see below")
            continue
        point = Point(name, event["seconds"], event["error"], memory)
        series.points.append(point)
        used = "" if memory is None else f", {memory / 1e6:.0f} MB"
        _say(f"{series.learner}, {name}: {point.error:.2f}{panel.unit} in {point.seconds:.2f} s{used}")
        if event["stop_reason"] not in (None, "time"):
            return  # it ended by itself: more time changes nothing


def _watched(job: dict[str, Any], series: Series) -> tuple[dict[str, Any], int | None]:
    """Run one job in a process of its own: what it reports, and its peak memory above that when its files were open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "esker.demo.learner"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    report, before, peak = "", None, None
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        if process.stdout.readline():  # imports are done and the files are open: from here on memory counts
            with Watch(process.pid) as watch, suppress(BrokenPipeError):
                before = watch.look()
                process.stdin.write("go\n")
                process.stdin.flush()
                report = process.stdout.readline()
                peak = watch.look()
        complaint = process.communicate()[1]
    finally:
        _end(process)
    if process.returncode or not report:
        last = (complaint.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise RuntimeError(f"{series.learner} failed: {last}")
    memory = None if peak is None or before is None else max(0, peak - before)
    return json.loads(report), memory


def _end(process: subprocess.Popen[str]) -> None:
    """Let nothing run on."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
