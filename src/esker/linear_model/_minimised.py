"""What `LogisticRegression` and the generalized linear models share: the parameters of the search, and what it tells."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from esker._native import threads
from esker._parameters import check_choice, check_flag, check_integer, check_number, parse_duration
from esker._progress import watching
from esker.linear_model._gram_walk import Lines

if TYPE_CHECKING:
    from esker.blocks import Blocks
    from esker.linear_model._logistic_solve import Logistic

__all__ = ["check_search", "searching", "tell"]

#: Of fewer numbers than this a pass takes less time than threads take to wake, and they would wait for each other idly.
LITTLE = 1 << 15


def check_search(model: Any) -> float:
    """Check the parameters of the search; the seconds that it may take."""
    check_flag("fit_intercept", model.fit_intercept)
    check_choice("solver", model.solver, ("auto", "lbfgs", "newton-cholesky"))
    check_integer("max_iter", model.max_iter, 1)
    check_number("tol", model.tol, 0, open_low=True)
    check_flag("warm_start", model.warm_start)
    if not isinstance(model.verbose, bool):
        check_integer("verbose", model.verbose, 0)
    seconds = parse_duration(model.max_time)
    return np.inf if seconds is None else seconds


@contextmanager
def searching(model: Any, blocks: Blocks) -> Iterator[None]:
    """The model's threads, its lines where it is verbose, and Ctrl-C where there is no point yet."""
    n_threads = model.n_threads
    if n_threads is None and (blocks.n_rows or LITTLE) * (blocks.n_columns or LITTLE) < LITTLE:
        n_threads = 1
    watch = watching(Lines(type(model).__name__)) if model.verbose else nullcontext()
    with threads(n_threads), watch:
        try:
            yield
        except InterruptedError:
            raise KeyboardInterrupt("there is no model yet") from None


def tell(model: Any, found: Logistic) -> None:
    """Set what both say of the search."""
    model.n_passes_ = found.passes
    model.objective_, model.gradient_norm_ = found.value, found.gradient_norm
    model.history_, model.metric_ = found.history, found.metric
    model.stop_reason_, model.converged_ = found.reason, found.reason == "converged"
    if found.reason in ("max_iter", "rounding"):
        # Names the line that called `fit`, whose `_fit_blocks` called this.
        warnings.warn(found.complaint(model.tol), ConvergenceWarning, stacklevel=4)
