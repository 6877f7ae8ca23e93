"""Test error of a model over a data set, in one streamed pass: RMSE and R², or error rate and log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

__all__ = ["Errors", "answers", "measure"]


@dataclass
class Errors:
    """Sums over the tested rows, weighted."""

    rows: int = 0
    weight: float = 0.0
    wrong: float = 0.0
    log_loss: float = 0.0
    square: Any = 0.0
    mean: Any = 0.0
    spread: Any = 0.0

    def add_labels(
        self, y: NDArray[Any], w: NDArray[np.float64], said: Any, chances: Any, classes: Any
    ) -> None:
        self._count(y, w)
        self.wrong += float(w @ (said != y))
        if chances is not None:
            tiny = np.finfo(np.float64).eps
            at = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
            # A label that the model never saw has no chance.
            chance = np.where(classes[at] == y, chances[np.arange(len(y)), at], 0.0)
            self.log_loss -= float(w @ np.log(np.clip(chance, tiny, 1.0)))

    def add_numbers(self, y: NDArray[np.float64], w: NDArray[np.float64], said: NDArray[Any]) -> None:
        before, total = self.weight, float(w.sum())
        self._count(y, w)
        if total == 0.0:
            return
        self.square = self.square + w @ (y - said) ** 2
        centre = w @ y / total
        self.spread = (
            self.spread + w @ (y - centre) ** 2 + (centre - self.mean) ** 2 * (before * total / self.weight)
        )
        self.mean = self.mean + (centre - self.mean) * (total / self.weight)

    def _count(self, y: NDArray[Any], w: NDArray[np.float64]) -> None:
        self.rows += len(y)
        self.weight += float(w.sum())

    def figures(self, *, classifier: bool, chances: bool) -> dict[str, float]:
        """What is reported, by name; several targets are averaged."""
        if self.weight == 0.0:
            raise ValueError(
                "expected rows with a positive weight to test on, got none; hold out a larger share"
            )
        if classifier:
            figures = {"error rate": self.wrong / self.weight}
            return figures | ({"log loss": self.log_loss / self.weight} if chances else {})
        rmse = float(np.sqrt(np.mean(self.square / self.weight)))
        varies = np.asarray(self.spread) > 0
        r2 = 1.0 - np.divide(self.square, self.spread, out=np.ones(varies.shape), where=varies)
        return {"RMSE": rmse} | ({"R²": float(np.mean(r2))} if varies.all() else {})


def answers(model: Any, block: Block) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Predictions of checked rows, and the probabilities of the classes where the model has them."""
    scores = model._scores(block.X)
    said = model._answer(scores, block.X.dtype)
    if not has_chances(model):
        return said, None
    return said, model._chances(scores, block.X.dtype)


def has_chances(model: Any) -> bool:
    """Does this model say probabilities?"""
    return hasattr(model, "predict_proba")


def measure(model: Any, blocks: Blocks, keep: Any = None) -> tuple[int, dict[str, float]]:
    """Rows tested and the errors; `keep(block)` gives the rows of a block to test, all by default."""
    from esker.linear_model._base import as_blocks

    classifier = hasattr(model, "classes_")
    errors = Errors()
    for block in as_blocks(model, blocks, classifier=classifier, multi_output=not classifier, reset=False):
        said, chances = answers(model, block)
        assert block.y is not None
        y = block.y.ravel() if classifier or said.ndim == 1 else block.y
        w = np.ones(len(block)) if block.sample_weight is None else block.sample_weight
        if keep is not None:
            some = keep(block)
            y, w, said = y[some], w[some], said[some]
            chances = None if chances is None else chances[some]
        if classifier:
            errors.add_labels(y, w, said, chances, model.classes_)
        else:
            errors.add_numbers(y, w, said)
    return errors.rows, errors.figures(classifier=classifier, chances=has_chances(model))
