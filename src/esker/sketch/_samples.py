"""UniformRows and LeverageRows: sketches that are some of the rows, scaled up to stand for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from esker._native import core
from esker.blocks import Blocks
from esker.blocks.memory import physical_memory, show_size
from esker.sketch._base import Rows, RowSketcher
from esker.sketch._sample import Sample
from esker.sketch._sparse_sign import SparseSign

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["LeverageRows", "UniformRows"]

#: Random combinations that a row's score is estimated from, where there are more columns.
PROJECTIONS = 32
PROJECTION = 14


class UniformRows(RowSketcher):
    """A uniform sample of rows without replacement, times ``sqrt(n / size)``.

    The cheapest of all, and as good as any sketch where rows are much alike. Where few rows carry a column or a direction
    (rare features, outlying rows), a sample misses them, and what is fitted on it knows nothing of it.

    Parameters
    ----------
    size : int
        Rows of the sample; all, if there are no more.
    random_state, n_probes
        As of `SparseSign`. The sample is that of the rows' numbers, in any cut or order.

    Attributes
    ----------
    sketch_, y_sketch_, error_estimate_, n_rows_, sum_of_weights_, seed_, n_features_in_, feature_names_in_
        As of `SparseSign`; rows are in the order of their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> Z, _ = UniformRows(25).fit_resample(np.ones((100, 1)))
    >>> Z.shape, float((Z**2).sum())
    ((25, 1), 100.0)
    """

    _shows_gaps = False

    def _start(self) -> Sample:
        return Sample(self.size, self.seed_)

    def _rows(self) -> Rows:
        X, y, _, weight, _ = self._state.rows()
        root = np.sqrt(weight * (self.n_rows_ / len(y)))[:, None]
        return Rows(X * root, y * root)


class LeverageRows(RowSketcher):
    """A sample of rows with probabilities by their leverage scores, and weights that make up for them.

    A row's leverage ``x_i' (X'WX)^+ x_i w_i`` says how much of some direction it alone carries. Scores are approximate, from a
    first sketch and random combinations [1]_; the sample is a priority sample, so that ``E[Z'Z] = X'WX`` holds whatever the
    scores are. The rows are walked twice.

    Parameters
    ----------
    size : int
        Rows of the sample; all, if there are no more.
    first_sketch : fitted sketch, optional
        Of the rows, by any class of this module, from which to take the scores. By default `fit_resample` makes a `SparseSign` of
        4 d rows in a first walk. `partial_fit` and `merge`, which see rows once, need it given. `sklearn.base.clone` forgets
        what it has seen, unless it is wrapped in `sklearn.frozen.FrozenEstimator`.
    random_state, n_probes
        As of `SparseSign`.

    Attributes
    ----------
    sketch_, y_sketch_, error_estimate_, n_rows_, sum_of_weights_, seed_, n_features_in_, feature_names_in_
        As of `SparseSign`; rows are in the order of their numbers.

    Notes
    -----
    The first sketch, a d x d singular value decomposition, and ``2 n d min(d, 32)`` operations.

    References
    ----------
    .. [1] P. Drineas, M. Magdon-Ismail, M. Mahoney & D. Woodruff, "Fast approximation of matrix coherence and statistical
       leverage", JMLR 13, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.ones((1000, 2))
    >>> X[:, 1] = 0
    >>> X[77] = [0, 1]  # the only row of its column
    >>> Z, _ = LeverageRows(50).fit_resample(X)
    >>> Z.shape, round(float((Z[:, 1] ** 2).sum()), 6)
    ((50, 2), 1.0)
    """

    _shows_gaps = False

    def __init__(
        self, size: int, *, first_sketch: Any = None, random_state: Any = 0, n_probes: int = 0
    ) -> None:
        super().__init__(size, random_state=random_state, n_probes=n_probes)
        self.first_sketch = first_sketch

    def _start(self) -> Sample:
        self._scoring = None if self.first_sketch is None else self._scoring_of(self.first_sketch.sketch_)
        return Sample(self.size, self.seed_)

    def _walk(self, blocks: Blocks, offset: int, *, later: bool) -> None:
        if self._scoring is None:
            if not later:
                raise ValueError(
                    "partial_fit sees rows once, and leverage scores need a first sketch of all rows: give "
                    "first_sketch=SparseSign(4 * d).partial_fit(...), or call fit_resample, which walks twice"
                )
            if not blocks.rereadable:
                raise ValueError(
                    f"LeverageRows walks the rows twice, and {blocks.source} can be read only once; write a block file first "
                    "(esker convert), or give first_sketch"
                )
            width = blocks.n_columns or 0
            first = SparseSign(max(4 * width, 64), random_state=self.seed_)
            need, room = first._bytes(width), physical_memory()
            if need > room:
                raise ValueError(
                    f"a first sketch of 4 x {width} rows of {width} columns takes {show_size(need)}, and there are {show_size(room)}: "
                    "give a smaller one, first_sketch=SparseSign(...).partial_fit(X), or project the columns first"
                )
            first._reset()
            first._walk(blocks, offset, later=True)
            self._scoring = self._scoring_of(first.sketch_)
        super()._walk(blocks, offset, later=later)

    def _scoring_of(self, Z: NDArray[Any]) -> NDArray[np.float64]:
        """M with ``||x M||^2`` about the leverage of a row x."""
        # Leverage has no units: columns are made alike, so that a small one is not taken for rounding of a large one.
        units = np.abs(Z).max(axis=0, initial=0.0).astype(np.float64)
        units[units == 0] = 1.0
        _, s, Vt = linalg.svd(Z / units, full_matrices=False)
        large = s > s.max(initial=0.0) * max(Z.shape) * np.finfo(Z.dtype).eps
        M = Vt[large].T / s[large] / units[:, None]
        if M.shape[1] <= PROJECTIONS:
            return np.asarray(M)
        keys = np.arange(M.shape[1], dtype=np.int64)
        G = core.gaussian_rows(keys, PROJECTIONS, self.seed_, PROJECTION, False)
        return np.asarray(M @ G / np.sqrt(PROJECTIONS))

    def _absorb(self, block: Block) -> None:
        scoring = self._scoring
        if scoring is None or len(scoring) != block.X.shape[1]:
            raise ValueError(
                f"first_sketch has {0 if scoring is None else len(scoring)} columns, and the rows have {block.X.shape[1]}"
            )
        seen = block.X @ scoring.astype(block.X.dtype)
        scores = (np.asarray(seen, np.float64) ** 2).sum(axis=1)
        if block.sample_weight is not None:
            scores *= block.sample_weight
        self._state.update(block, scores)

    def _rows(self) -> Rows:
        X, y, scores, weight, beyond = self._state.rows()
        expected = np.ones(len(y)) if beyond == np.inf else np.minimum(1.0, scores * beyond)
        root = np.sqrt(weight / expected)[:, None]
        return Rows(X * root, y * root)

    def _describe(self) -> str:
        digest = 0 if self._scoring is None else core.crc32c(self._scoring.tobytes())
        return f"LeverageRows(size={self.size}, seed={self.seed_}, scores={digest:08x})"
