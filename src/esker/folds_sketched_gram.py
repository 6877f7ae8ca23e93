"""SketchedGram: a Gram, and a sketch of the rows from the same walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import linalg

from esker.folds_gram import Gram
from esker.folds_sketch import RowSketch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["SketchedGram"]


class SketchedGram(Gram):
    """A Gram, and a sketch of the rows that is made in the same walk.

    X'X has the square of X's condition number and keeps half of its digits; the sketch, for ``2 nonzeros`` operations a number
    beside the Gram's d, has X's own. So it tells the condition number of X where X'X has lost it, and its factor makes X well conditioned.

    Parameters
    ----------
    size : int
        Rows of the sketch; 2 to 4 times the columns.
    seed : int
    nonzeros : int, default 4
        Half of what `RowSketch` takes: in a sketch that is made to be sure, and whose factor only preconditions, that is enough.

    Attributes
    ----------
    sketch : RowSketch
    weight, rows, cols, targets, mean_x, mean_y, xy, yy
        As `Gram` has them.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.blocks import Block
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((5000, 3)) @ [[1.0, 1.0, 0.0], [0.0, 1e-9, 0.0], [0.0, 0.0, 1.0]]
    >>> state = SketchedGram(200)
    >>> state.update(Block(X, np.ones(5000)))
    >>> bool(1e9 < state.condition() < 4e9)
    True
    """

    exact_merge = True

    def __init__(self, size: int, *, seed: int = 0, nonzeros: int = 4) -> None:
        super().__init__()
        self.sketch = RowSketch(size, seed=seed, nonzeros=nonzeros)

    def update(self, block: Block, /) -> None:
        """Absorb the rows of a block: in turn, since smaller pieces, which would stay in cache, cost X'X more than they save."""
        super().update(block)
        self.sketch.update(block)

    def merge(self, other: Self, /) -> None:
        self.sketch.merge(other.sketch)  # the one that may refuse
        super().merge(other)

    def forget(self, other: Gram, /) -> None:
        raise ValueError("a sketch does not forget rows; gram() is the sums alone, which do")

    def widen(self, cols: int, /) -> None:
        super().widen(cols)
        self.sketch.widen(cols)

    def gram(self) -> Gram:
        """The sums without the sketch, not copied."""
        alone = Gram()
        alone._state = self._state
        return alone

    def copy(self) -> Self:
        return self.from_arrays({key: np.array(value) for key, value in self.to_arrays().items()})

    def condition(self, centred: bool = True) -> float:
        """Condition number, in the 2-norm, of X with its columns scaled to norm 1, estimated by the sketch.

        Columns that are constant (zero, where not `centred`) are left out. Of a sketch of c rows a column it is within a factor of
        ``(1 + c**-0.5) / (1 - c**-0.5)``; of X that is singular, some 1e15 and more.
        """
        found = self.sketch.finish()
        A = found.X
        if centred:
            A -= found.root_weight[:, None] * found.mean_X
        norm = np.sqrt(np.einsum("ij,ij->j", A, A))
        noise = 64 * 2.0**-53 * np.abs(found.mean_X) * np.sqrt(max(found.weight, 0.0)) if centred else 0.0
        real = norm > noise
        if not real.any():
            return 1.0
        sigma = linalg.svdvals(linalg.qr(A[:, real] / norm[real], mode="r")[0][: int(real.sum())])
        return float(sigma[0] / sigma[-1]) if sigma[-1] > 0 else float("inf")

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        parts = (("gram", super().to_arrays()), ("sketch", self.sketch.to_arrays()))
        return {f"{name}.{key}": value for name, arrays in parts for key, value in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], /) -> Self:
        parts: dict[str, dict[str, Any]] = {"gram": {}, "sketch": {}}
        for name, value in arrays.items():
            which, _, key = name.partition(".")
            parts[which][key] = value
        self = cls.__new__(cls)
        self._state = Gram.from_arrays(parts["gram"])._state
        self.sketch = RowSketch.from_arrays(parts["sketch"])
        return self
