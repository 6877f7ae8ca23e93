"""SRHT: the subsampled randomised Hadamard transform, of blocks of consecutive rows, so that it streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from esker._native import core
from esker.sketch._sums import SummedSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SRHT"]

SIGNS, SAMPLE = 11, 12
#: Rows of a block, at least.
SHORTEST = 4096
#: Columns that are transformed at a time.
COLUMNS = 256


class SRHT(SummedSketch):
    """Sketch rows by random signs, a Hadamard transform that mixes them, and a sample of what comes out.

    Rows of 4096 consecutive numbers (or the next power of two from `size` on; the last rows are padded with zeros) are a
    block. Each has signs and a sample of `size` of its transformed rows of its own, which are added up with random signs:
    the block-SRHT of [1]_. ``E[Z'Z] = X'WX``.

    Parameters
    ----------
    size : int
        Rows of the sketch; any number.
    random_state, n_probes
        As of `SparseSign`.

    Attributes
    ----------
    sketch_, y_sketch_, error_estimate_, n_rows_, sum_of_weights_, seed_, n_features_in_, feature_names_in_
        As of `SparseSign`.

    Notes
    -----
    About ``12 n d`` additions, whatever the size. Rows that come in pieces smaller than a block cost a whole one each time. Sparse
    rows are made dense, a block and some columns at a time: `SparseSign` never does that.

    References
    ----------
    .. [1] O. Balabanov, M. Beaupere, L. Grigori & V. Lederer, "Block subsampled randomized Hadamard transform for low-rank
       approximation on distributed architectures", ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> Z, _ = SRHT(500).fit_resample(np.eye(1000, 2))
    >>> Z.shape, bool(np.abs(Z.T @ Z - np.eye(2)).max() < 0.3)
    ((500, 2), True)
    """

    def _apply(
        self, x: Any, roots: NDArray[np.float64] | None, keys: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        length = max(SHORTEST, 1 << (self.size - 1).bit_length())
        total = np.zeros((self.size, x.shape[1]))
        at = keys // length
        cuts = np.r_[0, np.flatnonzero(np.diff(at)) + 1, len(keys)]
        for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            first = int(at[begin]) * length
            some, places = x[begin:end], keys[begin:end] - first
            whole = np.arange(first, first + length, dtype=np.int64)
            factor = _signs(core.draws(self.seed_, keys[begin:end], SIGNS, 0)).astype(x.dtype)
            if roots is not None:
                factor *= roots[begin:end].astype(x.dtype)
            drawn = core.draws(self.seed_, whole, SAMPLE, 0)
            chosen = np.argsort(drawn)[: self.size]
            signs = _signs(core.draws(self.seed_, whole[: self.size], SAMPLE, 1))
            if sparse.issparse(some):
                some = some.tocsc()
            for j in range(0, x.shape[1], COLUMNS):
                part = some[:, j : j + COLUMNS]
                part = part.toarray() if sparse.issparse(part) else part
                mixed = np.zeros((length, part.shape[1]), x.dtype)
                mixed[places] = factor[:, None] * part
                core.hadamard_columns(mixed)
                total[:, j : j + COLUMNS] += signs[:, None] * mixed[chosen]
        return np.asarray(total / np.sqrt(self.size))


def _signs(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """1 or -1 by the upper half's last bit."""
    odd: NDArray[np.uint64] = (words >> np.uint64(32)) & np.uint64(1)
    return np.asarray(1.0 - 2.0 * odd.astype(np.float64))
