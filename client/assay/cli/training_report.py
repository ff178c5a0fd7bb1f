"""Tables of a job's metrics as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from assay.client.types import MetricTable, ModelMetrics


def training_page(metrics: ModelMetrics) -> list[RenderableType]:
    """Return the tables of a job that are meant for its page, and its warnings."""
    warnings = [Text(f"warning: {one}", style="yellow") for one in metrics.warnings]
    return [*metric_tables(metrics.metrics), *warnings]


def metric_tables(tables: Iterable[MetricTable]) -> Iterator[Table]:
    """Yield those tables of a job that have rows and are meant for its page."""
    for one in tables:
        if one.rows and one.show is not False:
            yield _table(one)


def _table(one: MetricTable) -> Table:
    title = Text(one.title, style="bold")
    if one.subtitle:
        title.append(f"\n{one.subtitle}", style="dim")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(one.headers):
        table.add_column(escape(name), justify="right" if at else "left", no_wrap=True)
    for row in one.rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
