"""`sketch_rows`: many rows shrunk to a few that any learner of squared error can fit in their stead."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._native import threads
from esker._parameters import check_flag, check_integer
from esker.blocks import Blocks, open_blocks
from esker.blocks.memory import parse_size, show_size
from esker.folds import fold
from esker.folds_sketch import RowSketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block

__all__ = ["sketch_rows"]


def sketch_rows(
    X: Any,
    y: Any = None,
    size: int | None = None,
    *,
    sample_weight: Any = None,
    center: bool = True,
    random_state: int = 0,
    max_memory: int | str | None = None,
    n_threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Replace the rows of X and y by `size` random combinations of all of them, in one pass.

    The combinations are those of a sparse sign matrix S with 8 entries a row (`esker.folds.RowSketch`), drawn from
    `random_state` and the rows' keys: an array, a file and any cut of either into blocks give the same sketch (several files
    give another, as their rows are numbered in each). Sums of squares
    are kept on average, ``E[(SX)'(SX)] = X'X``, so a ridge's `alpha` means the same on the sketch. A learner whose
    objective is a mean over rows needs its penalty times ``n / size``.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, d), or Blocks
        A Blocks brings its own target and weights.
    y : array of shape (n,) or (n, targets), optional
        Numbers.
    size : int
        Rows of the sketch, at least 2 and a few times d. The relative error of a Gram matrix is about
        ``sqrt(d / size)``.
    sample_weight : array of shape (n,), optional
        Each row is multiplied by the root of its weight; the sketch is fitted without weights.
    center : bool, default True
        Sketch the deviations from the means, and add the means again: the result's column means are the data's
        (weighted) means, and its centred Gram matrix is that of the sketch; so an estimator with an intercept fits it as
        it is. False gives ``S X`` and ``S y``, for estimators without an intercept.
    random_state : int, default 0
        Seed of S.
    max_memory : int or str, optional
        Of reading and sketching together; a Blocks has its own, which holds unless this is given. A sketch that would take
        more than half of it is refused.
    n_threads : int, optional
        The result does not depend on it.

    Returns
    -------
    X_sketch : ndarray of shape (size, d), float64
    y_sketch : ndarray of shape (size,) or (size, targets), float64; None without y

    Warns
    -----
    UserWarning
        There are no more rows than `size`, so that nothing is gained.

    Notes
    -----
    Coefficients fitted on a sketch have a larger risk than those of all rows, as if there were about `size` rows in place
    of n [1]_: a sketch saves work, not information. Where rows are much alike (no rare features, no outlying rows, which
    have high leverage), a plain uniform sample of `size` rows is as good and cheaper. Several seeds' coefficients,
    averaged, win some of the loss back. The cost is ``8 n d`` multiply-adds, or 8 for each stored number of a
    sparse X, which is never made dense; memory is that of twice the result.

    References
    ----------
    .. [1] S. Wang, A. Gittens & M. Mahoney, "Sketched ridge regression: optimization perspective, statistical
       perspective, and model averaging", JMLR 18(218), 2018.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((10_000, 3)) + 5
    >>> y = X @ [1.0, 2.0, 3.0] + 7
    >>> X_sketch, y_sketch = sketch_rows(X, y, 50)
    >>> X_sketch.shape, bool(np.allclose(X_sketch.mean(axis=0), X.mean(axis=0)))
    ((50, 3), True)
    >>> design = np.column_stack([X_sketch, np.ones(50)])
    >>> np.linalg.lstsq(design, y_sketch)[0].round(6).tolist()
    [1.0, 2.0, 3.0, 7.0]
    """
    if size is None:
        raise TypeError(
            "sketch_rows needs size, the number of rows to keep; a few times the number of columns is usual"
        )
    size, seed, center = (
        check_integer("size", size, 2),
        check_integer("random_state", random_state, 0),
        check_flag("center", center),
    )
    blocks = _blocks(X, y, sample_weight, max_memory)
    memory = blocks.max_memory if max_memory is None else parse_size(max_memory)
    rows = size - 1 if center else size  # one row is given up for the means

    def check(block: Block) -> Block:
        _check_room(size, block.X.shape[1], memory)
        return block if block.y is None else replace(block, y=_numbers(block.y, blocks.source))

    if blocks.n_columns is not None:
        _check_room(size, blocks.n_columns, memory)
    with threads(n_threads):
        state = fold(blocks.map(check), RowSketch(rows, seed=seed, nonzeros=min(8, rows)))
    n, sketched = state.rows, state.finish()
    del state
    if n == 0:
        raise ValueError(f"{blocks.source} has no rows to sketch")
    if not sketched.weight > 0:
        raise ValueError("the weights are zero in every row; at least one row needs a positive weight")
    if n <= size:
        warnings.warn(
            f"a sketch of {size} rows gains nothing on {n} rows of data; fit the data itself", stacklevel=2
        )
    X_sketch, Y_sketch = sketched.X, sketched.y
    if center:
        X_sketch = _centred(sketched.X, sketched.root_weight, sketched.mean_X)
        Y_sketch = _centred(sketched.y, sketched.root_weight, sketched.mean_y)
    if Y_sketch.shape[1] == 0:
        return X_sketch, None
    return X_sketch, Y_sketch[:, 0] if Y_sketch.shape[1] == 1 and np.ndim(y) < 2 else Y_sketch


def _blocks(X: Any, y: Any, sample_weight: Any, max_memory: int | str | None) -> Blocks:
    if not isinstance(X, Blocks):
        X = X if hasattr(X, "shape") else np.asarray(X)
        return open_blocks(X, target=y, weight=sample_weight, max_memory=max_memory)
    if y is not None or sample_weight is not None:
        raise ValueError(
            "a Blocks brings its own target and weights: give them to open_blocks, and leave y and sample_weight out"
        )
    return X


def _numbers(y: NDArray[Any], source: str) -> NDArray[Any]:
    if y.dtype.kind not in "fiub":
        raise ValueError(
            f"the target of {source} must be numbers to be added up, got {y.dtype}; encode labels first"
        )
    return y


def _check_room(size: int, columns: int, memory: int | None) -> None:
    need = 2 * 8 * (size + 1) * (columns + 32)  # the state in tiles of 32 columns, and the result
    if memory is not None and 2 * need > memory:
        raise ValueError(
            f"a sketch of {size} rows of {columns} columns takes {show_size(need)}, more than half of "
            f"max_memory={show_size(memory)}; choose a smaller size, or grant {show_size(2 * need)}"
        )


def _centred(
    Z: NDArray[np.float64], root: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One row more than Z = S X, with column means `mean` and the centred Gram of ``S (X - 1 mean')``.

    The reflection ``H = I - 2 v v' / v'v`` with ``v = e_last - 1 / sqrt(m)`` maps e_last to the unit vector of equal entries
    and back. So the rows ``H [Z; 0]`` have zero column sums and the Gram matrix of Z; then the mean is added.
    """
    m = Z.shape[0] + 1
    out = np.zeros((m, Z.shape[1]))
    np.copyto(out[:-1], Z)
    for i in range(m - 1):
        out[i] -= root[i] * mean
    entry = 1 / np.sqrt(m)
    shift = out.sum(axis=0) * (entry / (1 - entry))  # -2 v'[Z; 0] / v'v, since v'v = 2 (1 - entry)
    out[:-1] -= entry * shift
    out[-1] += (1 - entry) * shift
    out += mean
    return out
