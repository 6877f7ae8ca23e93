"""A panel as lines of text: the table, and sentences computed from its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esker.demo.series import Panel

__all__ = ["memory_line", "sentences", "table"]

_ROW = "{:<22} {:<28} {:>8} {:>12} {:>10}"


def table(panel: Panel) -> list[str]:
    """A header, the baseline, a line for each point, and the notes on what was refused."""
    lines = [_ROW.format("learner", "budget", "seconds", "test error", "memory MB")]
    lines.append(
        _ROW.format(panel.baseline["label"], "", "", _error(panel.baseline["error"], panel.unit), "")
    )
    notes = []
    for series in panel.series:
        for point in series.points:
            memory = "?" if point.memory is None else f"{point.memory / 1e6:.1f}"
            error = _error(point.error, panel.unit)
            lines.append(_ROW.format(series.learner, point.budget, f"{point.seconds:.2f}", error, memory))
        notes += [f"refused: {series.learner}, {budget}: {why}" for budget, why in series.refused.items()]
    return lines + notes


def memory_line(panel: Panel) -> str:
    """Granted against used, and the size of the file."""
    head = f"file {panel.file_bytes / 1e6:.0f} MB, granted {panel.granted / 1e6:.0f} MB"
    if panel.peak is None:
        return f"{head}; memory could not be measured on this system"
    verdict = "kept" if panel.peak <= panel.granted else "EXCEEDED"
    return (
        f"{head} ({panel.file_bytes / panel.granted:.1f} times less than the file); "
        f"most used, measured from outside: {panel.peak / 1e6:.1f} MB ({verdict})"
    )


def sentences(panel: Panel) -> list[str]:
    """What one sees: who is best, who is first at what the others end at, and who loses."""
    if not panel.fitted:
        return []
    base = f"{panel.baseline['label']} is at {_error(panel.baseline['error'], panel.unit)}"
    winner, *others = sorted(panel.fitted, key=lambda s: s.best.error)
    best = winner.best
    told = [
        f"best: {winner.learner} at {_error(best.error, panel.unit)} in {best.seconds:.2f} s ({best.budget}); {base}"
    ]
    for series in others:
        own = series.best
        reached = [p for p in winner.points if p.error <= own.error]  # never empty: its best is there
        sooner = min(reached, key=lambda p: p.seconds)
        words = f"{series.learner} ends at {_error(own.error, panel.unit)} in {own.seconds:.2f} s"
        if sooner.seconds < own.seconds:
            words += f" and loses: {winner.learner} is at {_error(sooner.error, panel.unit)} after {sooner.seconds:.2f} s"
        else:
            words += f"; {winner.learner} is as good after {sooner.seconds:.2f} s"
        told.append(words)
    first, of = min(((p, s) for s in panel.fitted for p in s.points), key=lambda both: both[0].seconds)
    answer = (
        f"{of.learner} after {first.seconds:.2f} s, at {_error(first.error, panel.unit)} ({first.budget})"
    )
    return [*told, f"first to answer: {answer}"]


def _error(error: float, unit: str) -> str:
    return f"{error:.2f}{unit}"
