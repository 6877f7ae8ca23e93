"""Our side of the cells: each a function data -> fitted thing, written as a user would write it."""

from __future__ import annotations

from typing import Any

from benchmarks.datasets import Split

__all__ = ["parse", "ridge", "sgd"]


def sgd(epochs: int, *, loss: str = "log_loss", alpha: float = 1e-6, **options: Any):
    """SGDClassifier, no stop before `epochs`; `eta0=` makes it one model, without it the default race runs."""

    def run(data: Split) -> Any:
        from esker.linear_model import SGDClassifier

        model = SGDClassifier(loss=loss, alpha=alpha, max_iter=epochs, tol=None, random_state=0, **options)
        return model.fit(data.X, data.y)

    return run


def ridge(alpha: float = 1.0, **options: Any):
    """Ridge with its default solver."""

    def run(data: Split) -> Any:
        from esker.linear_model import Ridge

        return Ridge(alpha=alpha, **options).fit(data.X, data.y)

    return run


def parse(path: Any) -> tuple[Any, Any]:
    """(X, y) of an svmlight file, whole and in memory."""
    import esker

    block = esker.open_blocks(path, format="svmlight", zero_based=False).take_all()
    return block.X, block.y
