"""Plots as PNG files, by matplotlib, which comes with the extra `plots`."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from assay.cli.plot_data import Plot

INCHES = (6.0, 6.0)
DOTS_PER_INCH = 120


def write_png(plot: Plot, file: Path) -> None:
    """Draw a plot into a file; raises OSError where it cannot be written."""
    # The figure is drawn without pyplot, which would keep state and look for a display.
    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if plot.diagonal:
        axes.plot((0, 1), (0, 1), color="0.6", linestyle="--", linewidth=1)
    axes.plot(
        [x for x, _ in plot.points],
        [y for _, y in plot.points],
        drawstyle="steps-pre" if plot.steps else "default",
        marker="o" if plot.marks else "",
        color="tab:blue",
        linewidth=1.8,
    )
    axes.set_title(_literal(plot.title), fontsize=10, wrap=True)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.grid(visible=True, color="0.9")
    figure.savefig(file, format="png")


def _literal(text: str) -> str:
    return text.replace("$", r"\$")  # a label is no formula
