"""Models fitted on different shards, made one: their sums add up, so the result is the fit of all rows, to rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from esker._native import threads
from esker.linear_model._gram_model import GramModel
from esker.linear_model._gram_walk import LOOSE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["merge"]


def merge(models: Sequence[Any]) -> Any:
    """One model of several that were fitted on different rows, as if one had been fitted on all of them.

    Parameters
    ----------
    models : sequence of estimators
        Of one class, with the same parameters, each fitted with ``keep_state=True`` or by ``partial_fit`` (small models keep
        their sums in any case). Classifiers may have seen different classes.

    Returns
    -------
    estimator
        A new one; it keeps its sums, so that ``partial_fit``, ``forget`` and `merge` go on. The models are left as they are.

    Raises
    ------
    ValueError
        The models differ in class, parameters or columns, or one of them keeps no sums.

    Notes
    -----
    O(d^2) for each model, and one solve. Rows are not seen again, so nothing is refined.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import Ridge, merge
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 3))
    >>> y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(200)
    >>> both = merge([Ridge(keep_state=True).fit(X[:50], y[:50]), Ridge(keep_state=True).fit(X[50:], y[50:])])
    >>> bool(np.allclose(both.coef_, Ridge().fit(X, y).coef_, rtol=1e-12))
    True
    """
    models = list(models)
    if not models:
        raise ValueError("expected at least one fitted model to merge, got none")
    first = models[0]
    for model in models:
        _check(model, first)
    first._check_stream(first.state_.targets)
    merged = clone(first)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(first, name):
            setattr(merged, name, getattr(first, name))
    dtype = np.result_type(*(model.coef_.dtype for model in models))
    with threads(merged.n_threads):
        state = merged._merge_states(models)
        merged._solve(state, None, dtype, np.ndim(first.intercept_) == 0 and first.coef_.ndim == 1)
    merged.state_ = state
    return merged


def _check(model: Any, first: Any) -> None:
    name = type(first).__name__
    learns_sums: bool = isinstance(model, GramModel)
    if not learns_sums:
        raise ValueError(
            f"expected models that learn from sums, such as Ridge, got {type(model).__name__}; those that step cannot be merged"
        )
    if type(model) is not type(first):
        raise ValueError(f"expected models of one class, got {name} and {type(model).__name__}")
    check_is_fitted(model)
    if not hasattr(model, "state_"):
        raise ValueError(
            f"a {name} kept no sums to merge; fit it with keep_state=True, or learn by partial_fit"
        )
    ours, theirs = first.get_params(), model.get_params()
    differ = [k for k in ours if k not in LOOSE and not _same(ours[k], theirs[k])]
    if differ:
        raise ValueError(
            f"the models differ in {differ[0]}: {ours[differ[0]]!r} and {theirs[differ[0]]!r}; merge models with the same parameters"
        )
    if model.n_features_in_ != first.n_features_in_:
        raise ValueError(
            f"the models have {first.n_features_in_} and {model.n_features_in_} columns; open the shards with the same n_features="
        )
    here, there = (np.asarray(getattr(m, "feature_names_in_", ())) for m in (first, model))
    if not np.array_equal(here, there):
        raise ValueError("the models were fitted on columns of different names")


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(np.array_equal(np.asarray(a), np.asarray(b)))
    except (TypeError, ValueError):
        return bool(a == b)
