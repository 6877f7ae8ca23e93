"""A panel as a plot of plain characters: test error against time, both on logarithmic axes."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esker.demo.series import Panel

__all__ = ["log_ticks", "text_plot"]


def log_ticks(low: float, high: float, steps: tuple[float, ...] = (1, 2, 5)) -> list[float]:
    """Round numbers from low to high.

    >>> log_ticks(0.03, 1.1)
    [0.05, 0.1, 0.2, 0.5, 1.0]
    """
    found = []
    for power in range(floor(log10(low)), floor(log10(high)) + 1):
        found += [round(step * 10.0**power, 12) for step in steps if low <= step * 10.0**power <= high]
    return found


def text_plot(panel: Panel, width: int = 64, height: int = 14) -> list[str]:
    """Lines of ASCII; each learner is its letter, and ``*`` is where several meet. Dashes are the baseline.

    Parameters
    ----------
    panel : Panel
    width, height : int
        Of the plot without its axes, in characters.
    """
    points = [(s.letter, p.seconds, p.error) for s in panel.series for p in s.points]
    if not points:
        return []
    times, errors = [t for _, t, _ in points], [e for _, _, e in points]
    left, right = min(times) / 1.2, max(times) * 1.2
    base = float(panel.baseline["error"])
    shown = base <= 1.5 * max(errors)  # a baseline far above would press the learners flat
    low, high = min(errors) / 1.02, max([*errors, base] if shown else errors) * 1.02

    def column(t: float) -> int:
        return round((width - 1) * log10(t / left) / log10(right / left))

    def line(e: float) -> int:
        return round((height - 1) * log10(high / e) / log10(high / low))

    grid = [[" "] * width for _ in range(height)]
    if shown:
        grid[line(base)] = ["-"] * width
    for letter, t, e in points:
        row, place = line(e), column(t)
        grid[row][place] = letter if grid[row][place] in (" ", "-", letter) else "*"
    labels = {}
    for i in range(0, height, 3):
        labels[i] = f"{high * (low / high) ** (i / (height - 1)):.3g}"
    lines = [f"{panel.measure} (log scale)"]
    lines += [f"{labels.get(i, ''):>7} |{''.join(row).rstrip()}" for i, row in enumerate(grid)]
    axis, names = ["-"] * width, [" "] * (width + 8)
    for tick in log_ticks(left, right):
        place, name = column(tick), f"{tick:g}"
        start = max(0, place - len(name) // 2)
        if all(c == " " for c in names[max(0, start - 1) : start + len(name) + 1]):
            axis[place] = "+"
            names[start : start + len(name)] = name
    lines += [" " * 7 + " +" + "".join(axis), " " * 9 + "".join(names).rstrip() + "  seconds (log scale)"]
    key = "   ".join(f"{s.letter} = {s.learner}" for s in panel.series)
    far = "" if shown else f"   ({panel.baseline['label']}: {base:.4g}{panel.unit}, above the plot)"
    return [*lines, f"{'':9}{key}" + (f"   --- = {panel.baseline['label']}" if shown else far)]
