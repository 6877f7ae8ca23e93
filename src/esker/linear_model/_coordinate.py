"""Elastic nets on Grams: what the estimators and the path functions ask of the kernel, in the objective's own units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from esker._native import core
from esker._parameters import check_choice, check_flag, check_integer, check_number
from esker.linear_model._normal import loss_of_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from esker.folds import Gram

__all__ = [
    "Descent",
    "Rules",
    "alpha_grid",
    "check_alphas",
    "check_descent",
    "check_precompute",
    "descend",
    "rules_of",
    "warn_rounding",
]

#: The smallest alpha of a grid, where nothing correlates with y.
SMALLEST = float(np.finfo(np.float64).resolution)
#: Rounding of the sums that may move the objective by more than this share of y's squares, or by `tol`, is told.
SILENT = 1e-4


@dataclass(frozen=True)
class Rules:
    """How to descend: ``tol`` and ``max_iter`` as scikit-learn means them."""

    centred: bool
    tol: float
    max_iter: int
    positive: bool
    random: bool
    seed: int


@dataclass(frozen=True)
class Descent:
    """Solutions of m problems at k alphas each.

    Attributes
    ----------
    coefs : ndarray of shape (m, k, d)
    gaps : ndarray of shape (m, k)
        Duality gaps of the objective, whose squared error is a mean.
    sweeps : ndarray of shape (m, k)
    """

    coefs: NDArray[np.float64]
    gaps: NDArray[np.float64]
    sweeps: NDArray[np.int64]


def rules_of(model: Any, centred: bool | None = None) -> Rules:
    """Of an estimator's parameters, which have been checked."""
    random = model.selection == "random"
    seed = int(check_random_state(model.random_state).randint(0, 2**31 - 1)) if random else 0
    centred = bool(model.fit_intercept) if centred is None else centred
    return Rules(
        centred, float(model.tol), min(int(model.max_iter), 2**31 - 1), bool(model.positive), random, seed
    )


def descend(
    grams: Sequence[Gram],
    alphas: NDArray[np.float64],
    l1_ratios: Sequence[float],
    rules: Rules,
    *,
    targets: Sequence[int] | None = None,
    start: NDArray[np.float64] | None = None,
) -> Descent:
    """Solve each Gram's problem along its falling alphas, every solution starting from the one before.

    Parameters
    ----------
    grams : sequence of m Grams
        One may stand several times.
    alphas : ndarray of shape (m, k)
    l1_ratios : sequence of m numbers
    rules : Rules
    targets : sequence of m integers, optional
        Which target of the Gram; the first by default.
    start : ndarray of shape (m, d), optional
        Coefficients to begin with; zeros by default.

    Returns
    -------
    Descent

    Warns
    -----
    ConvergenceWarning
        Some solutions have not reached ``tol`` in ``max_iter`` sweeps.
    """
    alphas = np.ascontiguousarray(alphas, dtype=np.float64)
    coefs, gaps, sweeps, converged = core.enet_paths(
        [gram._state for gram in grams],
        [0] * len(grams) if targets is None else list(targets),
        alphas,
        [float(r) for r in l1_ratios],
        start if start is None else np.ascontiguousarray(start, dtype=np.float64),
        rules.centred,
        rules.tol,
        rules.max_iter,
        rules.positive,
        rules.random,
        rules.seed,
    )
    if rules.max_iter and not converged.all():
        late = ~converged
        without = (
            " With l1_ratio=0 or alpha=0, Ridge solves this exactly."
            if _without_l1(alphas, l1_ratios, late)
            else ""
        )
        warnings.warn(
            "Objective did not converge. You might want to increase the number of iterations, check the scale of the "
            f"features or consider increasing regularisation. {late.sum()} of {late.size} solutions are affected; "
            f"largest duality gap: {gaps[late].max():.3e}.{without}",
            ConvergenceWarning,
            stacklevel=2,
        )
    if not np.isfinite(coefs).all():
        raise ValueError(
            "Coordinate descent iterations resulted in non-finite parameter values. The input data may contain large values "
            "and need to be preprocessed."
        )
    return Descent(coefs, gaps, sweeps)


def warn_rounding(gram: Gram, coefs: NDArray[np.float64], tol: float, dtype: str, *, centred: bool) -> None:
    """Tell where rounding of X'X moves the objective at `coefs` (targets, k, d): coordinate descent knows no more than X'X."""
    own = np.asarray(gram._state.diagonal)
    loss, yy = float(gram._state.loss(centred)), gram.yy
    if centred:
        real = own > gram._state.noise * gram.weight * gram.mean_x**2
        far = np.abs(gram.mean_x) * np.sqrt(gram.weight / np.where(real, own, np.inf))
        loss += loss_of_means(gram, min(float(far.max(initial=0.0)), 1e150))
    else:
        own = own + gram.weight * gram.mean_x**2
        yy = yy + gram.weight * gram.mean_y**2
    moved = 4 * loss * (np.square(coefs) @ own) / np.maximum(yy, 1e-300)[:, None]
    worst = float(moved.max(initial=0.0))
    if worst > max(tol, SILENT):
        way = "give X in float64" if dtype == "float32" else "take the common part off"
        warnings.warn(
            f"columns vary together so far that rounding of X'X may move the objective by {worst:.0e} of its value at zero; {way}",
            linalg.LinAlgWarning,
            stacklevel=2,
        )


def _without_l1(alphas: NDArray[np.float64], l1_ratios: Sequence[float], late: NDArray[np.bool_]) -> bool:
    return bool((alphas * np.asarray(l1_ratios)[:, None] < np.finfo(np.float64).eps)[late].any())


def alpha_grid(
    gram: Gram, l1_ratio: float, eps: float, count: int, *, centred: bool, positive: bool
) -> NDArray[np.float64]:
    """`count` alphas falling geometrically from the smallest that leaves no coefficient to `eps` times it.

    Parameters
    ----------
    gram : Gram
        Of one target.
    l1_ratio : float
        Above 0.
    eps : float
    count : int
    centred, positive : bool
    """
    if l1_ratio == 0:
        raise ValueError(
            "Automatic alpha grid generation is not supported for l1_ratio=0. Please supply a grid by providing "
            "your estimator with the appropriate `alphas=` argument."
        )
    xy = gram.xy[:, 0] if centred else gram.xy[:, 0] + gram.weight * gram.mean_y[0] * gram.mean_x
    most = max(0.0, float(xy.max() if positive else np.abs(xy).max())) / (gram.weight * l1_ratio)
    if most <= SMALLEST:
        return np.full(count, SMALLEST)
    return np.geomspace(most, most * eps, num=count)


# --- parameters ---


def check_descent(model: Any) -> None:
    """The parameters that these estimators have in common."""
    check_number("tol", model.tol, 0)
    check_integer("max_iter", model.max_iter, 1)
    check_flag("positive", model.positive)
    check_choice("selection", model.selection, ("cyclic", "random"))
    check_random_state(model.random_state)
    check_precompute(model.precompute, auto=hasattr(model, "alphas"))


def check_precompute(precompute: Any, *, auto: bool) -> None:
    """True, False and "auto" are the same here: X'X is summed in any case, and never from a user's hand."""
    if isinstance(precompute, bool | np.bool_) or (
        auto and isinstance(precompute, str) and precompute == "auto"
    ):
        return
    if hasattr(precompute, "__len__") and not isinstance(precompute, str):
        raise ValueError(
            "precompute as an array is not taken: X'X is summed here, centred and with the weights; leave it at its default"
        )
    raise ValueError(f"precompute must be True or False{', or auto' if auto else ''}, got {precompute!r}")


def check_alphas(alphas: Any) -> int | NDArray[np.float64]:
    """How many alphas to choose; or those given, from the largest down."""
    if isinstance(alphas, Integral):
        return check_integer("alphas", alphas, 1, 10**6)
    if alphas is None or np.ndim(alphas) != 1 or len(alphas) == 0:
        raise ValueError(
            f"alphas must be how many to choose, an integer of at least 1, or a sequence of them, got {alphas!r}"
        )
    return np.sort([check_number(f"alphas[{i}]", alpha, 0) for i, alpha in enumerate(alphas)])[::-1]
