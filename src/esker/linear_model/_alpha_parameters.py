"""The parameters of a search for alpha: what is taken, and which do not go together."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_scalar

from esker._parameters import check_choice, check_flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_alphas", "check_search", "grid"]


def grid(alphas: Any) -> NDArray[np.float64]:
    """The alphas as an array of shape (alphas,)."""
    return np.atleast_1d(np.asarray(alphas, dtype=np.float64))


def check_alphas(alphas: Any, zero: bool, name: str = "alphas") -> None:
    """Numbers above 0, or at least 0 where `zero`; errors are worded as scikit-learn's."""
    if isinstance(alphas, str | dict | set) or alphas is None or np.ndim(alphas) > 1:
        raise ValueError(f"{name} must be a number or a sequence of numbers, got {alphas!r}")
    values = [alphas] if np.ndim(alphas) == 0 else list(alphas)
    if not values:
        raise ValueError(f"{name} must hold at least one number, got {alphas!r}")
    for i, alpha in enumerate(values):
        label = name if len(values) == 1 else f"{name}[{i}]"
        bounds = "left" if zero else "neither"
        check_scalar(alpha, label, target_type=Real, min_val=0.0, include_boundaries=bounds)
        if not isfinite(alpha):
            raise ValueError(f"{label} == {alpha}, must be finite.")


def check_search(model: Any) -> None:
    """Validate what RidgeCV and RidgeClassifierCV share."""
    check_alphas(model.alphas, zero=model.cv is not None)
    check_flag("store_cv_results", model.store_cv_results)
    per_target = getattr(model, "alpha_per_target", False)
    check_flag("alpha_per_target", per_target)
    mode, name = model.gcv_mode, type(model).__name__
    check_choice("gcv_mode", mode, (None, "auto", "svd", "eigen", "gcv"))
    check_flag("keep_state", model.keep_state)
    scoring = model.scoring
    if not (
        scoring is None or callable(scoring) or (isinstance(scoring, str) and scoring in get_scorer_names())
    ):
        raise ValueError(
            f"scoring must be None, a callable or one of sklearn.metrics.get_scorer_names(), got {scoring!r}"
        )
    if model.cv is not None:
        if mode not in (None, "auto"):
            raise ValueError(f"gcv_mode={mode!r} is for cv=None; with cv={model.cv!r} leave it None")
        if model.store_cv_results:
            raise ValueError("cv!=None and store_cv_results=True are incompatible")
        if model.checkpoint is not None:
            raise ValueError(
                "checkpoint keeps the sums of all rows, and cv sums them by folds: leave it None, or use cv=None"
            )
    elif mode == "gcv":
        if scoring is not None:
            raise ValueError(
                f"gcv_mode='gcv' is a score itself, and knows no rows: leave scoring None, got {scoring!r}"
            )
        if model.store_cv_results:
            raise ValueError("gcv_mode='gcv' leaves no rows out, so it has no store_cv_results=True")
    if model.keep_state and (model.cv is not None or mode != "gcv"):
        raise ValueError(
            f"keep_state=True keeps sums for partial_fit, forget and merge, and {name} reads rows again unless "
            "gcv_mode='gcv'; use that, or keep_state=False"
        )
