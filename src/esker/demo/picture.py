"""The panels as one PNG: test error against time, a panel a data set, drawn with matplotlib."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from esker.demo.text_plot import log_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esker.demo.series import Panel

__all__ = ["draw"]

#: Okabe and Ito's colours, told apart by all; a marker tells them apart in print.
_LOOKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"))


def draw(panels: Sequence[Panel], path: str) -> None:
    """Write the picture.

    Parameters
    ----------
    panels : sequence of Panel
    path : str
        A file name that ends in ``.png``.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # no display, no global state
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6 * len(panels), 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, 1):
        _panel(figure.add_subplot(1, len(panels), number), panel)
    figure.savefig(path, dpi=130)


def _panel(axes: Any, panel: Panel) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    for (colour, marker), series in zip(_LOOKS, panel.series, strict=False):
        points = series.points
        if not points:
            continue
        times, errors = [p.seconds for p in points], [p.error for p in points]
        axes.plot(
            times, errors, color=colour, marker=marker, markersize=6, linewidth=1.6, label=series.learner
        )
        for point in {id(p): p for p in (points[0], points[-1])}.values():
            axes.annotate(
                point.budget, (point.seconds, point.error), xytext=(7, 6), textcoords="offset points",
                fontsize=8, color=colour,
            )  # fmt: skip
    base = panel.baseline
    times, errors = [p.seconds for p in panel.points], [p.error for p in panel.points]
    axes.set_xscale("log")
    axes.set_yscale("log")
    if errors:
        near = base["error"] <= 1.5 * max(errors)
        if near:
            axes.axhline(base["error"], color="0.45", linestyle="--", linewidth=1, label=base["label"])
        else:
            axes.plot([], [], " ", label=f"{base['label']}: {base['error']:.1f}{panel.unit}, above the plot")
        low, high = min(errors) / 1.03, max([*errors, base["error"]] if near else errors) * 1.05
        axes.set_ylim(low, high)
        axes.set_xlim(min(times) / 1.3, max(times) * 1.9)  # room for the labels at the right
        steps = (1, 1.5, 2, 3, 4, 5, 7) if high / low > 2 else tuple(1 + i / 20 for i in range(180))
        for axis, ticks in (
            (axes.xaxis, log_ticks(*axes.get_xlim())),
            (axes.yaxis, log_ticks(low, high, steps)),
        ):
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
            axis.set_minor_locator(NullLocator())
            axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("seconds to read and fit (log scale)")
    axes.set_ylabel(f"{panel.measure} (log scale)")
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    peak = "not measured" if panel.peak is None else f"{panel.peak / 1e6:.0f} MB"
    split = "\n".join(textwrap.wrap(f"{panel.split}.", 88))
    memory = (
        f"file {panel.file_bytes / 1e6:.0f} MB; memory granted {panel.granted / 1e6:.0f} MB, most used {peak}"
    )
    axes.set_title(f"{panel.title}" + "\n" * 3, loc="left", fontsize=12, fontweight="bold")
    axes.text(
        0, 1.02, f"{memory}\n{split}", transform=axes.transAxes, fontsize=9, color="0.3", in_layout=False
    )
    axes.legend(frameon=False, fontsize=9)
