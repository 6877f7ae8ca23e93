"""The peers: each a function data -> fitted thing with `decision_function` or `predict`, with its imports inside.

They are what a user would write: scikit-learn's estimators (patched by scikit-learn-intelex in their own process where
that peer is meant), Vowpal Wabbit from its cache file, LIBLINEAR. All learn the same data with the same number of passes.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import Split

__all__ = ["Linear", "liblinear_logistic", "sklearn_ridge", "sklearn_sgd", "vw_logistic", "vw_prepare"]


@dataclass(frozen=True)
class Linear:
    """Coefficients of whoever learned them."""

    coef: np.ndarray
    intercept: np.ndarray | float

    def decision_function(self, X: Any) -> np.ndarray:
        return np.asarray(X @ self.coef.T + self.intercept)

    predict = decision_function


def sklearn_sgd(epochs: int, *, loss: str = "log_loss", alpha: float = 1e-6, **options: Any):
    """scikit-learn's SGDClassifier, no stop before `epochs`."""

    def run(data: Split) -> Any:
        from sklearn.linear_model import SGDClassifier

        model = SGDClassifier(loss=loss, alpha=alpha, max_iter=epochs, tol=None, random_state=0, **options)
        return model.fit(data.X, data.y)

    return run


def sklearn_ridge(alpha: float = 1.0, **options: Any):
    """scikit-learn's Ridge; in a patched process it is sklearnex's."""

    def run(data: Split) -> Any:
        from sklearn.linear_model import Ridge

        return Ridge(alpha=alpha, **options).fit(data.X, data.y)

    return run


# --- Vowpal Wabbit: its own text, cached before the clock starts ---


@dataclass(frozen=True)
class _VowpalData:
    text: Path
    cache: Path
    folder: tempfile.TemporaryDirectory


def _write_vw(X: Any, y: np.ndarray, path: Path) -> None:
    """The rows as Vowpal Wabbit's text, values to six decimals; they must lie in [0, 1)."""
    from benchmarks.files import svmlight_bytes

    with path.open("wb") as out:
        for begin in range(0, len(y), 8192):
            text = b"\n" + svmlight_bytes(X[begin : begin + 8192], y[begin : begin + 8192], decimals=6)
            out.write(text.replace(b"\n+1 ", b"\n1 | ").replace(b"\n-1 ", b"\n-1 | ")[1:])


def vw_prepare(data: Split) -> _VowpalData:
    """Write the rows as text and let Vowpal Wabbit make its cache of them."""
    import vowpalwabbit

    folder = tempfile.TemporaryDirectory(prefix="esker-vw-")
    made = _VowpalData(Path(folder.name) / "train.vw", Path(folder.name) / "train.cache", folder)
    _write_vw(data.X, data.y, made.text)
    vowpalwabbit.Workspace(f"-d {made.text} --cache_file {made.cache} -k -b 18 --quiet").finish()
    return made


class _Vowpal:
    def __init__(self, model: Path) -> None:
        self.model = model

    def decision_function(self, X: Any) -> np.ndarray:
        import vowpalwabbit

        test, said = self.model.with_name("test.vw"), self.model.with_name("test.out")
        _write_vw(X, np.ones(X.shape[0]), test)
        vowpalwabbit.Workspace(f"-d {test} -t -i {self.model} -r {said} --quiet").finish()
        return np.loadtxt(said, usecols=0)


def vw_logistic(epochs: int):
    """Vowpal Wabbit's default learner (adaptive, normalised, invariant) with the logistic loss, from its cache."""

    def run(data: _VowpalData) -> _Vowpal:
        import vowpalwabbit

        model = data.text.with_name("model")
        options = f"-d {data.text} --cache_file {data.cache} --loss_function logistic -b 18 --holdout_off"
        vowpalwabbit.Workspace(f"{options} --passes {epochs} -f {model} --quiet").finish()
        return _Vowpal(model)

    return run


# --- LIBLINEAR ---


def liblinear_prepare(data: Split) -> tuple[Any, Any]:
    """The rows in LIBLINEAR's own layout (it wants float64 and int32)."""
    from liblinear.liblinearutil import problem
    from scipy import sparse

    return data, problem(data.y, sparse.csr_matrix(data.X, dtype=np.float64), bias=1)


def liblinear_logistic(C: float = 1.0):
    """LIBLINEAR's dual coordinate descent (-s 7) to its own tolerance: a solver, not a number of passes."""

    def run(prepared: tuple[Split, Any]) -> Linear:
        from liblinear.liblinearutil import parameter, train

        model = train(prepared[1], parameter(f"-s 7 -c {C} -q"))
        coef, intercept = model.get_decfun()
        return Linear(np.asarray(coef), intercept)

    return run


def cpu_count() -> int:
    return len(os.sched_getaffinity(0))
