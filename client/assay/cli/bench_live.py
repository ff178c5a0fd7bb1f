"""Live progress of a benchmark: a bar, and how right each field is so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from assay.cli.bench_tables import live_fields
from assay.cli.live import REFRESHES_PER_SECOND
from assay.client import BenchmarkProgress
from assay.client.benchmarking import OnBenchmark, ignore_benchmark


@contextmanager
def live_benchmark(console: Console, *, hidden: bool) -> Iterator[OnBenchmark]:
    """Give a callback that draws where a benchmark stands.

    On a terminal that is a table; elsewhere, as in the log of a pipeline, one line a step.

    Args:
        console: where to draw.
        hidden: True draws nothing.
    """
    if hidden:
        yield ignore_benchmark
        return
    if not console.is_terminal:
        seen = [-1]

        def said(standing: BenchmarkProgress) -> None:
            if standing.documents > seen[0]:
                _line(console, standing)
            seen[0] = standing.documents

        yield said
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} documents"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console)
    task = bar.add_task("sending", total=None)
    with Live(
        bar, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND
    ) as screen:

        def told(standing: BenchmarkProgress) -> None:
            measuring = standing.phase == "measure"
            bar.update(
                task,
                description="comparing" if measuring else "sending",
                total=standing.documents_total if measuring else None,
                completed=standing.documents,
            )
            if standing.fields:
                screen.update(Group(bar, live_fields(standing)), refresh=True)

        yield told


def _line(console: Console, standing: BenchmarkProgress) -> None:
    if standing.phase == "upload":
        if standing.documents:
            console.print(f"{standing.documents:,} extractions are stored", style="dim")
        return
    if standing.overall is not None:
        console.print(
            f"{standing.documents:,}/{standing.documents_total:,} documents,"
            f" {standing.overall.accuracy:.4f} right",
            style="dim",
        )
