"""One SGD pass straight from a file, reading and learning included: text beside Vowpal Wabbit's own, block file beside its cache.

One model with the logistic loss each; a run opens the file anew. The peer runs by its own driver, in its own process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import suite
from benchmarks.contest import Cell, Contender
from benchmarks.passes import Files, files, vw_text

VW = "--loss_function logistic --holdout_off --quiet"


class _Predicts:
    """Margins of the test rows by a Vowpal Wabbit model in a file."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def margins(self, X: Any) -> np.ndarray:
        import vowpalwabbit

        from benchmarks.files import svmlight_bytes

        test, said = self.model.with_name("test.vw"), self.model.with_name("test.out")
        test.write_bytes(vw_text(svmlight_bytes(X, np.ones(X.shape[0]))))
        vowpalwabbit.Workspace(f"-d {test} -t -i {self.model} -r {said} --quiet").finish()
        return np.loadtxt(said, usecols=0)


def ours(path: str, **options: Any) -> Any:
    """The file, opened and learned in one pass."""

    def run(data: Files) -> Any:
        import esker
        from esker.linear_model import SGDClassifier

        blocks = esker.open_blocks(getattr(data, path), **options)
        return SGDClassifier(eta0=0.5, alpha=0.0, max_iter=1, tol=None, random_state=0).fit(blocks)

    return run


def vowpal(cached: bool) -> Any:
    """Vowpal Wabbit's default learner on its text, or on its cache."""

    def run(data: Files) -> _Predicts:
        import vowpalwabbit

        model, bits = data.folder / f"model-{cached}", max(18, (data.made.d - 1).bit_length())
        source = f"-d {data.vw}" + (f" --cache_file {data.cache}" if cached else "")
        vowpalwabbit.Workspace(f"{source} {VW} -b {bits} -f {model}").finish()
        return _Predicts(model)

    return run


def quality(data: Files, model: Any) -> dict[str, float]:
    """Error and logistic loss on rows that the files do not hold."""
    X, y = data.test()
    if isinstance(model, _Predicts):
        margin = model.margins(X)
    else:
        margin = model.decision_function(X[:, : model.coef_.shape[1]].astype(model.coef_.dtype))
    margin = margin * y
    return {"test error": np.mean(margin <= 0), "test log loss": np.mean(np.logaddexp(0, -margin))}


CELLS = [
    Cell(
        "pass/text",
        files,
        [
            Contender("esker", ours("text", zero_based=False)),
            Contender("vowpalwabbit", vowpal(cached=False), needs="vowpalwabbit"),
        ],
        quality,
        lambda data: {"file bytes": data.text.stat().st_size},
    ),
    Cell(
        "pass/block-file",
        lambda scale: files(scale, block_file=True, cache=True),
        [
            Contender("esker", ours("block_file")),
            Contender("vowpalwabbit", vowpal(cached=True), needs="vowpalwabbit"),
        ],
        quality,
        lambda data: {"file bytes": data.block_file.stat().st_size},
    ),
]

test_pass = suite(CELLS)
