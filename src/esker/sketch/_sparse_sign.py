"""SparseSign and CountSketch: every row is added, with random signs, to a few rows of the sketch."""

from __future__ import annotations

from typing import Any

import numpy as np

from esker._parameters import check_integer
from esker.folds_sketch import RowSketch
from esker.sketch._base import Rows, RowSketcher

__all__ = ["CountSketch", "SparseSign"]


class SparseSign(RowSketcher):
    """Sketch rows by a sparse random sign matrix: the default choice.

    Each row, times the root of its weight, is added with a random sign to `nonzeros` of the sketch's rows, one in each of
    as many segments, over ``sqrt(nonzeros)``; so ``E[Z'Z] = X'WX`` for the sketch Z [1]_, with a variance of at most
    ``(||x_i||^2 ||x_j||^2 + ...) / size``. With 8 a row and `size` a few times d, norms in the column space of X are kept
    to about ``sqrt(d / size)`` also where single rows matter (coherent data) [2]_.

    Parameters
    ----------
    size : int
        Rows of the sketch, at least `nonzeros`; a few times d.
    nonzeros : int, default 8
        Rows of the sketch that a row goes to, 1 to 64.
    random_state : int, RandomState or None, default 0
        The map is a function of this seed and the row's number, whatever the cut into blocks, shards or threads. Rows of several
        files are numbered in each, so their sketch is another than that of one file with all of them, and as good.
        Only sketches of one seed can be merged.
    n_probes : int, default 0
        Random vectors of a test sketch, for `error_estimate_`; 10 is usual.

    Attributes
    ----------
    sketch_ : ndarray of shape (size, d)
        In X's dtype; sums are float64 (for float32 rows, float32 within some hundred rows).
    y_sketch_ : ndarray of shape (size,) or (size, targets), or None
    error_estimate_ : SketchError
        With `n_probes`.
    n_rows_ : int
        Rows seen.
    sum_of_weights_ : float
    seed_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the columns have names.

    Notes
    -----
    ``nonzeros n d`` multiply-adds (for sparse X, `nonzeros` for each stored number); memory is that of the sketch in float64,
    and of the result. Multi-target and weights are carried along.

    References
    ----------
    .. [1] M. Cohen, "Nearly tight oblivious subspace embeddings by trace inequalities", SODA 2016.
    .. [2] E. Epperly, "Which sketch should I use?", 2023.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((10_000, 3))
    >>> sketch = SparseSign(200, n_probes=10)
    >>> Z, z = sketch.fit_resample(X, X @ [1.0, 2.0, 3.0])
    >>> Z.shape, np.linalg.lstsq(Z, z)[0].round(6).tolist(), bool(sketch.error_estimate_.bound < 0.5)
    ((200, 3), [1.0, 2.0, 3.0], True)
    """

    def __init__(self, size: int, *, nonzeros: int = 8, random_state: Any = 0, n_probes: int = 0) -> None:
        super().__init__(size, random_state=random_state, n_probes=n_probes)
        self.nonzeros = nonzeros

    def _per_row(self) -> int:
        return check_integer("nonzeros", self.nonzeros, 1, 64)

    def _start(self) -> RowSketch:
        nonzeros = self._per_row()
        if self.size < nonzeros:
            raise ValueError(
                f"size must be at least the {nonzeros} rows that a row goes to (nonzeros), got {self.size}"
            )
        return RowSketch(self.size, seed=self.seed_, nonzeros=nonzeros, means=False)

    def _rows(self) -> Rows:
        self._state.widen(self.n_features_in_)
        found = self._state.finish(single=self._dtype == np.float32)
        return Rows(found.X, found.y, found.finite)

    def _describe(self) -> str:
        return f"{type(self).__name__}(size={self.size}, nonzeros={self._per_row()}, seed={self.seed_})"


class CountSketch(SparseSign):
    """Sketch rows by adding each, with a random sign, to one row of the sketch: one read of X, and no more.

    The cheapest sketch, that of `scipy.linalg.clarkson_woodruff_transform` [1]_. ``E[Z'Z] = X'WX``; but to keep the
    geometry of d columns surely, `size` must grow as d^2: where single rows matter, prefer `SparseSign`.

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
    ``n d`` additions.

    References
    ----------
    .. [1] K. Clarkson & D. Woodruff, "Low rank approximation and regression in input sparsity time", STOC 2013.

    Examples
    --------
    >>> import numpy as np
    >>> Z, _ = CountSketch(4).fit_resample(np.eye(100))
    >>> Z.shape, np.abs(Z).sum(axis=0).tolist() == [1.0] * 100
    ((4, 100), True)
    """

    def __init__(self, size: int, *, random_state: Any = 0, n_probes: int = 0) -> None:
        RowSketcher.__init__(self, size, random_state=random_state, n_probes=n_probes)

    def _per_row(self) -> int:
        return 1

    def _describe(self) -> str:
        return f"{type(self).__name__}(size={self.size}, seed={self.seed_})"
