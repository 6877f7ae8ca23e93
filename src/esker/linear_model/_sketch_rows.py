"""The first walk of the solvers that sketch: S [X, y] for one or several S, and the means, in one visit to the rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from esker.blocks.memory import physical_memory, show_size
from esker.folds_sketch import RowSketch
from esker.linear_model._krylov_rows import Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Blocks
    from esker.folds_sketch import Sketched
    from esker.linear_model._krylov_rows import Rows

    Floats = NDArray[np.float64]

__all__ = [
    "NONZEROS",
    "Sketch",
    "check_size",
    "iterations_for",
    "reserve",
    "sketch_bytes",
    "sketch_rows_once",
    "sketch_size",
]

#: Rows of the sketch that a row of X goes to.
NONZEROS = 8
#: Sizes, in columns, that a solver to full accuracy chooses from; never less than so many rows.
SIZES, LEAST = (4, 6, 8, 12, 16, 24, 32), 64
#: Operations a second of a factorisation, bytes a second of a walk: only their ratio matters, and it is fixed so that bits are.
FACTORING, WALKING = 2e10, 1.6e10
#: Digits, as a natural logarithm, between the sketch's own answer and rounding.
DIGITS = 27.0
#: Deviations below so many roundings of a column's mean are none.
NOISE = 64 * 2.0**-53


@dataclass
class Sketch:
    """S applied to rows less their means (with an intercept), and what their scale is."""

    X: Floats  # (size, d)
    y: Floats  # (size, targets)
    #: 1 / norm of each column of X; 0 where a column is constant to its last bits.
    scale: Floats


def iterations_for(ratio: float) -> float:
    """Iterations from the sketch's answer to rounding: each leaves ``sqrt(1 / ratio)`` of the error, ratio being size over columns."""
    return DIGITS / (0.5 * log(ratio))


def sketch_size(blocks: Blocks, rows: int | None, d: int) -> int:
    """Rows of the sketch that make factoring and iterations take least time together; a function of the shape alone."""
    each = d if blocks.is_sparse is False or not rows else min(d, 2 * (blocks.nnz or d * rows) / rows)
    walk = (rows or 100 * d) * each * 8 / WALKING
    seconds = [2 * c * d**3 / FACTORING + walk * iterations_for(c) for c in SIZES]
    best = SIZES[int(np.argmin(seconds))]
    # A sketch with more rows than the data gains nothing.
    if rows is not None:
        best = min(best, max(SIZES[0], rows // (2 * max(d, 1))))
    return max(LEAST, best * d)


def sketch_bytes(size: int, d: int, targets: int, sketches: int = 1) -> int:
    """Of the sketches while they are made, and of the factor beside the one being factored."""
    one = 8 * (size + d) * (d + targets)
    return int(one * (sketches + 2) + 8 * 5 * d * d)


def reserve(blocks: Blocks, d: int, targets: int, size: int, sketches: int = 1) -> int:
    """Claim memory for sketches of `size` rows, or of fewer where only these have room; how many rows."""
    sizes = [size] + [max(LEAST, c * d) for c in SIZES[::-1] if c * d < size]
    for k in sizes:
        need = sketch_bytes(k, d, targets, sketches)
        what = f"solver='sketch' on {d} columns, with a sketch of {k} rows,"
        if need > 0.9 * physical_memory():
            if k == sizes[-1]:
                raise ValueError(
                    f"{what} takes {show_size(need)}, and this machine has {show_size(physical_memory())}; "
                    "solver='sparse_cg' needs memory in proportion to the columns only"
                )
            continue
        try:
            blocks.reserve(need, what)
        except ValueError:
            if k == sizes[-1]:
                raise
            continue
        return k
    raise AssertionError


def sketch_rows_once(
    rows: Rows, size: int, seeds: list[int], centred: bool, what: str
) -> tuple[list[Sketch], Sums]:
    """The walk: a sketch for each seed, and the sums that further walks centre by.

    Parameters
    ----------
    rows : Rows
    size : int
    seeds : list of int
    centred : bool
        Whether means are taken off.
    what : str
        Who asks, for errors.

    Raises
    ------
    InterruptedError
        The walk was ended early.
    """
    states = [RowSketch(size, seed=seed, nonzeros=min(NONZEROS, size)) for seed in seeds]
    flat, longest = True, 0
    for block in rows.walk():
        assert block.y is not None
        rows.sparse = not isinstance(block.X, np.ndarray)
        flat = block.y.ndim == 1
        if rows.sparse:
            longest = max(longest, int(np.diff(block.X.indptr).max(initial=0)))
        for state in states:
            state.update(block)
    rows.passes += 1
    source = rows.blocks.source
    if states[0].rows == 0:
        raise ValueError(
            f"Found array with 0 sample(s) in {source} while a minimum of 1 is required by {what}."
        )
    n, first = states[0].rows, states.pop(0).finish()
    if not first.weight > 0 and np.isfinite(first.weight):
        raise ValueError(
            f"sample_weight is zero in every row of {source}; at least one row needs a positive weight"
        )
    found = [centred_sketch(first, centred)]
    sums = sums_of(first, found[0], n, flat, longest, centred)
    while states:
        found.append(centred_sketch(states.pop(0).finish(), centred))
    return found, sums


def centred_sketch(sketched: Sketched, centred: bool) -> Sketch:
    """The sketch of rows less their means; `sketched` itself changes."""
    X, y = sketched.X, sketched.y
    with np.errstate(over="ignore", invalid="ignore"):
        if centred:
            X -= sketched.root_weight[:, None] * sketched.mean_X
            y -= sketched.root_weight[:, None] * sketched.mean_y
        norm = np.sqrt(np.einsum("ij,ij->j", X, X))
    noise = NOISE * np.abs(sketched.mean_X) * sqrt(max(sketched.weight, 0.0))
    real = norm > (noise if centred else 0)
    return Sketch(X, y, np.divide(1.0, norm, out=np.zeros_like(norm), where=real))


def sums_of(sketched: Sketched, sketch: Sketch, rows: int, flat: bool, longest: int, centred: bool) -> Sums:
    """What further walks centre by: exact means, and squares as the sketch has them."""
    d, targets = len(sketched.mean_X), sketch.y.shape[1]
    none = np.zeros(0)
    with np.errstate(over="ignore", invalid="ignore"):
        yy = np.einsum("ij,ij->j", sketch.y, sketch.y)
        spread = np.einsum("ij,ij->j", sketch.X, sketch.X)
    mean = sketched.mean_X if centred else np.zeros(d)
    mean_y = sketched.mean_y if centred else np.zeros(targets)
    none2 = none.reshape(0, 0)
    total = float(spread.sum())
    return Sums(rows, sketched.weight, flat, mean, mean_y, spread, none2, yy, none, none, total, longest or d)


def check_size(size: int, d: int) -> None:
    """A sketch that a user asked for must have more rows than X has columns, or it says nothing of some of them."""
    if size < d + 2:
        raise ValueError(
            f"sketch_size must be above the number of columns, {d}, and should be at least {SIZES[0]} times that, got {size}"
        )
