"""`assay report`: everything that is known of a version's quality, on one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from assay.cli.connection import Json
from assay.cli.console import out, print_json
from assay.cli.report import (
    calibration_table,
    class_table,
    interval_table,
    mistake_table,
    residual_table,
    slice_table,
)
from assay.client import Client, FailedPrecondition, PermissionDenied
from assay.client.types import (
    CalibrationReport,
    ClassificationReport,
    IntervalReport,
    MisclassificationErrors,
    PerformanceSummary,
    ResidualReport,
    SliceReport,
)

Part = TypeVar("Part")


@dataclass(kw_only=True)
class Page:
    """The parts of a report; what is absent is told of in `absent`."""

    summary: PerformanceSummary
    intervals: IntervalReport | None = None
    report: ClassificationReport | None = None
    calibration: CalibrationReport | None = None
    slices: SliceReport | None = None
    mistakes: MisclassificationErrors | None = None
    residuals: ResidualReport | None = None
    absent: dict[str, str] = field(default_factory=dict)  # part → why


def report(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model's id.")],
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
    as_json: Json = False,
) -> None:
    """Show a version's quality: metrics with intervals, classes, calibration, slices, mistakes."""
    page = read_page(client, model, version, split, mistakes=mistakes)
    if as_json:
        print_json(page)
    else:
        show_page(page)


def read_page(client: Client, model: str, version: str, split: str, *, mistakes: int) -> Page:
    """Read all parts of a report; raises ServiceError where there is no evaluation at all."""
    summary = client.performance.summary(model, version, split)
    page = Page(summary=summary)
    of = (model, summary.version_id, split)

    def part(name: str, read: Callable[[], Part]) -> Part | None:
        try:
            return read()
        except (FailedPrecondition, PermissionDenied) as error:
            page.absent[name] = error.message
            return None

    page.intervals = part("intervals", lambda: client.diagnostics.intervals(*of))
    page.slices = part("slices", lambda: client.diagnostics.slices(*of))
    if summary.task_type == "regression":
        page.residuals = part("residuals", lambda: client.diagnostics.residuals(*of))
        return page
    page.report = part("classes", lambda: client.performance.classification_report(*of))
    page.calibration = part("calibration", lambda: client.diagnostics.calibration(*of))
    page.mistakes = part(
        "mistakes", lambda: client.diagnostics.misclassification_errors(*of, limit=mistakes)
    )
    return page


def show_page(page: Page) -> None:
    """Print a report."""
    summary = page.summary
    out.print(
        f"[bold]{escape(summary.model_id)}[/] {escape(summary.version_id)}"
        f" on [bold]{summary.dataset_split}[/], {summary.evaluated_at:%Y-%m-%d %H:%M} UTC:"
        f" {summary.rows:,} rows"
    )
    out.print(interval_table(summary, page.intervals))
    if page.report is not None:
        _part("classes")
        out.print(class_table(page.report))
    if page.calibration is not None:
        _part(f"calibration of the {page.calibration.target.replace('_', ' ')}")
        out.print(calibration_table(page.calibration.headline))
    if page.residuals is not None:
        _part("residuals, true less predicted")
        out.print(residual_table(page.residuals))
    for name, parts in (page.slices.columns if page.slices else {}).items():
        _part(f"slices by {name}")
        out.print(slice_table(parts))
    if page.mistakes is not None and page.mistakes.errors:
        shown = len(page.mistakes.errors)
        _part(f"the {shown} most confident of {page.mistakes.total:,} mistakes")
        out.print(mistake_table(page.mistakes))
    for name, why in page.absent.items():
        out.print(f"\nno {name}: {why}", style="dim", markup=False)


def _part(title: str) -> None:
    out.print(f"\n{title}", style="bold", markup=False)
