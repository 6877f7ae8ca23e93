"""Imports and the command's help, each in a fresh process; what scikit-learn itself takes is the peer."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender


def fresh(*arguments: str):
    """Run Python with `arguments` in a new process, which must succeed."""

    def run(_: Any) -> int:
        return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL).returncode

    return run


def nothing(scale: str) -> str:
    """These cells need no data."""
    return "no data"


def quality(data: Any, code: int) -> dict[str, float]:
    """The process's exit code."""
    return {"exit code": code}


CELLS = [
    Cell(
        "import/package",
        nothing,
        [Contender("esker", fresh("-c", "import esker")), Contender("nothing", fresh("-c", "pass"))],
        quality,
        lambda data: {"file bytes": 0},
    ),
    Cell(
        "import/estimators",
        nothing,
        [
            Contender("esker", fresh("-c", "from esker.linear_model import Ridge")),
            Contender("scikit-learn", fresh("-c", "from sklearn.linear_model import Ridge")),
        ],
        quality,
        lambda data: {"file bytes": 0},
    ),
    Cell(
        "import/help",
        nothing,
        [Contender("esker", fresh("-m", "esker.cli", "--help")), Contender("nothing", fresh("-c", "pass"))],
        quality,
        lambda data: {"file bytes": 0},
    ),
]

test_import = suite(CELLS)
