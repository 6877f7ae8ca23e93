"""enet_path and lasso_path: the solutions along falling alphas, as functions, with scikit-learn's return values."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from esker._native import threads
from esker._parameters import check_choice, check_flag, check_integer, check_number
from esker.blocks import Blocks
from esker.folds import Gram
from esker.linear_model._coordinate import (
    alpha_grid,
    check_alphas,
    check_precompute,
    descend,
    rules_of,
    warn_rounding,
)

__all__ = ["enet_path", "lasso_path"]

_DEFAULTS: dict[str, Any] = {"tol": 1e-4, "max_iter": 1000, "random_state": None, "selection": "cyclic"}


def enet_path(
    X: Any,
    y: Any = None,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: Any = "deprecated",
    alphas: Any = 100,
    precompute: Any = "auto",
    Xy: None = None,
    copy_X: bool = True,
    coef_init: Any = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    check_input: bool = True,
    **params: Any,
) -> tuple[Any, ...]:
    """Elastic nets along falling alphas, without intercept: X and y are taken as they are.

    Minimises ``|y - X w|^2 / (2 n) + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) |w|^2 / 2`` at each alpha, beginning with the
    solution at the alpha before.

    Parameters
    ----------
    X : array-like or sparse of shape (n, d), or Blocks
    y : array-like of shape (n,) or (n, 1); None for Blocks
        Several targets are refused: scikit-learn's function solves its multi-task problem for them.
    l1_ratio : float
        In [0, 1].
    eps : float
        The smallest alpha of a grid, relative to the largest.
    n_alphas : int
        As in scikit-learn, deprecated: give the number as `alphas`.
    alphas : int or array-like
        How many to choose, or which.
    precompute : {"auto", True, False}
        X'X is summed whichever is chosen; an array is refused, and `Xy` with it.
    Xy : None
    copy_X : bool
        X is neither copied nor overwritten, whichever is chosen.
    coef_init : array-like of shape (d,) or (1, d), optional
    verbose : int
        1 prints rows a second while rows are summed.
    return_n_iter : bool
    positive : bool
    check_input : bool
        True only.
    **params
        ``tol``, ``max_iter``, ``random_state``, ``selection`` as of `ElasticNet`; ``n_threads`` and ``max_memory``.

    Returns
    -------
    alphas : ndarray of shape (k,)
        From the largest down.
    coefs : ndarray of shape (d, k); (1, d, k) where y is (n, 1)
        In X's dtype.
    dual_gaps : ndarray of shape (k,)
    n_iters : list of k integers
        With ``return_n_iter=True``: sweeps.

    Examples
    --------
    >>> import numpy as np
    >>> from esker.linear_model import enet_path
    >>> X = np.array([[1.0, 2.3], [2.0, 5.4], [3.1, 4.3]])
    >>> alphas, coefs, gaps = enet_path(X, [1.0, 2.0, 3.1], alphas=[5.0, 1.0, 0.5], l1_ratio=1.0, tol=1e-12)
    >>> coefs.round(4).tolist()
    [[0.0, 0.0, 0.4692], [0.2159, 0.4426, 0.2367]]
    """
    from esker.linear_model.elastic_net import ElasticNet

    wanted = _wanted(alphas, n_alphas)
    check_precompute(precompute, auto=True)
    if Xy is not None:
        raise ValueError("Xy is not taken: X'y is summed with X'X here; leave it None")
    check_flag("return_n_iter", return_n_iter)
    check_choice("check_input", check_input, (True,))
    check_number("eps", eps, 0, open_low=True)
    unknown = set(params) - {*_DEFAULTS, "n_threads", "max_memory"}
    if unknown:
        raise ValueError(
            f"unexpected parameters {sorted(unknown)}; {', '.join(_DEFAULTS)}, n_threads and max_memory are taken"
        )
    model = ElasticNet(
        l1_ratio=l1_ratio,
        fit_intercept=False,
        copy_X=copy_X,
        positive=positive,
        verbose=int(check_integer("verbose", int(verbose), 0)),
        **{**_DEFAULTS, **params},
    )
    model._check()
    blocks = model._open(X, y, None, True)
    if not isinstance(X, Blocks) and np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise ValueError(
            f"y must be one target, got {np.shape(y)[1]}; for several, scikit-learn's function solves a multi-task problem, "
            "which is not offered: call this one for each column, or fit ElasticNet"
        )
    with threads(model.n_threads):
        model._refuse_wide(blocks)
        state = Gram()
        flat = model._sum(blocks, state)
        model._refuse_empty(state, blocks)
        if state.targets != 1:
            raise ValueError(f"{blocks.source} has {state.targets} targets; name one as target")
        if isinstance(wanted, int):
            wanted = alpha_grid(state, l1_ratio, eps, wanted, centred=False, positive=positive)
        start = None if coef_init is None else np.asarray(coef_init, dtype=np.float64).reshape(1, -1)
        if start is not None and start.shape[1] != state.cols:
            raise ValueError(
                f"coef_init must be {state.cols} numbers, a coefficient for each column, got {start.shape[1]}"
            )
        found = descend([state], wanted[None], [l1_ratio], rules_of(model), start=start)
        warn_rounding(state, found.coefs, model.tol, blocks.dtype.name, centred=False)
    coefs = np.ascontiguousarray(found.coefs[0].T, dtype=blocks.dtype)
    result = (wanted, coefs if flat else coefs[None], found.gaps[0])
    return (*result, found.sweeps[0].tolist()) if return_n_iter else result


def lasso_path(
    X: Any,
    y: Any = None,
    *,
    eps: float = 1e-3,
    n_alphas: Any = "deprecated",
    alphas: Any = 100,
    precompute: Any = "auto",
    Xy: None = None,
    copy_X: bool = True,
    coef_init: Any = None,
    verbose: bool | int = False,
    return_n_iter: bool = False,
    positive: bool = False,
    **params: Any,
) -> tuple[Any, ...]:
    """Lassos along falling alphas: `enet_path` with ``l1_ratio=1``.

    Parameters
    ----------
    X, y, eps, n_alphas, alphas, precompute, Xy, copy_X, coef_init, verbose, return_n_iter, positive, **params
        As of `enet_path`.

    Returns
    -------
    alphas, coefs, dual_gaps, n_iters
        As of `enet_path`.

    Examples
    --------
    >>> from esker.linear_model import lasso_path
    >>> alphas, coefs, gaps = lasso_path([[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0], alphas=[0.5])
    >>> coefs.tolist()
    [[0.0], [1.0]]
    """
    return enet_path(
        X,
        y,
        l1_ratio=1.0,
        eps=eps,
        n_alphas=n_alphas,
        alphas=alphas,
        precompute=precompute,
        Xy=Xy,
        copy_X=copy_X,
        coef_init=coef_init,
        verbose=verbose,
        return_n_iter=return_n_iter,
        positive=positive,
        **params,
    )


def _wanted(alphas: Any, n_alphas: Any) -> Any:
    """`alphas`, minding the two names that scikit-learn is giving up."""
    if not (isinstance(n_alphas, str) and n_alphas == "deprecated"):
        warnings.warn("n_alphas is deprecated; give the number as alphas", FutureWarning, stacklevel=3)
        if isinstance(alphas, int) and alphas == 100:
            alphas = n_alphas
    return check_alphas(100 if alphas is None else alphas)
