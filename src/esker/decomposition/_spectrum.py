"""Eigenpairs of a sum of products, and what a principal component analysis says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from sklearn.decomposition._pca import _infer_dimension
from sklearn.utils.extmath import svd_flip

from esker.blocks.memory import physical_memory, show_size
from esker.linear_model._packed import lapack_bytes, summing_bytes, sums_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["Spectrum", "eigenpairs", "gram_bytes", "how_many", "reserve_gram"]


@dataclass
class Spectrum:
    """The largest eigenpairs of ``(X - mean)' W (X - mean)``.

    Attributes
    ----------
    values : ndarray of shape (k,)
        Largest first; not negative.
    vectors : ndarray of shape (k, d)
        Of length 1, each with its largest number positive, as scikit-learn has them.
    total : float
        The sum of all eigenvalues: the rows' sum of squares about the mean.
    """

    values: NDArray[np.float64]
    vectors: NDArray[Any]
    total: float

    def first(self, k: int) -> Spectrum:
        """The first k of them."""
        return Spectrum(self.values[:k], self.vectors[:k], self.total)

    @property
    def left(self) -> float:
        """The rows' sum of squares that lies beyond these vectors."""
        return max(self.total - float(self.values.sum()), 0.0)


def eigenpairs(S: NDArray[np.float64], k: int) -> Spectrum:
    """The k largest eigenpairs of a symmetric S, which is overwritten.

    Half of the pairs or more are found by divide and conquer, fewer by LAPACK's ``syevr``, which forms those vectors alone.
    """
    d, total = len(S), float(np.trace(S))
    if 2 * k >= d:
        values, vectors = linalg.eigh(S.T, driver="evd", overwrite_a=True, check_finite=False)
        values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
    else:
        values, vectors = linalg.eigh(
            S.T, subset_by_index=[d - k, d - 1], driver="evr", overwrite_a=True, check_finite=False
        )
        values, vectors = values[::-1], vectors[:, ::-1]
    rows = np.ascontiguousarray(vectors.T)
    return Spectrum(np.maximum(values, 0.0), svd_flip(None, rows, u_based_decision=False)[1], max(total, 0.0))


def how_many(n_components: Any, values: NDArray[np.float64], total: float, rows: int) -> int:
    """How many components a number, a share of the variance or "mle" means, as scikit-learn counts them."""
    if n_components == "mle":
        return max(int(_infer_dimension(values / max(rows - 1, 1), rows)), 0)
    if 0 < n_components < 1:
        share = np.cumsum(values / total) if total > 0 else np.ones(len(values))
        return min(int(np.searchsorted(share, n_components, side="right")) + 1, len(values))
    return int(n_components)


def gram_bytes(blocks: Blocks, d: int) -> int:
    """Sums of products of d columns, and what summing holds, or later their eigenvectors, beside them."""
    sums = sums_bytes(d)
    return max(sums + summing_bytes(blocks), sums + 8 * d * d, 32 * d * d) + lapack_bytes(sums)


def reserve_gram(blocks: Blocks, d: int, way_out: str) -> None:
    """Claim the memory; refused, with the figure, where there is not enough."""
    need = gram_bytes(blocks, d)
    if need > 0.9 * physical_memory():
        raise ValueError(
            f"X'X of {d} columns and its eigenvectors take {show_size(need)}, and this machine has "
            f"{show_size(physical_memory())}; {way_out}"
        )
    try:
        blocks.reserve(need, f"X'X of {d} columns, with its eigenvectors,")
    except ValueError as error:
        raise ValueError(f"{error}, or {way_out}") from None
