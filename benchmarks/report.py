"""`python -m benchmarks.report [CELL ...]`: cells in alternation with their peers, with floor and quality beside each time."""

from __future__ import annotations

import argparse
import math
import sys
from fnmatch import fnmatch
from typing import Any

from benchmarks.cells import all_cells
from benchmarks.contest import Cell, Worker, alternate
from benchmarks.machine import floor

__all__ = ["gaps", "main", "show"]


def gaps(outcomes: list[Any]) -> None:
    """Add to each outcome how far its objective lies above the least, relative to it."""
    reached = [o.quality["objective"] for o in outcomes if "objective" in o.quality]
    for o in outcomes:
        if "objective" in o.quality:
            o.quality["objective gap"] = o.quality["objective"] / min(reached) - 1


def _number(name: str, value: float) -> str:
    if name == "crc32":
        return f"{int(value):08x}"
    return f"{value:,.0f}" if math.isfinite(value) and value == round(value) else f"{value:.5g}"


def show(cell: Cell, contest: dict[str, Any], speed: dict[str, float]) -> str:
    """One cell as text: a line for each contender."""
    outcomes = contest["outcomes"]
    gaps(outcomes)
    lines = [f"{cell.name}: {contest['data']}, {cell.threads} thread{'s' * (cell.threads > 1)}"]
    seconds, kind = floor(contest["work"], speed)
    lines.append(f"  floor {1e3 * seconds:,.3g} ms ({kind})" if seconds else "  floor: none")
    ours = outcomes[0]
    for o in outcomes:
        ratio = "" if o is ours else f"  {o.median / ours.median:6.2f}x of {ours.name}'s"
        above = f"  {o.median / seconds:6.1f} floors" if seconds else ""
        spread = f"({1e3 * min(o.seconds):,.4g} to {1e3 * max(o.seconds):,.4g})"
        reached = ", ".join(f"{k} {_number(k, v)}" for k, v in o.quality.items())
        lines.append(f"  {o.name:<14}{1e3 * o.median:>10,.4g} ms {spread:<22}{above}{ratio}")
        lines.append(f"  {'':<14}{reached}")
    if contest["missing"]:
        lines.append(f"  not installed: {', '.join(contest['missing'])}")
    return "\n".join(lines)


def machine(threads: int) -> dict[str, float]:
    """`benchmarks.machine.measure` in a process with so many threads."""
    with Worker(["--machine"], threads) as worker:
        return worker.first


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen cells and print them; cells whose contenders fail are named at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=main.__doc__)
    parser.add_argument("cell", nargs="*", help="names or patterns such as 'sgd/*' (default: all)")
    parser.add_argument("--scale", choices=("small", "full"), default="small")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=(), help="contenders to run (default: all)")
    parser.add_argument("--list", action="store_true", help="name the cells and their contenders")
    args = parser.parse_args(arguments)
    if args.runs < 1:
        parser.error("--runs must be at least 1")
    cells = all_cells()
    chosen = [c for name, c in cells.items() if not args.cell or any(fnmatch(name, p) for p in args.cell)]
    if not chosen:
        parser.error(f"no such cell; there are {', '.join(cells)}")
    if args.list:
        for c in chosen:
            print(f"{c.name}: {', '.join(x.name for x in c.contenders)}")
        return 0
    speeds = {t: machine(t) for t in sorted({c.threads for c in chosen})}
    for t, speed in speeds.items():
        print(
            f"machine, {t} thread{'s' * (t > 1)}: "
            + ", ".join(f"{v / 1e9:.3g} G {k}/s" for k, v in speed.items())
        )
    failed = []
    for cell in chosen:
        try:
            contest = alternate(cell, scale=args.scale, runs=args.runs, only=args.only)
        except RuntimeError as problem:
            failed.append(cell.name)
            print(f"{cell.name}: {problem}", file=sys.stderr)
            continue
        print(show(cell, contest, speeds[cell.threads]), flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
