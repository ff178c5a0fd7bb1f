"""`assay report`: everything that is known of a version's quality, on one page."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from assay.cli.connection import Json
from assay.cli.console import counted, out, print_json
from assay.cli.name_lookup import model_id_of
from assay.cli.report import (
    calibration_table,
    class_table,
    interval_table,
    mistake_table,
    residual_table,
    slice_table,
)
from assay.cli.version_markdown import markdown
from assay.cli.version_page import TARGETS, Page, read_page
from assay.client import Client


def report(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    *,
    version: Annotated[
        str, typer.Option("--version", "-v", help="The version's id; the promoted one without.")
    ] = "",
    split: Annotated[
        str, typer.Option("--split", "-s", help="train, validation or test.")
    ] = "test",
    mistakes: Annotated[
        int, typer.Option("--mistakes", min=1, max=500, help="How many mistakes to show.")
    ] = 5,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Markdown, for a pull request.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a version's quality: metrics with intervals, classes, calibration, slices, mistakes."""
    page = read_page(client, model_id_of(client, model), version, split, mistakes=mistakes)
    if as_json:
        print_json(page)
    elif as_markdown:
        print(markdown(page), end="")
    else:
        show_page(page)


def show_page(page: Page) -> None:
    """Print a report."""
    summary = page.summary
    out.print(
        f"[bold]{escape(summary.model_id)}[/] {escape(summary.version_id)}"
        f" on [bold]{summary.dataset_split}[/], {summary.evaluated_at:%Y-%m-%d %H:%M} UTC:"
        f" {counted(summary.rows, 'row')}"
    )
    out.print(interval_table(summary, page.intervals))
    if page.report is not None:
        _part("classes")
        out.print(class_table(page.report))
    if page.calibration is not None:
        _part(f"calibration of the {TARGETS[page.calibration.target]}")
        out.print(calibration_table(page.calibration.headline))
    if page.residuals is not None:
        _part("residuals, true less predicted")
        out.print(residual_table(page.residuals))
    for name, parts in (page.slices.columns if page.slices else {}).items():
        _part(f"slices by {name}")
        out.print(slice_table(parts))
    if page.mistakes is not None and page.mistakes.errors:
        shown = len(page.mistakes.errors)
        _part(f"the {shown} most confident of {counted(page.mistakes.total, 'mistake')}")
        out.print(mistake_table(page.mistakes))
    for name, why in page.absent.items():
        out.print(f"\nno {name}: {why}", style="dim", markup=False)


def _part(title: str) -> None:
    out.print(f"\n{title}", style="bold", markup=False)
