"""``esker fit``: learn from a data file, keep what is learned when Ctrl-C comes, save it, test it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from esker._cli.data import open_data
from esker._cli.features import said_of
from esker._cli.models import model_of, refuse_idle_options
from esker._cli.options import fraction

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

__all__ = ["run"]

#: Why learners that step ended, as people say it.
STOPS = {
    "converged": "convergence",
    "max_iter": "the last epoch allowed",
    "time": "--max-time",
    "interrupted": "Ctrl-C",
}


def run(args: argparse.Namespace) -> int:
    from esker import save
    from esker._cli.progress import Line, interruptible
    from esker._parameters import parse_duration
    from esker._progress import watching
    from esker.blocks.paths import keep

    refuse_idle_options(args)
    _check_folder(args.out)
    max_time = parse_duration(args.max_time)
    share = None if args.holdout is None else fraction(args.holdout)
    said = said_of(args)
    blocks = open_data(args)
    for written in (args.out, args.checkpoint):
        if written is not None:
            keep([file for file in (*blocks.files, args.test, args.cache) if file is not None], written)
    if share is not None and not blocks.rereadable:
        raise ValueError(
            f"--holdout reads the rows again to test on them, and {blocks.source} can be read once; "
            "pass --test FILE, or write a block file first: esker convert"
        )
    if args.test is not None:
        _check_test(args)  # what is wrong with it is better known now
    model = model_of(args, blocks, max_time)

    began = time.monotonic()
    line = Line(blocks.n_rows, model.max_iter if args.model == "sgd" else 1, max_time)
    # The loop of learners that step hears Ctrl-C itself; a single walk is told.
    with (watching if args.model == "sgd" else interruptible)(line):
        try:
            model.fit(blocks if share is None else blocks.map(lambda block: _without(block, args, share)))
        except Exception as error:
            if not line.stop:
                raise
            raise KeyboardInterrupt(f"after {line.rows:,} rows there is no model yet ({error})") from error
        finally:
            line.close()
    took = time.monotonic() - began
    model.source_ = _source(args, blocks) | ({} if said is None else {"features": said})
    save(model, args.out)

    _report(args, model, blocks.n_rows if model_walks(model) > 1 and blocks.n_rows else line.rows, took)
    if line.stop or getattr(model, "stop_reason_", None) == "interrupted":
        print(f"esker: interrupted after {line.rows:,} rows; the model of these rows is saved in {args.out}",
              file=sys.stderr)  # fmt: skip
        return 130
    if share is not None:
        _print_errors(model, blocks, f"{args.holdout} held out", args, share)
    elif args.test is not None:
        _print_errors(model, _open_test(args, model), args.test, args, None)
    return 0


def _check_folder(out: str) -> None:
    """Better refused now than after a long fit."""
    folder = os.path.dirname(os.path.abspath(out))
    if not os.path.isdir(folder):
        raise FileNotFoundError(2, "no such folder to save the model in", folder)
    if os.path.isdir(out):
        raise IsADirectoryError(21, "expected a file to save the model as, got a folder", out)
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "no permission to save the model in this folder", folder)


# --- held-out rows and test files ---


def _held(block: Block, args: argparse.Namespace, share: float) -> NDArray[np.bool_]:
    """Rows kept for the test, by row key. Not the bits by which a learner holds out rows of its own."""
    from esker._native import core

    held: NDArray[np.bool_] = core.holdout_mask((args.seed or 0) | 1 << 32, block.keys, share)
    return held


def _without(block: Block, args: argparse.Namespace, share: float) -> Block:
    """The block with weight 0 on its held-out rows."""
    import numpy as np

    weight = np.ones(len(block)) if block.sample_weight is None else block.sample_weight.copy()
    weight[_held(block, args, share)] = 0.0
    return replace(block, sample_weight=weight)


def _check_test(args: argparse.Namespace) -> None:
    """The test file is there, its first rows can be read, and they have labels."""
    if args.test == "-" or args.test in args.file:
        return
    from esker.blocks.walks import closing

    test = _open_test(args)
    with closing(test.head(1).read_ahead()) as rows:
        first = next(rows, None)
    if first is not None and first.y is None:
        raise ValueError(
            f"expected rows with a label in {args.test}, got none; name its column with --target"
        )


def _open_test(args: argparse.Namespace, model: Any = None) -> Blocks:
    """The test file as the training file was read; after the fit, with the training file's columns."""
    from esker._cli.predict import known_columns

    instead = {} if model is None else known_columns(model, [args.test])
    return open_data(args, [args.test], **({"format": None, "cache": None} | instead))


def _source(args: argparse.Namespace, blocks: Blocks) -> dict[str, Any]:
    """How the data was read: what `esker predict` needs to read another file in the same way."""
    from esker._cli.predict import numbering

    return {
        "zero_based": numbering(blocks),
        "target": args.target,
        "weight": args.weight,
        "n_targets": blocks.n_targets,
    }


# --- what is said ---


def model_walks(model: Any) -> int:
    """How often a ridge by conjugate gradients walked the rows; 0 for other models."""
    return int(model.n_iter_) if getattr(model, "solver_", None) == "sparse_cg" else 0


def _report(args: argparse.Namespace, model: Any, rows: int, took: float) -> None:
    classes = getattr(model, "classes_", None)
    kind = type(model).__name__ + ("" if classes is None else f", {len(classes):,} classes")
    stop, epochs = getattr(model, "stop_reason_", None), getattr(model, "n_iter_", None)
    walks = f", {epochs:,} epochs" if stop and epochs != 1 else ""
    if model_walks(model):
        walks = f", {model_walks(model):,} walks"
    print(f"model: {kind}, {model.n_features_in_:,} columns")
    print(f"read: {rows:,} rows{walks} in {took:.1f} s" + (f", ended by {STOPS[stop]}" if stop else ""))
    if args.model == "sgd" and model.alpha == "auto":
        print(f"alpha: {' '.join(f'{a:.3g}' for a in sorted(set(model.alpha_.tolist())))}")
    elif hasattr(model, "alpha_") and hasattr(model, "alphas"):
        print(f"alpha: {model.alpha_:.6g}, of {len(getattr(model, 'alphas_', model.alphas)):,} tried")
    if args.model in ("lasso", "elastic-net"):
        print(f"columns used: {int((model.coef_ != 0).sum()):,}")
    if model_walks(model):
        print(f"solver: sparse_cg, certified to be within {model.suboptimality_:.1e} of the least objective")
    print(f"saved: {args.out}")


def _print_errors(
    model: Any, blocks: Blocks, what: str, args: argparse.Namespace, share: float | None
) -> None:
    from esker._cli.errors import measure

    rows, figures = measure(model, blocks, None if share is None else lambda block: _held(block, args, share))
    shown = ", ".join(f"{name} {value:.6g}" for name, value in figures.items())
    print(f"test: {shown} ({rows:,} rows: {what})")
