"""Plots in a terminal, of braille characters: each holds 2 × 4 dots."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from assay.cli.plot_data import Plot

WIDTH, HEIGHT = 60, 18  # characters inside the axes
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column of a character
_SPACING = 4  # dots of the diagonal


class Canvas:
    """A field of dots, from (0, 0) below left to (1, 1) above right."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._across, self._down = width * 2, height * 4
        self._cells = [[0] * width for _ in range(height)]
        self._strong = [[False] * width for _ in range(height)]

    def line(self, start: tuple[float, float], end: tuple[float, float], *, gap: int = 1) -> None:
        """Draw a straight line; `gap` is how many dots lie from one dot to the next."""
        (x, y), (far_x, far_y) = self._place(start), self._place(end)
        steps = max(abs(far_x - x), abs(far_y - y), 1)
        for step in range(0, steps + 1, gap):
            at = step / steps
            self._dot(round(x + (far_x - x) * at), round(y + (far_y - y) * at), strong=gap == 1)

    def cross(self, point: tuple[float, float]) -> None:
        """Draw a mark of five dots."""
        x, y = self._place(point)
        for across, down in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            self._dot(x + across, y + down, strong=True)

    def rows(self, *, braille: bool) -> Iterator[Text]:
        """Yield the lines of characters, from above to below."""
        for cells, strong in zip(self._cells, self._strong, strict=True):
            row = Text()
            for bits, bold in zip(cells, strong, strict=True):
                style = "cyan" if bold else "dim"
                plain = " " if not bits else "*" if bold else "."
                row.append(chr(_BRAILLE + bits) if braille else plain, style)
            yield row

    def _place(self, point: tuple[float, float]) -> tuple[int, int]:
        x, y = (min(1.0, max(0.0, value)) for value in point)
        return round(x * (self._across - 1)), round((1 - y) * (self._down - 1))

    def _dot(self, x: int, y: int, *, strong: bool) -> None:
        if not (0 <= x < self._across and 0 <= y < self._down):
            return
        self._cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        self._strong[y // 4][x // 2] |= strong


def text_plot(
    plot: Plot, *, width: int = WIDTH, height: int = HEIGHT, braille: bool = True
) -> Text:
    """Return a plot with axes from 0 to 1, as lines of text.

    Args:
        plot: what to draw.
        width: characters from 0 to 1 across.
        height: lines from 0 to 1.
        braille: False draws with ASCII, for terminals that have nothing else.
    """
    canvas = Canvas(width, height)
    if plot.diagonal:
        canvas.line((0, 0), (1, 1), gap=_SPACING)
    for before, point in zip(plot.points, plot.points[1:], strict=False):
        if plot.steps:
            canvas.line(before, (before[0], point[1]))
            canvas.line((before[0], point[1]), point)
        else:
            canvas.line(before, point)
    for point in plot.points if plot.marks else ():
        canvas.cross(point)
    side, corner, floor = ("│", "└", "─") if braille else ("|", "+", "-")
    lines = [Text(plot.title, style="bold"), Text(plot.y_label, style="dim")]
    for number, row in enumerate(canvas.rows(braille=braille)):
        mark = "1.0" if number == 0 else "0.5" if number == height // 2 else "   "
        lines.append(Text(f"{mark} {side}") + row)
    lines.append(Text(f"0.0 {corner}{floor * width}"))
    lines.append(Text(f"    0.0{'0.5'.center(width - 4)}1.0"))
    lines.append(Text(f"     {plot.x_label.rjust(width)}", style="dim"))
    return Text("\n").join(lines)
