"""max_memory is kept by text and block files that are several times as large, measured by the kernel in another process."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
import esker, esker.folds
from esker.blocks import open_blocks, write_block_file

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))

def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.001)

esker.folds.Moments()
blocks = open_blocks(sys.argv[1], max_memory="12MB")
before = peak = anonymous()
done = False
thread = threading.Thread(target=watch)
thread.start()
if len(sys.argv) > 2:
    write_block_file(blocks, sys.argv[2])
    rows = blocks.n_rows
else:
    state = blocks.fold(esker.folds.Moments())
    rows = blocks.n_rows
done = True
thread.join()
print(rows, peak - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_max_memory_is_kept(tmp_path):
    text, stored = tmp_path / "a.svm", tmp_path / "a.esk"
    lines = ["1 " + " ".join(f"{j * 7 + i}:0.{i}{j}" for j in range(60)) + "\n" for i in range(40)]
    text.write_text("".join(lines) * 1500)
    assert text.stat().st_size > 25_000_000
    for arguments in ((text,), (text, stored), (stored,)):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        rows, peak = map(int, done.stdout.split())
        assert rows == 60_000
        assert peak <= 12_000_000, arguments
    assert stored.stat().st_size > 24_000_000
