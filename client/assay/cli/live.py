"""Live progress of evaluations and benchmarks: a bar, and the numbers so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from assay.cli.bench_tables import live_fields
from assay.cli.console import counted, number
from assay.client import BenchmarkProgress
from assay.client import Progress as Standing
from assay.client.benchmarking import OnBenchmark, ignore_benchmark
from assay.client.evaluating import OnProgress, ignore_progress

REFRESHES_PER_SECOND = 8
SECONDS_BETWEEN_LINES = 5.0  # where there is no terminal


_DOING = {"upload": "sending", "extract": "extracting", "measure": "comparing"}


@contextmanager
def live_progress(name: str, console: Console, *, hidden: bool) -> Iterator[OnProgress]:
    """Give a callback that draws where an evaluation stands; on a terminal only.

    Args:
        name: what is sent.
        console: where to draw.
        hidden: True draws nothing.
    """
    if hidden or not console.is_terminal:
        yield ignore_progress
        return
    seen: list[Mapping[str, float]] = [{}]
    with _screen(console, f"sending {name}", "{task.fields[count]:,} rows") as drawn:

        def told(standing: Standing) -> None:
            measuring = standing.phase == "measure"
            numbers = None
            if standing.metrics:  # without news the last ones stay
                numbers = live_table(standing.metrics, seen[0])
                seen[0] = standing.metrics
            drawn(
                numbers,
                description="measuring" if measuring else f"sending {name}",
                total=standing.total or None if measuring else standing.total_rows,
                completed=standing.done if measuring else standing.rows,
                count=standing.rows,
            )

        yield told


@contextmanager
def live_benchmark(console: Console, *, hidden: bool) -> Iterator[OnBenchmark]:
    """Give a callback that draws where a benchmark stands.

    On a terminal that is a table; elsewhere, as in the log of a pipeline, a line every few seconds.

    Args:
        console: where to draw.
        hidden: True draws nothing.
    """
    if hidden:
        yield ignore_benchmark
        return
    if not console.is_terminal:
        last = [-1, -math.inf]  # documents and time of the last line

        def said(standing: BenchmarkProgress) -> None:
            documents, now = standing.documents, time.monotonic()
            done = documents == standing.documents_total or standing.phase != "measure"
            if documents != last[0] and (done or now - last[1] >= SECONDS_BETWEEN_LINES):
                _line(console, standing)
                last[:] = documents, now

        yield said
        return
    with _screen(console, "sending", "{task.completed:,.0f} documents") as drawn:

        def told(standing: BenchmarkProgress) -> None:
            drawn(
                live_fields(standing) if standing.fields else None,
                description=_DOING[standing.phase],
                total=standing.documents_total if standing.phase == "measure" else None,
                completed=standing.documents,
            )

        yield told


@contextmanager
def _screen(console: Console, title: str, count: str) -> Iterator[Callable[..., None]]:
    """Give a function that draws numbers, unless None, below a bar, and updates the bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(count),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console)
    task = bar.add_task(title, total=None, count=0)
    with Live(
        bar, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND
    ) as screen:

        def drawn(numbers: RenderableType | None, **standing: Any) -> None:
            bar.update(task, **standing)
            if numbers is not None:
                screen.update(Group(bar, numbers), refresh=True)

        yield drawn


def _line(console: Console, standing: BenchmarkProgress) -> None:
    if standing.phase == "upload":
        if standing.documents:
            console.print(f"{counted(standing.documents, 'extraction')} stored", style="dim")
        return
    if standing.phase == "extract":
        console.print("the version extracts, document by document", style="dim")
    if standing.overall is not None:
        console.print(
            f"{standing.documents:,}/{counted(standing.documents_total or 0, 'document')},"
            f" {standing.overall.accuracy:.4f} right",
            style="dim",
        )


def live_table(metrics: Mapping[str, float], before: Mapping[str, float]) -> RenderableType:
    """Return metrics of the rows so far, and by how much each moved since the last rows."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("so far", style="cyan")
    table.add_column("value", justify="right")
    table.add_column("moved by", justify="right", style="dim")
    for name, value in metrics.items():
        moved = value - before[name] if name in before else 0.0
        table.add_row(name, number(value), f"{moved:+.1g}" if moved else "")
    return table
