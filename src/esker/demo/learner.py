"""One learner on one data set at one budget: what a child process of the demo runs.

It opens the files, says that it is ready, waits for a line, works, and prints one JSON line. Its parent measures
its memory from outside; a budget that esker refuses, because it cannot fit into `max_memory`, is reported with the reason.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

import esker
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor
from esker.sketch import sketch_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from esker.blocks import Block, Blocks

__all__ = ["main"]


def open_rows(data: dict[str, Any], role: str, max_memory: int, rows: int | None = None) -> Blocks:
    """The train or test file of a data set; of an array's file, the first `rows` rows."""
    files = data[role]
    if "target" in files:
        y = np.load(files["target"])
        part = rows is not None and rows < len(y)
        source = np.load(files["file"], mmap_mode="r")[:rows] if part else files["file"]
        return esker.open_blocks(source, target=y[:rows], max_memory=max_memory)
    return esker.open_blocks(
        files["file"],
        format="svmlight",
        zero_based=False,
        n_features=data["columns"],
        dtype="float32",
        max_memory=max_memory,
    )


def narrow(columns: int) -> Callable[[Block], Block]:
    """Hash the columns of sparse rows once more, into `columns`; numbers that meet are added."""

    def hashed(block: Block) -> Block:
        x = block.X
        made = csr_array((x.data.copy(), x.indices % columns, x.indptr.copy()), shape=(x.shape[0], columns))
        made.sum_duplicates()
        return replace(block, X=made)

    return hashed


def error_of(model: Any, test: Blocks, task: str) -> float:
    """Wrong signs or labels in percent, or root mean squared error."""
    loss, rows = 0.0, 0
    for block in test:
        target, answer = np.asarray(block.y, dtype=np.float64).ravel(), model.predict(block.X)
        if task == "classification":
            loss += float(np.count_nonzero((answer > 0) != (target > 0)))
        else:
            loss += float(np.sum((answer - target) ** 2))
        rows += len(block)
    return 100 * loss / rows if task == "classification" else float(np.sqrt(loss / rows))


class Learner:
    """A data set with its files open; each method fits once at one budget, tests, and says what came out."""

    def __init__(self, data: dict[str, Any], max_memory: int) -> None:
        self.data, self.max_memory = data, max_memory
        self.sparse = "target" not in data["train"]
        self.train, self.test = (open_rows(data, role, max_memory) for role in ("train", "test"))

    def ridge(self, budget: int) -> dict[str, Any]:
        """Sparse rows: so many hashed columns. Dense rows: so many rows."""
        if self.sparse:
            train, test, what = (
                self._hashed(self.train, budget),
                self._hashed(self.test, budget),
                "hashed columns",
            )
        else:
            budget = min(budget, int(self.data["train"]["rows"]))
            train, test, what = open_rows(self.data, "train", self.max_memory, budget), self.test, "rows"
        return self._point(f"{budget:,} {what}", lambda: Ridge(max_memory=self.max_memory).fit(train), test)

    def sketch(self, budget: tuple[int, int]) -> dict[str, Any]:
        """A sketch of so many rows, of so many hashed columns where rows are sparse; then a ridge on the sketch."""
        size, columns = budget
        train, test, what = self.train, self.test, f"{size:,} rows"
        if self.sparse:
            train, test = self._hashed(train, columns), self._hashed(test, columns)
            what += f" x {columns:,} columns"
        return self._point(what, lambda: Ridge().fit(*sketch_rows(train, size=size)), test)

    def sgd(self, budget: float) -> dict[str, Any]:
        """So many seconds, on all columns."""
        learner = SGDClassifier if self.data["task"] == "classification" else SGDRegressor
        # The files are in random order: few rows need to be mixed, and that takes less memory.
        model = learner(max_time=budget, max_memory=self.max_memory, shuffle_rows=8192, random_state=0)
        return self._point(f"max_time {budget:g} s", lambda: model.fit(self.train), self.test)

    def _hashed(self, blocks: Blocks, columns: int) -> Blocks:
        return blocks.map(narrow(columns), n_columns=columns, nnz=None)

    def _point(self, budget: str, fit: Callable[[], Any], test: Blocks) -> dict[str, Any]:
        begin = time.perf_counter()
        try:
            model = fit()
        except ValueError as error:
            if "max_memory" not in str(error):
                raise
            return {"budget": budget, "refused": str(error)}
        seconds = time.perf_counter() - begin
        stop = getattr(model, "stop_reason_", None)
        return {
            "budget": budget,
            "seconds": seconds,
            "error": error_of(model, test, self.data["task"]),
            "stop_reason": stop,
        }


def main() -> None:
    """Read a job as one JSON line, open the files, say so; at the next line work, and print what came out."""
    job = json.loads(sys.stdin.readline())
    learner = Learner(job["data"], job["max_memory"])
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    print(json.dumps(getattr(learner, job["learner"])(job["budget"])), flush=True)


if __name__ == "__main__":
    main()
