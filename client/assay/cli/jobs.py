"""`assay jobs`: what runs, what waits, and how it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.markup import escape

from assay.cli.connection import Json, command
from assay.cli.console import counted, out, print_items, print_json
from assay.client import Client
from assay.client.types import Job

jobs = typer.Typer(help="List, show and cancel jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="The job's id.")]


@command(jobs, "list")
def list_jobs(
    client: Client,
    *,
    kind: Annotated[str, typer.Option("--kind", help="Only of this kind.")] = "",
    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", help="Only in this state; repeat for more."),
    ] = None,
    resource: Annotated[
        str, typer.Option("--resource", help="Only those that make this resource.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most this many.")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""

    def cells(one: Job) -> Sequence[str]:
        done, attempts = _done(one), f"{one.attempts}/{one.max_attempts}"
        submitted = f"{one.created_at:%Y-%m-%d %H:%M:%S}"
        kind, makes = escape(one.kind), escape(one.resource_id)
        return one.job_id, kind, one.status or "", done, attempts, submitted, makes

    columns = ("job", "kind", "status", "done", "attempts", "submitted", "makes")
    found = client.jobs.list(kind=kind, status=status or (), resource_id=resource)
    print_items(islice(found, limit), columns, cells, as_json=as_json)


@command(jobs, "show")
def show_job(client: Client, job: JobId, *, as_json: Json = False) -> None:
    """Show where a job stands, and why it failed if it did."""
    _show(client.jobs.get(job), as_json=as_json)


@command(jobs, "cancel")
def cancel_job(client: Client, job: JobId, *, as_json: Json = False) -> None:
    """Cancel a job that has not ended; `assay watch` tells when a running one has."""
    _show(client.jobs.cancel(job), as_json=as_json)


def _done(job: Job) -> str:
    return f"{job.progress.done}/{job.progress.total}"


def _show(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    out.print(f"{job.job_id}  {escape(job.kind)}  [bold]{job.status}[/]")
    out.print(
        f"  {_done(job)} tasks, {counted(job.progress.rows, 'row')},"
        f" attempt {job.attempts} of {job.max_attempts}"
    )
    for word, time in (
        ("submitted", job.created_at),
        ("started", job.started_at),
        ("ended", job.ended_at),
        ("deadline", job.deadline),
        ("tried again", job.next_attempt_at),
    ):
        if time is not None:
            out.print(f"  {word:<11} {time:%Y-%m-%d %H:%M:%S}")
    if job.failure is not None:
        out.print(f"  {escape(job.failure.reason)}: {escape(job.failure.message)}")
