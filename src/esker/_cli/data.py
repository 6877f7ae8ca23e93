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

__all__ = ["number_or_name", "open_data", "run"]


def run(args: argparse.Namespace) -> int:
    commands = {"info": _info, "convert": _convert, "config": _config, "demo": _demo}
    return commands[args.command](args)


def open_data(args: argparse.Namespace, file: str | None = None, **instead: Any) -> Blocks:
    """The data file as the options of this command read it; `instead` overrides some."""
    from esker import open_blocks

    file = args.file if file is None else file
    if not os.path.exists(file):
        raise FileNotFoundError(2, "no such file", file)
    options: dict[str, Any] = {
        "target": _columns(args.target, file),
        "weight": None if args.weight is None else number_or_name(args.weight, file),
        "columns": None
        if args.columns is None
        else [number_or_name(c, file) for c in args.columns.split(",")],
        "max_memory": args.max_memory,
        "zero_based": {None: "auto", "auto": "auto", "yes": True, "no": False}[args.zero_based],
        "n_features": args.n_features,
        "dtype": args.dtype,
        "format": args.format,
    }
    return open_blocks(file, **(options | instead))


def _columns(names: list[str] | None, file: str) -> Any:
    if names is None:
        return None
    columns = [number_or_name(name, file) for name in names]
    return columns[0] if len(columns) == 1 else columns


def number_or_name(column: str, file: str) -> int | str:
    """Columns of ``.npy`` files have numbers; those of others have names, even where a name is ``"3"``."""
    return int(column) if file.endswith(".npy") and column.lstrip("-").isdigit() else column


def _info(args: argparse.Namespace) -> int:
    facts = open_data(args).describe()
    if args.json:
        print(json.dumps(facts, default=_plain))
    else:
        _print_facts(facts)
    return 0


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _print_facts(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        if value is not None and value != []:
            print(f"{name.replace('_', ' '):{width}}  {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        if not isinstance(items, list):
            return _shown(items)
        more = f", ... ({len(items):,} in all)" if len(items) > 8 else ""
        return ", ".join(map(_shown, items[:8])) + more
    return str(value)


def _convert(args: argparse.Namespace) -> int:
    from esker._cli.progress import Line
    from esker._progress import watching
    from esker.blocks import write_block_file
    from esker.blocks.memory import show_size

    if os.path.exists(args.out) and os.path.samefile(args.file, args.out):
        raise ValueError(f"expected another file to write to, got the one that is read: {args.out}")
    blocks = open_data(args)
    line = Line(blocks.n_rows)
    began = time.monotonic()
    with watching(line):
        write_block_file(blocks, args.out)
    line.close()
    before, after = os.path.getsize(args.file), os.path.getsize(args.out)
    print(
        f"{args.out}: {line.rows:,} rows, {show_size(after)} (from {show_size(before)}), "
        f"{time.monotonic() - began:.1f} s"
    )
    return 0


def _config(args: argparse.Namespace) -> int:
    from esker import show_config

    show_config()
    return 0


def _demo(args: argparse.Namespace) -> int:
    from esker import demo

    sys.stdout.flush()
    return int(demo.run(args.out, only=args.only, delete_data=args.delete_data))
