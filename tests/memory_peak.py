"""Peak anonymous memory of another process, read from the kernel every millisecond: what `max_memory` promises."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys, threading, time
{opening}

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))

def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.001)

before = peak = anonymous()
done = False
thread = threading.Thread(target=watch, daemon=True)
thread.start()
{work}
done = True
thread.join()
print(rows, peak - before)
"""


def rows_and_peak(opening: str, work: str, *arguments: object) -> tuple[int, int]:
    """What `work` sets ``rows`` to, and its peak in bytes above what the process has after `opening`."""
    program = _PROGRAM.format(opening=opening.strip(), work=work.strip())
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows, peak = map(int, done.stdout.split())
    return rows, peak
