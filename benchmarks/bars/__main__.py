"""`python -m benchmarks.bars NAME [...]`: measure what each bar names; the exit code is 0 if all hold."""

from __future__ import annotations

import argparse
import time
from importlib import import_module

from benchmarks.bars import BARS


def main() -> int:
    """Run the named bars."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars", description=main.__doc__)
    parser.add_argument(
        "name", nargs="+", choices=[*BARS, "all"], metavar="NAME", help=", ".join([*BARS, "all"])
    )
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    args = parser.parse_args()
    names = list(BARS) if "all" in args.name else args.name
    missed = []
    for name in names:
        module = import_module(BARS[name])
        print(f"{name} ({args.scale}): {(module.__doc__ or '').splitlines()[0]}", flush=True)
        began = time.monotonic()
        holds = module.run(args.scale)
        print(f"{name}: {'reached' if holds else 'MISSED'} ({time.monotonic() - began:.0f} s)", flush=True)
        missed += [] if holds else [name]
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
