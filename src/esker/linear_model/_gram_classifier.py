"""Least squares for labels: a Gram whose targets are one indicator a class.

Indicators are 0 and 1, so that a class which comes late is a column of zeros and states of different classes merge. Solves
want scikit-learn's -1 and 1, whose sums follow (`RidgeLabels`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from esker.blocks import ArrayBlocks, Blocks
from esker.folds import Gram
from esker.linear_model._gram_model import GramModel
from esker.linear_model._input import as_blocks, check_finite
from esker.linear_model._labels import MOST, class_factors, count_labels, refuse_foreign, refuse_fractions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["GramClassifier"]


class GramClassifier(GramModel):
    """Mixin before `LinearClassifier`; a subclass has ``class_weight`` and writes `_check` and `_solve`.

    In `_solve` the state's targets are the indicators of ``classes_``, in their order. Labels in several columns (0 and 1 in each) are targets of -1 and 1 at once.
    """

    class_weight: Mapping[Any, float] | str | None
    classes_: NDArray[Any]
    #: Whether y has a column of 0 and 1 for each label, several of which may hold.
    multilabel_: bool

    def _open(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> Blocks:
        if sparse.issparse(y):
            y = y.toarray()
        elif not isinstance(X, Blocks) and y is not None and not hasattr(y, "ndim"):
            y = np.asarray(y)
        several = not isinstance(X, Blocks) and y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1
        several = several and type_of_target(y).startswith("multilabel")
        blocks = as_blocks(
            self, X, y, sample_weight, multi_output=several, classifier=True, reset=reset, finite_later=True
        )
        self._dtypes = [np.asarray(c).dtype for c in (getattr(self, "_coming", ()),) if len(c)]
        if reset:
            self._labels: list[Any] = []
        else:
            if several != self.multilabel_:
                raise ValueError("y must have one column, or several of 0 and 1, as in earlier rows")
            self._labels = self.classes_.tolist()
            self._dtypes.append(self.classes_.dtype)
        self._labels += [
            label for label in np.asarray(getattr(self, "_coming", ())).tolist() if label not in self._labels
        ]
        self.multilabel_ = several
        self._factors: dict[Any, float] = {}
        if isinstance(self.class_weight, str):
            class_factors(
                self.class_weight, np.empty(0), np.empty(0, dtype=np.int64)
            )  # "balanced", or refused
            self._factors = self._balanced(blocks)
        elif self.class_weight is not None:
            given: Any = self.class_weight
            names = list(given) if isinstance(given, Mapping) else []
            class_factors(given, np.array([*names, None], dtype=object), None)  # others have 1
            self._factors = dict(self.class_weight)
        if several:
            self._weigh_labels(blocks)
        if 0 in self._factors.values():
            check_finite(self, blocks)  # sums never see the rows of weight 0
        self._source = blocks
        return blocks

    def _weigh_labels(self, blocks: Blocks) -> None:
        """Labels in several columns: 0 and 1, and balanced weights as the product of each column's, as scikit-learn has it."""
        assert isinstance(blocks, ArrayBlocks)
        assert blocks.y is not None
        found = np.unique(blocks.y)
        if not (np.isin(found, (0, 1)).all() or np.isin(found, (-1, 1)).all()):
            raise ValueError(
                f"y in several columns must hold 0 and 1 (or -1 and 1), whether a row has that label, got {found[:5].tolist()}; y != 0 makes it so"
            )
        if isinstance(self.class_weight, str):
            weight = compute_sample_weight("balanced", blocks.y)
            blocks.sample_weight = weight if blocks.sample_weight is None else weight * blocks.sample_weight
            self._factors = {}
        elif self._factors:
            raise ValueError(
                "class_weight as a dict is for labels in one column; leave it None or 'balanced', and use sample_weight"
            )

    def _balanced(self, blocks: Blocks) -> dict[Any, float]:
        if isinstance(blocks, ArrayBlocks):
            assert blocks.y is not None
            classes, counts = np.unique(np.ravel(blocks.y), return_counts=True)
        elif blocks.rereadable:
            classes, counts = count_labels(blocks)
        else:
            raise ValueError(
                f"class_weight='balanced' reads the labels first, and {blocks.source} can be read once; "
                "give the weights as a dict"
            )
        factors = class_factors("balanced", classes, counts)
        assert factors is not None
        return dict(zip(classes.tolist(), factors.tolist()))

    # --- the walk ---

    def _encode(self, block: Block) -> Block:
        assert block.y is not None
        if self.multilabel_:
            return replace(block, y=np.where(np.asarray(block.y) > 0, 1.0, -1.0))
        labels, index = np.unique(np.ravel(block.y), return_inverse=True)
        if labels.dtype not in self._dtypes:
            self._dtypes.append(labels.dtype)
        refuse_fractions(labels, self._source)
        places = {label: i for i, label in enumerate(self._labels)}
        for label in labels.tolist():
            if label not in places:
                places[label] = len(self._labels)
                self._labels.append(label)
        if len(self._labels) > MOST:
            raise ValueError(
                f"the target of {self._source.source} has more than {MOST} different labels; is it a number?"
            )
        place = np.array([places[label] for label in labels.tolist()], dtype=np.intp)[index]
        hot = np.zeros((len(place), len(self._labels)))
        hot[np.arange(len(place)), place] = 1
        if not self._factors:
            return replace(block, y=hot)
        factor = np.array([self._factors.get(label, 1.0) for label in self._labels], dtype=np.float64)[place]
        weight = factor if block.sample_weight is None else factor * block.sample_weight
        return replace(block, y=hot, sample_weight=weight)

    def _grow(self, state: Any, targets: int) -> None:
        have = state.targets
        if not self.multilabel_ and have < targets:
            state.set_targets([*range(have), *([-1] * (targets - have))])

    def _sum(self, blocks: Blocks, state: Gram) -> bool:
        flat = super()._sum(blocks, state)
        self._sort(state)
        return flat

    def _sort(self, state: Any) -> None:
        """The walk is over: ``classes_`` in order, and the state's targets with them."""
        if self.multilabel_:
            self.classes_ = np.arange(state.targets)
            return
        refuse_foreign(self._factors, self._labels)
        if len(self._labels) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(self._labels)} class: {self._labels}"
            )
        try:
            order = sorted(range(len(self._labels)), key=lambda i: self._labels[i])
        except TypeError:
            raise ValueError(
                f"labels must be all numbers or all strings, got {self._labels[:9]} (with earlier rows' classes)"
            ) from None
        self._labels = [self._labels[i] for i in order]
        self._grow(state, len(order))
        state.set_targets(order)
        self.classes_ = _typed(self._labels, self._dtypes)

    def _facts(self) -> dict[str, Any]:
        return {"labels": self._labels}

    def _resume(self, facts: dict[str, Any]) -> None:
        self._labels = list(facts["labels"])

    # --- more rows ---

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
            Classes need not be known before the walk.
        y : array-like of shape (n,), or (n, labels) of 0 and 1; None for Blocks, which bring it
            Labels: numbers, strings or booleans.
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks

        Returns
        -------
        self
        """
        try:
            return super().fit(X, y, sample_weight)
        finally:
            self._clean()

    def partial_fit(  # type: ignore[override]  # scikit-learn's classifiers take the classes third
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Add rows to those seen so far and solve anew; exact, in any order. See `Ridge.partial_fit`.

        Parameters
        ----------
        X : array-like or sparse of shape (n, d), or Blocks
        y : array-like of shape (n,), or (n, labels) of 0 and 1; None for Blocks
        classes : array-like of shape (classes,), optional
            Labels that will come. Not needed: a class may come late. The first rows must have two.
        sample_weight : array-like of shape (n,) or number, optional; None for Blocks

        Returns
        -------
        self
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does not see all labels at once; "
                "give the weights as a dict"
            )
        self._coming = () if classes is None else np.unique(classes)
        try:
            return super().partial_fit(X, y, sample_weight)
        finally:
            self._clean()

    def forget(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take rows off that were learned before, and solve anew; see `Ridge.forget`.

        A class none of whose rows are left stays in ``classes_``.
        """
        try:
            return super().forget(X, y, sample_weight)
        finally:
            self._clean()

    def _clean(self) -> None:
        for name in ("_labels", "_dtypes", "_factors", "_source", "_coming"):
            self.__dict__.pop(name, None)

    def _align(self, state: Gram, before: list[Any]) -> None:
        """Bring the state's targets, which were the classes `before`, to those of now."""
        state.set_targets([before.index(label) if label in before else -1 for label in self._labels])

    def _absorb(self, total: Gram, state: Gram, before: list[Any]) -> None:
        if self.multilabel_:
            total.merge(state)
            return
        self._align(state, before)
        try:
            total.merge(state)
        finally:
            state.set_targets([self._labels.index(label) for label in before])

    def _merge_states(self, models: list[Any]) -> Gram:
        if any(model.multilabel_ != models[0].multilabel_ for model in models):
            raise ValueError("models of one label a row and of several cannot be merged")
        self.multilabel_ = models[0].multilabel_
        if self.multilabel_:
            self.classes_ = models[0].classes_
            return super()._merge_states(models)
        labels = sorted({label for model in models for label in model.classes_.tolist()})
        state = Gram()
        self._labels = labels
        for model in models:
            part = model.state_.copy()
            self._align(part, model.classes_.tolist())
            state.merge(part)
        self._clean()
        self.classes_ = _typed(labels, [model.classes_.dtype for model in models])
        return state

    # --- results ---

    def _take(
        self,
        coef: NDArray[np.float64],
        at_mean: NDArray[np.float64],
        mean: NDArray[np.float64],
        dtype: np.dtype[Any],
        flat: bool,
    ) -> None:
        super()._take(coef, at_mean, mean, dtype, flat)
        self.coef_ = np.atleast_2d(self.coef_)
        if self.fit_intercept:
            self.intercept_ = np.atleast_1d(self.intercept_)


def _typed(labels: list[Any], dtypes: list[np.dtype[Any]]) -> NDArray[Any]:
    """Labels as an array, numbers as wide as those they came as."""
    found = np.array(labels)
    if not dtypes or found.dtype.kind not in "biuf" or any(dtype.kind not in "biuf" for dtype in dtypes):
        return found
    wide = np.result_type(*dtypes).newbyteorder("=")
    whole = wide.kind in "iu" and found.dtype.kind in "iu"
    return found.astype(wide) if whole or wide.kind == found.dtype.kind else found
