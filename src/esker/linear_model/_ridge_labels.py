"""What ridge's classifiers share beyond sums of indicators: scikit-learn's shapes, several labels a row, its twin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from esker.blocks import Block
from esker.folds import Gram
from esker.linear_model._gram_classifier import GramClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["RidgeLabels", "SignedGram"]


class SignedGram(Gram):
    """The sums that targets of -1 and 1 would have had, seen in a Gram of indicators; both share X'X and its factor's room.

    Centred sums double, because the constant 1 that is taken off has none. About the origin the two differ by it: with
    penalties that differ between classes, or coefficients that must not be negative, so do the minima.

    Parameters
    ----------
    state : Gram
        Its targets are indicators; it is neither copied nor changed.
    kept : slice
        Those that are wanted.
    """

    def __init__(self, state: Gram, kept: slice) -> None:
        self._state, self._seen, self._kept = state._state, state, kept

    @property
    def targets(self) -> int:
        return len(self.yy)

    @property
    def mean_y(self) -> NDArray[np.float64]:
        return 2 * self._seen.mean_y[self._kept] - 1

    @property
    def xy(self) -> NDArray[np.float64]:
        return 2 * self._seen.xy[:, self._kept]

    @property
    def yy(self) -> NDArray[np.float64]:
        return 4 * self._seen.yy[self._kept]

    @property
    def peak_y(self) -> NDArray[np.float64]:
        return 4 * self._seen.peak_y[self._kept]


class RidgeLabels(GramClassifier):
    """Mixin before `LinearClassifier`, in the place of `GramClassifier`."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.classifier_tags.multi_label = True
        return tags

    # --- targets of -1 and 1 ---

    def _indicators(self) -> slice | None:
        """Which of the state's targets are wanted; two classes have one."""
        if self.multilabel_:
            return None
        return slice(1, 2) if len(self.classes_) == 2 else slice(None)

    def _numbers(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets of -1 and 1 from those that the state sums."""
        kept = self._indicators()
        return y if kept is None else 2 * y[:, kept] - 1

    def _signed_state(self, state: Gram) -> Gram:
        """The sums with targets of -1 and 1."""
        kept = self._indicators()
        return state if kept is None else SignedGram(state, kept)

    def _know_labels(self, blocks: Blocks) -> None:
        """Read the labels alone, so that ``classes_`` is known before any sum."""
        for y in blocks.labels():
            assert y is not None
            hot = self._encode(Block(np.empty((len(y), 0)), y)).raw_y()
            assert hot is not None
            targets = hot.shape[1]
        state = Gram()
        state.set_targets([-1] * targets)
        self._sort(state)

    def _signed_rows(self, blocks: Blocks) -> Blocks:
        """The rows with targets of -1 and 1, once labels are known."""

        def signed(block: Block) -> Block:
            block = self._encode(block)
            y = block.raw_y()
            assert y is not None
            return replace(block, y=np.ascontiguousarray(self._numbers(y)))

        kept = self._indicators()
        targets = len(self.classes_[kept] if kept is not None else self.classes_)
        return blocks.map(signed, keeps_x=True, n_targets=targets)

    # --- results ---

    def _take(self, *args: Any) -> None:
        super()._take(*args)
        if len(self.coef_) == 1:  # two classes have flat coefficients, as in scikit-learn
            self.coef_ = self.coef_[0]

    def _answer(self, scores: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
        if self.multilabel_:
            return (scores > 0).astype(np.intp)
        return np.asarray(super()._answer(scores, dtype))  # type: ignore[misc]

    def to_sklearn(self) -> Any:
        """A fitted scikit-learn estimator of the same name with equal predictions; it needs no esker."""
        twin = super().to_sklearn()  # type: ignore[misc]
        labels = np.eye(len(self.classes_), dtype=np.intp) if self.multilabel_ else self.classes_
        twin._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1).fit(labels)
        return twin
