"""Plots as PNG files, by matplotlib, which comes with the extra `plots`."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from assay.cli.plot_data import Plot

INCHES = (6.0, 6.0)
DOTS_PER_INCH = 120
COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red")


def write_png(plot: Plot, file: Path) -> None:
    """Draw a plot into a file; raises OSError where it cannot be written."""
    # The figure is drawn without pyplot, which would keep state and look for a display.
    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if plot.diagonal:
        axes.plot((0, 1), (0, 1), color="0.6", linestyle="--", linewidth=1)
    for line, color in zip(plot.lines, COLORS, strict=False):
        axes.plot(
            [x for x, _ in line.points],
            [y for _, y in line.points],
            drawstyle="steps-pre" if plot.steps else "default",
            marker="o" if plot.marks or len(line.points) == 1 else "",
            color=color,
            linewidth=1.8,
            label=line.name,
        )
    axes.set_title(_literal(plot.title), fontsize=10, wrap=True)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.set_xlim(*_widened(plot.x_range))
    axes.set_ylim(*_widened(plot.y_range))
    axes.set_box_aspect(1)
    axes.grid(visible=True, color="0.9")
    if len(plot.lines) > 1:
        axes.legend(frameon=False)
    figure.savefig(file, format="png")


def _widened(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    margin = (high - low) / 100
    return low - margin, high + margin


def _literal(text: str) -> str:
    return text.replace("$", r"\$")  # a label is no formula
