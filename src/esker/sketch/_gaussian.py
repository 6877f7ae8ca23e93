"""GaussianSketch: sums of all rows with normal coefficients, which are made as rows come and never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._native import core
from esker.sketch._sums import SummedSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GaussianSketch"]

STREAM = 10
#: Numbers of the map at a time.
PANEL = 1 << 21


class GaussianSketch(SummedSketch):
    """Sketch rows by a matrix of independent normal numbers of variance ``1 / size``.

    The sketch of the theory: what it does is known to the constant for any data, and it costs as much as a matrix product.
    `SparseSign` is about as good in practice, and many times faster.

    Parameters
    ----------
    size : int
        Rows of the sketch.
    random_state, n_probes
        As of `SparseSign`.

    Attributes
    ----------
    sketch_, y_sketch_, error_estimate_, n_rows_, sum_of_weights_, seed_, n_features_in_, feature_names_in_
        As of `SparseSign`.

    Notes
    -----
    ``2 size n d`` operations (``2 size`` for each stored number of a sparse X) and ``size n`` normal numbers. Products are made by
    BLAS, in float32 for float32 rows, and summed in float64: equal to rounding for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> Z, _ = GaussianSketch(500).fit_resample(np.eye(1000, 2))
    >>> Z.shape, bool(np.abs(Z.T @ Z - np.eye(2)).max() < 0.3)
    ((500, 2), True)
    """

    def _apply(
        self, x: Any, roots: NDArray[np.float64] | None, keys: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        total = np.zeros((self.size, x.shape[1]))
        step = max(64, PANEL // self.size)
        for begin in range(0, len(keys), step):
            some = x[begin : begin + step]
            S = core.gaussian_rows(
                np.ascontiguousarray(keys[begin : begin + step]),
                self.size,
                self.seed_,
                STREAM,
                x.dtype == np.float32,
            )
            if roots is not None:
                S *= roots[begin : begin + step, None].astype(S.dtype)
            total += (some.T @ S).T if sparse.issparse(some) else S.T @ some
        return np.asarray(total / np.sqrt(self.size))
