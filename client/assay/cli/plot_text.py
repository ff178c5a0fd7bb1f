"""Plots in a terminal, of braille characters: each holds 2 × 4 dots."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich.text import Text

from assay.cli.plot_data import Line, Plot

WIDTH, HEIGHT = 60, 18  # characters inside the axes
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column of a character
_SPACING = 4  # dots of the diagonal
_DIAGONAL = 0  # what a dot belongs to: the diagonal, or line 1, 2, …
_STYLES = ("dim", "cyan", "magenta", "green", "yellow")
_SIGNS = ".*o+x"  # for terminals without braille


class Canvas:
    """A field of dots, from (0, 0) below left to (1, 1) above right."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._across, self._down = width * 2, height * 4
        self._cells = [[0] * width for _ in range(height)]
        self._kinds = [[_DIAGONAL] * width for _ in range(height)]

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        *,
        kind: int = 1,
        gap: int = 1,
    ) -> None:
        """Draw a straight line of a kind; `gap` is how many dots lie from one dot to the next."""
        (x, y), (far_x, far_y) = self._place(start), self._place(end)
        steps = max(abs(far_x - x), abs(far_y - y), 1)
        for step in range(0, steps + 1, gap):
            at = step / steps
            self._dot(round(x + (far_x - x) * at), round(y + (far_y - y) * at), kind)

    def cross(self, point: tuple[float, float], *, kind: int = 1) -> None:
        """Draw a mark of five dots."""
        x, y = self._place(point)
        for across, down in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            self._dot(x + across, y + down, kind)

    def rows(self, *, braille: bool) -> Iterator[Text]:
        """Yield the lines of characters, from above to below."""
        for cells, kinds in zip(self._cells, self._kinds, strict=True):
            row = Text()
            for bits, kind in zip(cells, kinds, strict=True):
                plain = _SIGNS[kind] if bits else " "
                row.append(chr(_BRAILLE + bits) if braille else plain, _STYLES[kind])
            yield row

    def _place(self, point: tuple[float, float]) -> tuple[int, int]:
        x, y = (min(1.0, max(0.0, value)) for value in point)
        return round(x * (self._across - 1)), round((1 - y) * (self._down - 1))

    def _dot(self, x: int, y: int, kind: int) -> None:
        if not (0 <= x < self._across and 0 <= y < self._down):
            return
        self._cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._kinds[y // 4][x // 2] = max(kind, self._kinds[y // 4][x // 2])


def text_plot(
    plot: Plot, *, width: int = WIDTH, height: int = HEIGHT, braille: bool = True
) -> Text:
    """Return a plot with its axes, as lines of text.

    Args:
        plot: what to draw.
        width: characters from end to end across.
        height: lines from end to end.
        braille: False draws with ASCII, for terminals that have nothing else.
    """
    canvas = Canvas(width, height)
    if plot.diagonal:
        canvas.line((0, 0), (1, 1), kind=_DIAGONAL, gap=_SPACING)
    for kind, line in enumerate(plot.lines, 1):
        _draw(canvas, plot, line, kind)
    side, corner, floor = ("│", "└", "─") if braille else ("|", "+", "-")
    low, middle, high = _ticks(plot.y_range)
    room = max(len(low), len(middle), len(high))
    lines = [
        Text(plot.title, style="bold"),
        *_legend(plot, braille=braille),
        Text(plot.y_label, style="dim"),
    ]
    for number, row in enumerate(canvas.rows(braille=braille)):
        mark = high if number == 0 else middle if number == height // 2 else ""
        lines.append(Text(f"{mark.rjust(room)} {side}") + row)
    lines.append(Text(f"{low.rjust(room)} {corner}{floor * width}"))
    low, middle, high = _ticks(plot.x_range)
    across = middle.center(width + 2 - len(low) - len(high))
    lines.append(Text(f"{' ' * (room + 1)}{low}{across}{high}"))
    lines.append(Text(f"{' ' * (room + 2)}{plot.x_label.rjust(width)}", style="dim"))
    return Text("\n").join(lines)


def _draw(canvas: Canvas, plot: Plot, line: Line, kind: int) -> None:
    (left, right), (floor, top) = plot.x_range, plot.y_range
    points = [((x - left) / (right - left), (y - floor) / (top - floor)) for x, y in line.points]
    for before, point in pairwise(points):
        if plot.steps:
            canvas.line(before, (before[0], point[1]), kind=kind)
            canvas.line((before[0], point[1]), point, kind=kind)
        else:
            canvas.line(before, point, kind=kind)
    for point in points if plot.marks or len(points) == 1 else ():
        canvas.cross(point, kind=kind)


def _legend(plot: Plot, *, braille: bool) -> list[Text]:
    """Return the names of the lines, each as it is drawn, where there are several."""
    if len(plot.lines) < 2:
        return []
    text = Text("  ").join(
        Text(f"{'─' if braille else _SIGNS[kind]} {line.name}", style=_STYLES[kind])
        for kind, line in enumerate(plot.lines, 1)
    )
    return [text]


def _ticks(ends: tuple[float, float]) -> tuple[str, str, str]:
    """Return the texts of an axis's lower end, middle and upper end."""
    low, high = ends
    if ends == (0.0, 1.0):
        return "0.0", "0.5", "1.0"
    return f"{low:.3g}", f"{(low + high) / 2:.3g}", f"{high:.3g}"
