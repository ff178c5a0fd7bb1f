"""`assay plot`: a curve in the terminal, or as a PNG file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import err, out, refuse
from assay.cli.name_lookup import model_id_of
from assay.cli.plot_data import Plot, PlotKind, plot_of
from assay.cli.plot_text import text_plot
from assay.client import BadInput, Client


def plot(
    client: Client,
    kind: Annotated[PlotKind, typer.Argument(help="What to draw.")],
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    *,
    version: Annotated[
        str, typer.Option("--version", "-v", help="The version's id; the promoted one without.")
    ] = "",
    split: Annotated[
        str, typer.Option("--split", "-s", help="train, validation or test.")
    ] = "test",
    class_label: Annotated[
        str, typer.Option("--class", help="The class; without it the positive one, or all.")
    ] = "",
    to: Annotated[
        Path | None, typer.Option("--out", help="A PNG file to write, instead of the terminal.")
    ] = None,
) -> None:
    """Draw a ROC curve, a precision-recall curve, a reliability diagram or a training's losses.

    With --out it becomes a PNG file, which needs the extra `plots`.
    """
    write = None if to is None else png_writer(to)
    of = model_id_of(client, model)
    drawn = plot_of(client, kind, of, version=version, split=split, class_label=class_label)
    if to is None or write is None:
        out.print(text_plot(drawn, braille=speaks_unicode()))
        return
    try:
        write(drawn, to)
    except OSError as error:
        raise refuse(error) from error
    err.print(f"wrote {to}", style="dim", markup=False)


def speaks_unicode() -> bool:
    """Say whether standard output takes braille characters."""
    return out.encoding.lower().startswith("utf")


def png_writer(file: Path) -> Callable[[Plot, Path], None]:
    """Return what writes a PNG file; raises BadInput, before the service is asked, if nothing can."""
    if file.suffix.lower() != ".png":
        raise BadInput(f"'{file}' is no PNG file; give --out a name that ends in .png.")
    try:
        from assay.cli.plot_files import write_png  # noqa: PLC0415 — the base install has no matplotlib
    except ImportError as error:
        way = "pip install matplotlib, or leave --out away to draw in the terminal"
        raise BadInput(f"Plots as files need matplotlib: {way}.") from error
    return write_png
