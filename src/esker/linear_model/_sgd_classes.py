"""Classes by the thousand: as many in one walk as there is memory for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.blocks.memory import physical_memory, walking_bytes
from esker.linear_model._sgd_lanes import BESIDE, fit_bytes, recorded_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from esker.blocks import Blocks

__all__ = ["classes_at_once", "fit_in_walks"]


def classes_at_once(
    blocks: Blocks, classes: int, held: int, *, averages: bool = False, every: bool = False
) -> int:
    """How many classes' tables there is memory for beside `held` bytes; all where the width is not known before the walk.

    Where `every` column has a record, those that never come count too: in one state, and with given first weights.
    """
    width = blocks.n_columns
    columns = width if every else recorded_columns(blocks, classes)
    if columns is None or width is None:
        return classes

    def tables(some: int, columns: int) -> int:
        return fit_bytes(some, columns, averages=averages)

    coef = int(blocks.dtype.itemsize) * width  # of a class
    if blocks.max_memory is None:
        room = int(0.9 * physical_memory()) - coef * classes
    else:
        room = blocks.max_memory - blocks.reserved - walking_bytes(blocks) - held
    if tables(classes, columns) <= room:
        return classes
    if blocks.max_memory is None:
        room //= 2
    some = room // (tables(16, columns) // 16 + coef) // 16 * 16
    if some <= 2 * BESIDE:  # one state then, of all columns
        some = min(2 * BESIDE, room // (tables(16, width) // 16 + coef) // 16 * 16)
    return int(some) if 0 < some < classes else classes  # what is too many is refused later


def fit_in_walks(
    model: Any, fit: Callable[..., Any], blocks: Blocks, targets: list[int], at_once: int
) -> None:
    """Fit some classes after the others, by `fit(targets)`, which sets coef_ and intercept_; then set those of all."""
    if model.loss == "softmax":
        raise ValueError(
            f"loss='softmax' learns all classes together, and {len(targets)} on {blocks.n_columns:,} columns take more memory than "
            "there is; grant more, hash the columns into fewer, or use loss='log_loss', which learns some after the others"
        )
    names = {"warm_start": False, "max_time": None, "checkpoint": None, "n_bootstrap": 0}
    for name, value in names.items():
        if getattr(model, name) != value:
            raise ValueError(
                f"{len(targets)} classes on {blocks.n_columns:,} columns take {-(-len(targets) // at_once)} walks in the memory that there "
                f"is, which {name}={getattr(model, name)!r} does not cover; leave {name} {value}, or grant more memory"
            )
    coef, intercept, reserved = None, np.empty(len(targets)), blocks.reserved
    walks: list[tuple[int, float]] = []
    alphas = []
    for first in range(0, len(targets), at_once):
        blocks.reserved = reserved
        fit(targets[first : first + at_once])
        if model.stop_reason_ == "interrupted":
            raise KeyboardInterrupt
        if coef is None:
            coef = np.empty((len(targets), model.coef_.shape[1]), dtype=model.coef_.dtype)
        coef[first : first + at_once], intercept[first : first + at_once] = model.coef_, model.intercept_
        walks.append((model.n_iter_, model.t_))
        alphas.append(model.alpha_)
        del model.coef_, model._kept
    model.coef_, model.intercept_, model.alpha_ = coef, intercept, np.concatenate(alphas)
    model.n_iter_, model.t_ = (max(w[i] for w in walks) for i in range(2))
