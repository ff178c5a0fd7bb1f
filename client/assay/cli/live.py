"""Live progress of an evaluation: a bar, and the metrics of the rows so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from assay.cli.console import number
from assay.client import Progress as Standing
from assay.client.evaluating import OnProgress, ignore_progress

REFRESHES_PER_SECOND = 8


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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console)
    task = bar.add_task(f"sending {name}", total=None, rows=0)
    seen: list[Mapping[str, float]] = [{}]
    with Live(
        bar, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND
    ) as screen:

        def told(standing: Standing) -> None:
            measuring = standing.phase == "measure"
            bar.update(
                task,
                description="measuring" if measuring else f"sending {name}",
                total=standing.total or None if measuring else standing.total_rows,
                completed=standing.done if measuring else standing.rows,
                rows=standing.rows,
            )
            if standing.metrics:  # without news the last ones stay
                screen.update(Group(bar, live_table(standing.metrics, seen[0])))
                seen[0] = standing.metrics

        yield told


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
