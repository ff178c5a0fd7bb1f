"""Tables of the results of inference jobs, live and at their end."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assay.cli.console import NONE, number
from assay.cli.live import REFRESHES_PER_SECOND
from assay.client.types import InferenceJob, InferenceResult

NEWEST = 15  # results of a live table
LARGEST = 4  # contributions that are shown of an explanation
OnResult = Callable[[InferenceResult], None]
Cells = tuple[str, ...]  # of one result, in a table


@contextmanager
def live_results(console: Console, total: int, *, hidden: bool) -> Iterator[OnResult]:
    """Give a callback that draws the newest results below a bar; on a terminal only.

    Args:
        console: where to draw.
        total: how many results there will be.
        hidden: True draws nothing.
    """
    if hidden or not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console)
    task, newest = bar.add_task("inputs", total=total), deque[Cells](maxlen=NEWEST)
    with Live(
        bar, console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND
    ) as screen:

        def draw(result: InferenceResult) -> None:
            newest.append(_cells(result))  # of a result once: its output may be large
            bar.update(task, advance=1)
            screen.update(Group(bar, _table(newest)))

        yield draw


def result_table(results: Iterable[InferenceResult]) -> Table:
    """Return a row for each result: what was found, or why nothing was."""
    return _table(map(_cells, results))


def _table(rows: Iterable[Cells]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("input", "status", "result"):
        table.add_column(name, overflow="fold")
    table.add_column("ms", justify="right")
    table.add_column("engine", style="dim")
    for row in rows:
        table.add_row(*row)
    return table


def _cells(one: InferenceResult) -> Cells:
    failed = one.status == "FAILED"
    return (
        escape(one.input_name),
        f"[{'red' if failed else 'green'}]{one.status}[/]",
        escape(one.failure or "") if failed else escape(_found(one.document)),
        NONE if one.elapsed_ms is None else str(one.elapsed_ms),
        one.engine or NONE,
    )


def conclusion(job: InferenceJob) -> str:
    """Return how a job stands, in a line."""
    why = f": {job.failure.message.rstrip('.')}" if job.failure else ""
    counts = f"{job.completed} of {job.total} inputs succeeded, {job.failed} failed"
    return (
        f"job {job.job_id} of {job.model_name} {job.version_label} is {job.status}{why}; {counts}"
    )


def as_json_line(job_id: str, result: InferenceResult) -> Mapping[str, Any]:
    """Return a result as machines read it, its JSON outputs as values."""
    return {
        "job_id": job_id,
        "input": result.input_name,
        "status": result.status,
        "engine": result.engine,
        "elapsed_ms": result.elapsed_ms,
        "error": result.failure,
        "outputs": {
            one.name: json.loads(one.data or b"null")
            for one in result.outputs
            if one.media_type == "application/json"
        },
    }


def _found(document: Mapping[str, Any]) -> str:
    """Return what an output says, and what moved it most."""
    found = document.get("result", {})
    best = next(iter(found.get("classPredictions", ())), None)  # the highest score comes first
    if best is not None:
        text = f"{best['class']} {best['score']:.4f}"
    elif "value" in found:
        text = number(found["value"])
    else:
        fields = found.get("fields", found)
        text = ", ".join(f"{name}: {value}" for name, value in fields.items()) or "nothing"
    moved = _moved(document.get("explanation") or {}, best and best["class"])
    return f"{text}   {moved}" if moved else text


def _moved(explanation: Mapping[str, Any], label: str | None) -> str:
    """Return the largest contributions to the class that was found, such as `+late 2.3`."""
    of_classes = explanation.get("wordImportances") or explanation.get("featureImportances") or {}
    entries = of_classes.get(label, ()) if isinstance(of_classes, Mapping) else of_classes
    largest = sorted(entries, key=lambda one: -abs(one["score"]))[:LARGEST]
    return " ".join(
        f"{'+' if one['score'] >= 0 else '−'}{one.get('word', one.get('feature'))}"
        f" {abs(one['score']):.2g}"
        for one in largest
    )
