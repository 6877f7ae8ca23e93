"""Which estimator ``esker fit`` makes of its options; what would change nothing is refused by name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from esker._cli.options import NUMBERS

if TYPE_CHECKING:
    import argparse

    from esker.blocks import Blocks

__all__ = ["model_of", "refuse_idle_options"]

#: Options that some models have no use for -> those that have.
USED_BY = {
    "task": ("sgd", "ridge"),
    "loss": ("sgd",),
    "epsilon": ("sgd",),
    "quantile": ("sgd",),
    "power": ("sgd",),
    "penalty": ("sgd",),
    "learning_rate": ("sgd",),
    "eta0": ("sgd",),
    "power_t": ("sgd",),
    "l1_ratio": ("sgd", "elastic-net"),
    "epochs": ("sgd",),
    "max_time": ("sgd",),
    "solver": ("ridge",),
    "tol": ("ridge", "lasso", "elastic-net"),
    "positive": ("ridge", "lasso", "elastic-net"),
}
#: Parameters of a loss -> the losses that have one.
LOSSES = {
    "epsilon": ("huber", "epsilon_insensitive", "squared_epsilon_insensitive"),
    "quantile": ("quantile",),
    "power": ("tweedie",),
}
#: What a model does, to say why an option has no effect with it.
DOES = {
    "ridge": "which solves the squared error with an l2 penalty in one walk",
    "lasso": "which solves the squared error with an l1 penalty in one walk",
    "elastic-net": "which solves the squared error with both penalties in one walk",
    "sgd": "which steps from row to row",
}
#: With ``--task auto`` at most so many different whole numbers among the first labels are classes.
MANY_CLASSES = 20
#: ``--alpha auto``: how ridge's penalties are spread, in units of what the penalty of 1 is.
RIDGE_ALPHAS = (-4, 6, 21)


def refuse_idle_options(args: argparse.Namespace) -> None:
    """What would change nothing is refused by name."""
    for name, models in USED_BY.items():
        given = getattr(args, name)
        if given is None or args.model in models or (name, given) == ("task", "regression"):
            continue
        raise ValueError(
            f"--{name.replace('_', '-')} has no effect with --model {args.model}, {DOES[args.model]}; leave it out or use "
            f"--model {' or --model '.join(models)}"
        )
    for name, losses in LOSSES.items():
        if getattr(args, name) is not None and args.loss not in losses:
            which = "by default" if args.loss is None else f"with --loss {args.loss}"
            raise ValueError(
                f"--{name} has no effect {which}; leave it out or use --loss {' or --loss '.join(losses)}"
            )
    auto = args.alpha == "auto"
    if args.model != "sgd" and args.seed is not None and args.holdout is None:
        raise ValueError(
            f"--seed has no effect with --model {args.model} unless --holdout chooses rows; leave it out"
        )
    for name in ("checkpoint", "solver"):
        if auto and args.model != "sgd" and getattr(args, name) is not None:
            raise ValueError(f"--{name} has no effect with --alpha auto; give one alpha, or leave it out")
    if auto and args.model == "ridge" and (args.tol is not None or args.positive is not None):
        raise ValueError(
            "--tol and --positive have no effect with --model ridge --alpha auto; leave them out"
        )
    if args.model == "sgd" and args.l1_ratio is not None and args.penalty != "elasticnet":
        raise ValueError("--l1-ratio has no effect without --penalty elasticnet; add that or leave it out")
    if (
        args.task is not None
        and args.loss is not None
        and args.task != "auto"
        and args.task != _task_of(args.loss)
    ):
        raise ValueError(
            f"--loss {args.loss} is for {_task_of(args.loss)}, got --task {args.task}; leave one out"
        )


def _task_of(loss: str) -> str:
    return "regression" if loss in NUMBERS else "classification"


def model_of(args: argparse.Namespace, blocks: Blocks, max_time: float | None) -> Any:
    """The estimator that these options name, not yet fitted."""
    from esker import linear_model

    auto = (
        args.alpha == "auto" and args.model != "sgd"
    )  # which has it by default, and no class of its own for it
    given = {
        "alpha": None if auto else args.alpha,
        "loss": args.loss,
        "epsilon": args.epsilon,
        "quantile": args.quantile,
        "power": args.power,
        "penalty": args.penalty,
        "learning_rate": args.learning_rate,
        "eta0": args.eta0,
        "power_t": args.power_t,
        "l1_ratio": args.l1_ratio,
        "max_iter": args.epochs,
        "max_time": max_time,
        "max_memory": args.max_memory,
        "checkpoint": args.checkpoint,
        "n_threads": args.threads,
        "solver": args.solver,
        "tol": args.tol,
        "positive": args.positive,
    }
    options = {name: value for name, value in given.items() if value is not None}
    name = {"ridge": "Ridge", "lasso": "Lasso", "elastic-net": "ElasticNet", "sgd": "SGDRegressor"}[
        args.model
    ]
    if args.model in USED_BY["task"] and _is_classification(args, blocks):
        name = {"ridge": "RidgeClassifier", "sgd": "SGDClassifier"}[args.model]
    if auto:
        name += "CV"
        if args.model == "ridge":
            import numpy as np

            options["alphas"] = np.logspace(*RIDGE_ALPHAS)
    if args.penalty == "none":
        options["penalty"] = None
    if args.model == "sgd":
        options["random_state"] = args.seed or 0
    return getattr(linear_model, name)(**options)


def _is_classification(args: argparse.Namespace, blocks: Blocks) -> bool:
    """What --task and --loss say; where they do not, ridge learns numbers and sgd looks at the first labels."""
    if args.loss is not None:
        return _task_of(args.loss) == "classification"
    task = args.task or ("auto" if args.model == "sgd" else "regression")
    return (_guess_task(blocks) if task == "auto" else task) == "classification"


def _guess_task(blocks: Blocks) -> str:
    """Labels that are words, or few whole numbers in the first block, are classes."""
    import numpy as np

    if not blocks.rereadable:
        raise ValueError(
            f"--task auto looks at the first labels, and {blocks.source} can be read once; "
            "pass --task regression or --task classification"
        )
    first = next(iter(blocks), None)
    if first is None or first.y is None:
        raise ValueError(
            f"expected rows with a label in {blocks.source}, got none; name its column with --target"
        )
    if first.y.dtype.kind in "fiu":
        values = np.unique(first.y)
        if len(values) > MANY_CLASSES or (values != np.round(values)).any():
            return "regression"
        shown = ", ".join(f"{value:g}" for value in values)
    else:
        shown = "words"
    print(
        f"task: classification (the first {len(first):,} labels are {shown}; --task says otherwise)",
        file=sys.stderr,
    )
    return "classification"
