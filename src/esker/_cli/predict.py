"""``esker predict``: a saved model over every row of a data file, as CSV, in bounded memory."""

from __future__ import annotations

import csv
import io
import re
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from esker.blocks import Blocks

__all__ = ["known_columns", "run"]

#: Formats whose columns have names.
TABLES = ("csv", "tsv", "parquet", "jsonl", "feather")


def run(args: argparse.Namespace) -> int:
    from esker import load
    from esker._cli.errors import answers
    from esker._cli.progress import Line
    from esker._progress import advance, watching
    from esker.blocks.paths import keep
    from esker.linear_model._input import fitted_blocks

    model = load(args.model)
    if not hasattr(model, "coef_"):
        raise ValueError(
            f"{args.model}: expected a fitted model, got a {type(model).__name__} that was never fitted"
        )
    blocks = _open(args, model)
    if args.out != "-":
        keep([args.model, *blocks.files], args.out)
    line = Line(blocks.n_rows)
    with _out(args.out) as file, watching(line):
        file.write(_csv([_header(model)]))
        for block in fitted_blocks(model, blocks):
            file.write(_rows(*answers(model, block)))
            advance(len(block), block.nbytes)
    line.close()
    if args.out != "-":
        print(f"{args.out}: {line.rows:,} predictions")
    return 0


def known_columns(model: Any, files: list[str], format: str | None = None) -> dict[str, Any]:
    """Options of `open_blocks` that give this model its columns, by name in tables, by number elsewhere."""
    from esker._cli.features import features_of

    source = getattr(model, "source_", {})
    names = getattr(model, "feature_names_in_", None)
    kind = kind_of(files, format)
    if source.get("features") is not None and kind != "esk":  # a block file holds what the steps made
        return features_of(source["features"])
    if kind in TABLES:
        return {} if names is None else {"columns": list(names)}
    if kind != "svmlight":
        return {}
    zero_based = source.get("zero_based")
    numbering = {} if zero_based is None else {"zero_based": bool(zero_based)}
    return {"n_features": int(model.n_features_in_)} | numbering


def numbering(blocks: Blocks) -> bool | None:
    """False where one was subtracted from svmlight's column numbers, True where they are as written, else None."""
    options = getattr(blocks, "parse_options", {})
    return options["zero_based"] is not False if "zero_based" in options else None


def kind_of(files: list[str], format: str | None) -> str:
    """The name of the files' format, without reading standard input."""
    if format is not None or files == ["-"]:
        return format or ""
    from esker.blocks.sources import _kind, _paths

    return _kind(_paths(files) or [], None).name


def _open(args: argparse.Namespace, model: Any) -> Blocks:
    """The file with the columns of the fit; labels in it are passed over."""
    from esker import open_blocks
    from esker._cli.data import number_or_name, source_of

    files = source_of(args.file)
    options = known_columns(model, args.file, args.format) | {
        "max_memory": args.max_memory,
        "format": args.format,
    }
    try:
        blocks = open_blocks(files, **options)
    except ValueError as error:
        lacking = re.match(r"columns=(.*) is no column; (.*)", str(error), re.DOTALL)
        if lacking is None:
            raise
        raise ValueError(
            f"expected the columns that the model was fitted on, got {', '.join(args.file)} without {lacking[1]}; {lacking[2]}"
        ) from None
    source = getattr(model, "source_", {})
    at_fit, here = source.get("zero_based"), numbering(blocks)
    if at_fit is not None and here is not None and at_fit != here:
        said = ["with one subtracted", "as they are written"]
        raise ValueError(
            f"expected columns numbered {said[at_fit]}, as the model was fitted, got {blocks.source}, converted with "
            f"columns numbered {said[here]}; convert it again with --zero-based {'yes' if at_fit else 'no'}"
        )
    targets = [number_or_name(name, args.file) for name in source.get("target") or ()]
    weight = source.get("weight")
    extra = len(targets) + (weight is not None)
    if args.file[0].endswith(".npy") and extra and blocks.n_columns == model.n_features_in_ + extra:
        # The layout of the training file: its label and weight columns are no features.
        options["target"] = targets[0] if len(targets) == 1 else targets
        options["weight"] = None if weight is None else number_or_name(weight, args.file)
        blocks = open_blocks(files, **options)
    return blocks


@contextmanager
def _out(path: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears when it is whole."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    from esker._atomic import atomic_write

    with atomic_write(path) as file:
        yield file


def _header(model: Any) -> list[str]:
    from esker._cli.errors import has_chances

    if has_chances(model):
        return ["prediction", *(f"probability_{label}" for label in model.classes_)]
    targets = model.coef_.shape[0] if model.coef_.ndim == 2 and not hasattr(model, "classes_") else 1
    named = getattr(model, "source_", {}).get("target") or []
    if targets > 1:
        return [f"prediction_{named[i] if len(named) == targets else i}" for i in range(targets)]
    return ["prediction"]


def _rows(said: NDArray[Any], chances: NDArray[Any] | None) -> bytes:
    """The shortest decimals that read back as the same numbers."""
    columns = [said] if said.ndim == 1 else list(said.T)
    columns += [] if chances is None else list(chances.T)
    return _csv(
        zip(*(column.astype(str) if column.dtype.kind == "f" else column.tolist() for column in columns))
    )


def _csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
