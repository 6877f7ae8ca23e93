"""SIGKILL at random moments while converting and while fitting with checkpoint=: no half file counts, and the same bits come out."""

from __future__ import annotations

import os
import random
import subprocess
import sysconfig
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from benchmarks.bars import line
from benchmarks.bars.child import Fit
from benchmarks.datasets import data_folder
from benchmarks.files import rows_for_bytes, write_npy, write_svmlight
from benchmarks.generate import dense_linear, sparse_text

SIZES = {"small": 20_000_000, "full": 400_000_000}
KILLS = {"small": 6, "full": 20}
ESKER = str(Path(sysconfig.get_path("scripts")) / "esker")


def checksum(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    total = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            total = zlib.crc32(piece, total)
    return total


def converting(text: Path, kills: int, draw: random.Random) -> bool:
    """Kill `esker convert` at random moments: its output is absent, or whole."""
    out = text.with_name("made.esk")
    command = [ESKER, "convert", str(text), str(out)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took, whole, size = time.perf_counter() - began, checksum(out), out.stat().st_size
    absent = complete = wrong = 0
    for _ in range(kills):
        out.unlink(missing_ok=True)
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.05, 1.05) * took)
        child.kill()  # SIGKILL
        child.wait()
        if not out.exists():
            absent += 1
        elif checksum(out) == whole:
            complete += 1
        else:
            wrong += 1
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    left = [p.name for p in text.parent.iterdir() if p.name.startswith(".made")]
    text_ = (
        f"convert to {size / 1e6:.0f} MB in {took:.1f} s, killed {kills} times: {absent} absent, {complete} whole, {wrong} "
        f"half; then converted again: {'the same bytes' if checksum(out) == whole else 'OTHER BYTES'}, left over: {left or 'nothing'}"
    )
    return line(wrong == 0 and checksum(out) == whole and not left, text_)


def finish(job: dict[str, Any]) -> tuple[float, list[bytes]]:
    """Let a fit end: (seconds, the bits of coefficients and intercept)."""
    fit = Fit(job)
    fit.go()
    return fit.end(), [array.tobytes() for array in fit.save().values()]


def fitting(name: str, job: dict[str, Any], kills: int, draw: random.Random) -> bool:
    """Kill a fit with a checkpoint at random moments, start it again each time, and let the last one end."""
    checkpoint = Path(job["path"]).with_name("fit.checkpoint")
    took, never_killed = finish(job)
    options = {**job["options"], "checkpoint": str(checkpoint)}
    job = {**job, "options": options, "checkpoint_every": took / 20}
    found = 0
    for _ in range(kills):
        fit = Fit(job)
        fit.go()
        time.sleep(draw.uniform(0.1, 0.6) * took)
        fit.kill()
        found += checkpoint.exists()
    last, resumed = finish(job)
    kept = checkpoint.exists()
    checkpoint.unlink(missing_ok=True)
    text = (
        f"{name}: {took:.1f} s unhurt; killed {kills} times ({found} left a checkpoint), then ended in {last:.1f} s with "
        f"{'the same bits' if resumed == never_killed else 'OTHER BITS'}; the checkpoint {'stays' if kept else 'is removed'} at the end"
    )
    return line(resumed == never_killed and found > 0, text)


def run(scale: str) -> bool:
    """Text and dense files, conversion and three fits."""
    kills, draw = KILLS[scale], random.Random(os.getpid())
    with tempfile.TemporaryDirectory(prefix="killed-", dir=data_folder()) as folder:
        text, dense = Path(folder) / "text.svmlight", Path(folder) / "dense.npy"
        made = sparse_text(rows_for_bytes(sparse_text, SIZES[scale]))
        write_svmlight(made, text)
        holds = converting(text, kills, draw)
        wide = dense_linear(rows_for_bytes(dense_linear, SIZES[scale]))
        write_npy(wide, dense)
        out = {"out": str(Path(folder) / "coef.npz")}
        sparse_job = {"path": str(text), "open": {"zero_based": False, "n_features": made.d}, **out}
        dense_job = {"path": str(dense), "open": {"target": wide.d, "max_memory": 64_000_000}, **out}
        epochs = {"max_iter": 5, "tol": None, "random_state": 0}
        for name, model, job, options in (
            ("ridge on .npy", "Ridge", dense_job, {"alpha": 1.0}),
            ("ridge on svmlight", "Ridge", sparse_job, {"alpha": 1.0}),
            ("SGD on svmlight", "SGDClassifier", sparse_job, epochs),
            ("SGD on .npy", "SGDRegressor", dense_job, epochs),
        ):
            holds &= fitting(name, {**job, "model": model, "options": options}, max(3, kills // 4), draw)
    return holds
