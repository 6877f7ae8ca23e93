"""A forked process can fit: OpenMP's threads stay behind in its parent."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal
import numpy as np
from esker.linear_model import Ridge

rng = np.random.default_rng(0)
X = rng.standard_normal((50_000, 30))
y = X @ rng.standard_normal(30)
whole = Ridge(n_threads=2).fit(X, y).coef_
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that waits for ever
    same = [np.array_equal(Ridge(n_threads=n).fit(X, y).coef_, whole) for n in (2, None)]
    Ridge().fit(X, y).predict(X)
    os._exit(0 if all(same) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fit_after_fork_ends_and_has_the_same_bits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "0"
