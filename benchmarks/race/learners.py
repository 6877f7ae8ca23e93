"""Who races: each learner with its default parameters, at the budgets that it counts in; its loading is timed apart.

A learner is prepared once (what it must do to rows in memory before it can learn from them: Vowpal Wabbit writes its cache,
LIBLINEAR makes its own layout), then run at every budget, from the least, until one takes longer than the cap.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.datasets import Split
from benchmarks.race.texts import drop_from_cache, texts, vw_rows

__all__ = ["LEARNERS", "OURS", "Learner"]


@dataclass(frozen=True)
class Learner:
    """`run(data, budget, seed)` is timed and returns a function of a Split that gives its test rows' margins."""

    budgets: Sequence[Any]
    run: Callable[[Any, Any, int], Callable[[Split], np.ndarray]]
    needs: str = ""
    prepare: Callable[[Split], Any] | None = None
    kinds: tuple[str, ...] = ("sparse", "dense")
    probabilities: bool = True  # whether the margin is that of a logistic model
    seeds: bool = False  # whether the seed matters
    patched: bool = False
    widest: int = 1 << 62  # columns, beyond which it does not run


def _decision(model: Any) -> Callable[[Split], np.ndarray]:
    return lambda data: np.asarray(model.decision_function(data.X_test)).ravel()


# --- esker ---

#: Seconds that a fit is given; those beyond what the default takes are left out.
TIMES = tuple(0.01 * 2**k for k in range(14))
OUR_BUDGETS = ("default", 1, 2, 3, *(f"{t:.3g}s" for t in TIMES))


def _ours(budget: Any) -> dict[str, Any]:
    if budget == "default":
        return {}
    return {"max_time": budget} if isinstance(budget, str) else {"max_iter": budget, "tol": None}


def _esker_sgd(data: Split, budget: Any, seed: int) -> Any:
    from esker.linear_model import SGDClassifier

    return _decision(SGDClassifier(random_state=seed, **_ours(budget)).fit(data.X, data.y))


def _esker_text(data: tuple[Split, Any], budget: Any, seed: int) -> Any:
    import esker
    from esker.linear_model import SGDClassifier

    split, files = data
    drop_from_cache(files.svmlight)
    rows = esker.open_blocks(
        files.svmlight, format="svmlight", zero_based=False, n_features=split.X.shape[1], dtype="float32"
    )
    return _decision(SGDClassifier(random_state=seed, **_ours(budget)).fit(rows))


def _esker_logistic(data: Split, budget: Any, seed: int) -> Any:
    from esker.linear_model import LogisticRegression

    return _decision(LogisticRegression(**budget).fit(data.X, data.y))


# --- scikit-learn ---


def _sklearn_sgd(average: bool) -> Any:
    def run(data: Split, budget: Any, seed: int) -> Any:
        from sklearn.linear_model import SGDClassifier

        options = {} if budget == "default" else {"max_iter": budget, "tol": None}
        model = SGDClassifier("log_loss", random_state=seed, average=average, **options)
        return _decision(model.fit(data.X, data.y))

    return run


def _sklearn_logistic(solver: str) -> Any:
    def run(data: Split, budget: int, seed: int) -> Any:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(solver=solver, max_iter=budget, random_state=seed)
        return _decision(model.fit(data.X, data.y))

    return run


# --- LIBLINEAR ---


def _problem(data: Split) -> Any:
    from liblinear.liblinearutil import problem

    return problem(data.y, sparse.csr_matrix(data.X, dtype=np.float64), bias=1)


def _liblinear(solver: int) -> Any:
    def run(prepared: Any, budget: Any, seed: int) -> Any:
        from liblinear.liblinearutil import parameter, train

        eps = "" if budget == "default" else f" -e {budget}"
        model = train(prepared, parameter(f"-s {solver} -B 1 -q{eps}"))
        coef, intercept = model.get_decfun()
        return lambda data: np.asarray(data.X_test @ np.asarray(coef)).ravel() + intercept

    return run


# --- Vowpal Wabbit ---


@dataclass(frozen=True)
class _Cached:
    split: Split
    files: Any
    folder: tempfile.TemporaryDirectory

    @property
    def options(self) -> str:
        bits = max(18, (self.split.X.shape[1]).bit_length())
        return f"--loss_function logistic -b {bits} --holdout_off --quiet"


def _vw_cached(split: Split) -> _Cached:
    import vowpalwabbit

    data = _vw_files(split)
    cache = Path(data.folder.name) / "cache"
    vowpalwabbit.Workspace(f"-d {data.files.vw} --cache_file {cache} -k --noop {data.options}").finish()
    return data


def _vw_files(split: Split) -> _Cached:
    return _Cached(split, texts(split), tempfile.TemporaryDirectory(prefix="esker-vw-"))


def _vw(cold: bool) -> Any:
    def run(data: _Cached, budget: int, seed: int) -> Any:
        import vowpalwabbit

        folder = Path(data.folder.name)
        cache, model = folder / ("made" if cold else "cache"), folder / "model"
        if cold:
            drop_from_cache(data.files.vw)
        say = f"-d {data.files.vw} --cache_file {cache} {'-k' if cold else ''} --passes {budget}"
        vowpalwabbit.Workspace(f"{say} -f {model} {data.options}").finish()

        def margins(split: Split) -> np.ndarray:
            test, said = folder / "test.vw", folder / "test.out"
            if not test.exists():
                with test.open("wb") as out:
                    vw_rows(split.X_test, split.y_test, out)
            vowpalwabbit.Workspace(f"-d {test} -t -i {model} -r {said} --quiet").finish()
            return np.loadtxt(said, usecols=0)

        return margins

    return run


PASSES = (1, 2, 5, "default")
TOLERANCES = (1.0, 0.1, "default")


def _solvers() -> dict[str, Learner]:
    steps = {
        "lbfgs": (5, 15, 40, 100),
        "liblinear": (2, 5, 20, 100),
        "newton-cg": (2, 5, 20, 100),
        "sag": (2, 5, 20, 100),
        "saga": (2, 5, 20, 100),
    }
    made = {f"scikit-learn {s}": Learner(b, _sklearn_logistic(s)) for s, b in steps.items()}
    made["scikit-learn newton-cholesky"] = Learner(
        (2, 4, 100), _sklearn_logistic("newton-cholesky"), kinds=("dense",), widest=1000
    )
    made["sklearnex lbfgs"] = Learner(
        (5, 15, 40, 100), _sklearn_logistic("lbfgs"), needs="sklearnex", kinds=("dense",), patched=True
    )
    for s in (0, 1, 2, 3, 7):
        made[f"liblinear -s {s}"] = Learner(
            TOLERANCES,
            _liblinear(s),
            needs="liblinear",
            prepare=_problem,
            probabilities=s in (0, 7),
        )
    return made


#: Ours come first.
LEARNERS: dict[str, Learner] = {
    "esker SGDClassifier": Learner(OUR_BUDGETS, _esker_sgd, seeds=True),
    "esker LogisticRegression": Learner(
        ({"max_iter": 2}, {"max_iter": 5}, {"max_iter": 15}, {}), _esker_logistic
    ),
    "esker SGDClassifier, cold text": Learner(
        ("default", 1, 3), _esker_text, prepare=lambda s: (s, texts(s)), kinds=("sparse",), seeds=True
    ),
    "vw": Learner((1, 3, 10), _vw(False), needs="vowpalwabbit", prepare=_vw_cached),
    "vw, cold text": Learner(
        (1, 3, 10), _vw(True), needs="vowpalwabbit", prepare=_vw_files, kinds=("sparse",)
    ),
    "scikit-learn SGD": Learner(PASSES, _sklearn_sgd(False), seeds=True),
    "scikit-learn SGD, averaged": Learner(PASSES, _sklearn_sgd(True), seeds=True),
    **_solvers(),
}
#: Whose points make our curve.
OURS = ("esker SGDClassifier", "esker LogisticRegression")
