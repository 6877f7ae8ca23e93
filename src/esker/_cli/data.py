"""``esker info``, ``convert``, ``config`` and ``demo``; and how every command opens a data file."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from esker.blocks import Blocks

__all__ = ["number_or_name", "open_data", "run", "source_of"]


def run(args: argparse.Namespace) -> int:
    commands = {"info": _info, "convert": _convert, "config": _config, "demo": _demo}
    return commands[args.command](args)


def open_data(args: argparse.Namespace, files: list[str] | None = None, **instead: Any) -> Blocks:
    """The data files as the options of this command read them; `instead` overrides some."""
    from esker import open_blocks
    from esker._cli.features import features_of, said_of

    files = args.file if files is None else files
    options: dict[str, Any] = {
        "target": _columns(args.target, files),
        "weight": None if args.weight is None else number_or_name(args.weight, files),
        "columns": None
        if args.columns is None
        else [number_or_name(c, files) for c in args.columns.split(",")],
        "max_memory": args.max_memory,
        "block_size": args.block_size,
        "zero_based": {None: "auto", "auto": "auto", "yes": True, "no": False}[args.zero_based],
        "n_features": args.n_features,
        "dtype": args.dtype,
        "format": args.format,
        "cache": getattr(args, "cache", None),
    }
    return open_blocks(source_of(files), **(options | features_of(said_of(args)) | instead))


def source_of(files: list[str]) -> Any:
    """What `open_blocks` is given: one path, or the list of several."""
    for file in files:
        if file != "-" and not os.path.exists(file) and not any(c in file for c in "*?["):
            raise FileNotFoundError(2, "no such file", file)
    if len(files) > 1 and "-" in files:
        raise ValueError(
            "expected standard input (-) alone or files alone, got both; read them one after the other"
        )
    return files[0] if len(files) == 1 else files


def _columns(names: list[str] | None, files: list[str]) -> Any:
    if names is None:
        return None
    columns = [number_or_name(name, files) for name in names]
    return columns[0] if len(columns) == 1 else columns


def number_or_name(column: str, files: list[str]) -> int | str:
    """Columns of ``.npy`` and ``.npz`` files have numbers; those of others have names, even where a name is ``"3"``."""
    numbered = files[0].endswith((".npy", ".npz"))
    return int(column) if numbered and column.lstrip("-").isdigit() else column


def _info(args: argparse.Namespace) -> int:
    from esker._cli.show import plain, print_facts

    facts = _facts(args)
    if args.json:
        print(json.dumps(facts, default=plain))
    else:
        print_facts(facts)
    return 0


def _facts(args: argparse.Namespace) -> dict[str, Any]:
    """What the files hold; of tables that are not all numbers, what each column holds."""
    from esker._errors import FormatError

    hashed = args.text or args.categorical or args.numeric
    if args.file == ["-"] and args.format in ("csv", "tsv", "jsonl") and args.dtype is None and not hashed:
        return open_data(args, records=True).describe()  # read once: the columns are looked at as they come
    try:
        return open_data(args).describe()
    except FormatError as error:
        if args.file == ["-"] or args.dtype is not None or hashed:
            raise
        try:
            return open_data(args, records=True).describe()
        except Exception:
            raise error from None


def _convert(args: argparse.Namespace) -> int:
    from esker._cli.progress import Line
    from esker._progress import watching
    from esker.blocks import write_block_file
    from esker.blocks.memory import show_size

    blocks = open_data(args)
    line = Line(blocks.n_rows)
    began = time.monotonic()
    with watching(line):
        write_block_file(blocks, args.out, dtype=args.store)
    line.close()
    size = show_size(os.path.getsize(args.out))
    if blocks.files:
        size += f" (from {show_size(sum(os.path.getsize(file) for file in blocks.files))})"
    print(f"{args.out}: {line.rows:,} rows, {size}, {time.monotonic() - began:.1f} s")
    return 0


def _config(args: argparse.Namespace) -> int:
    from esker import show_config

    show_config()
    return 0


def _demo(args: argparse.Namespace) -> int:
    from esker import demo

    sys.stdout.flush()
    return int(demo.run(args.out, only=args.only, delete_data=args.delete_data))
