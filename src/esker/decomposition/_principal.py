"""What is said of principal components, once their eigenpairs are known; shared by both PCAs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.decomposition._spectrum import how_many

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.decomposition._spectrum import Spectrum

__all__ = ["check_components", "refuse_single", "take_spectrum"]


def check_components(n_components: Any, n: int, d: int, solver: str) -> None:
    """scikit-learn's refusals of a number of components."""
    if n_components == "mle":
        if n < d:
            raise ValueError("n_components='mle' is only supported if n_samples >= n_features")
    elif n_components is not None and not 0 <= n_components <= min(n, d):
        raise ValueError(
            f"n_components={n_components} must be between 0 and min(n_samples, n_features)={min(n, d)} with "
            f"svd_solver={solver!r}"
        )


def refuse_single(estimator: Any, rows: int, weight: float) -> None:
    """One row varies around nothing."""
    if rows < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least 2 rows to tell how they vary, got n_samples = {rows}"
        )
    if weight <= 1:
        raise ValueError(
            f"sample_weight counts as repeats of a row, and its sum must exceed 1, got {weight:g}; scale the weights up"
        )


def take_spectrum(
    model: Any,
    found: Spectrum,
    *,
    n_components: Any,
    mean: NDArray[np.float64],
    rows: int,
    weight: float,
    dtype: np.dtype[Any],
) -> None:
    """Set the attributes of scikit-learn's PCA, and ``error_estimate_``.

    Parameters
    ----------
    found : Spectrum
        With all eigenpairs where `n_components` is no whole number.
    n_components : int, float, "mle" or None
    weight : float
        Sum of the weights; the rows' number without them.
    """
    d = len(mean)
    most = min(rows, d)
    k = (
        min(most, len(found.values))
        if n_components is None
        else how_many(n_components, found.values, found.total, rows)
    )
    kept = found.first(k)
    with np.errstate(invalid="ignore", divide="ignore"):  # rows that do not vary
        ratio = kept.values / np.float64(found.total)
    model.components_ = kept.vectors.astype(dtype)
    model.mean_ = mean
    model.explained_variance_ = (kept.values / (weight - 1)).astype(dtype)
    model.explained_variance_ratio_ = ratio.astype(dtype)
    model.singular_values_ = np.sqrt(kept.values).astype(dtype)
    model.noise_variance_ = kept.left / (weight - 1) / (most - k) if k < most else 0.0
    model.n_components_ = k
    model.error_estimate_ = float(np.sqrt(kept.left / found.total)) if found.total > 0 else 0.0
