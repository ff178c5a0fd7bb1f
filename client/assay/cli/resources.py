"""`assay models`, `versions`, `keys`, `promote` and `watch`: what a running service holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assay.cli.connection import Json, Key, Url, connected
from assay.cli.console import NOT_MET, err, number, out, print_json
from assay.cli.metric_direction import catalogue_of, in_order
from assay.client.types import JobEvent, JobStatus

models = typer.Typer(help="Create and list models.", no_args_is_help=True)
versions = typer.Typer(help="Create and list versions of a model.", no_args_is_help=True)
keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)

ModelId = Annotated[str, typer.Option("--model", "-m", help="The model's id.")]


@models.command("create")
def create_model(
    name: Annotated[str, typer.Argument(help="A human name.")],
    *,
    task: Annotated[
        str, typer.Option("--task", help="classification or regression.")
    ] = "classification",
    model_id: Annotated[str, typer.Option("--id", help="An id of your choice.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="A label; repeat in the order of reports.")
    ] = None,
    positive_label: Annotated[
        str, typer.Option("--positive-label", help="The positive label of a binary classifier.")
    ] = "",
    as_json: Json = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Create a model and print its id."""
    with connected(url, api_key) as client:
        made = client.models.create(
            name, task, model_id=model_id, labels=label or (), positive_label=positive_label
        )
    if as_json:
        print_json(made)
    else:
        print(made.model_id)


@models.command("list")
def list_models(as_json: Json = False, url: Url = None, api_key: Key = None) -> None:
    """List models, newest first."""
    table = Table("model", "name", "task", "status", "promoted", box=None, pad_edge=False)
    with connected(url, api_key) as client:
        for model in client.models.list():
            if as_json:
                print_json(model)
            table.add_row(
                model.model_id,
                escape(model.name),
                model.task_type,
                model.status,
                model.promoted_version_id or "",
            )
    if not as_json:
        out.print(table)


@versions.command("create")
def create_version(
    *,
    model: ModelId,
    version_id: Annotated[str, typer.Option("--id", help="An id of your choice.")] = "",
    label: Annotated[str, typer.Option("--label", help="A human label.")] = "",
    algorithm: Annotated[str, typer.Option("--algorithm", help="The algorithm's name.")] = "",
    as_json: Json = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Create a version and print its id."""
    with connected(url, api_key) as client:
        made = client.versions.create(
            model, version_id=version_id, label=label, algorithm=algorithm
        )
    if as_json:
        print_json(made)
    else:
        print(made.version_id)


@versions.command("list")
def list_versions(
    model: ModelId, as_json: Json = False, url: Url = None, api_key: Key = None
) -> None:
    """List the versions of a model, newest first, with their numbers on the test split."""
    table = Table("version", "number", "status", "promoted", "metrics", box=None, pad_edge=False)
    with connected(url, api_key) as client:
        catalogue = catalogue_of(client)
        for version in client.versions.list(model):
            if as_json:
                print_json(version)
            shown = in_order(version.metrics, catalogue)[:4]
            table.add_row(
                version.version_id,
                str(version.version_number),
                version.status,
                "yes" if version.is_promoted else "",
                "  ".join(f"{name} {number(version.metrics[name])}" for name in shown),
            )
    if not as_json:
        out.print(table)


def promote(
    version: Annotated[str, typer.Argument(help="The version's id.")],
    model: ModelId,
    as_json: Json = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Make a ready version the one that is served."""
    with connected(url, api_key) as client:
        done = client.versions.promote(model, version)
    if as_json:
        print_json(done)
    else:
        out.print(f"{done.version_id} (number {done.version_number}) is served now")


def watch(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    after: Annotated[int, typer.Option("--after", help="Only events after this number.")] = 0,
    as_json: Json = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Follow a job to its end; exits with 1 when it ends without success."""
    with connected(url, api_key) as client:
        for item in client.jobs.watch(job, after):
            if as_json:
                print_json(item)
            elif isinstance(item, JobEvent):
                out.print(escape(f"{item.sequence:>4}  {item.at:%H:%M:%S}  {_told(item)}"))
            else:
                _show_status(item)
        status = client.jobs.get(job).status
    if status != "succeeded":
        raise typer.Exit(NOT_MET)


def _told(event: JobEvent) -> str:
    """Return what an event says."""
    if (compared := event.documents_compared) is not None:
        right = sum(one.right for one in compared.documents)
        comparisons = sum(one.comparisons for one in compared.documents)
        return f"{len(compared.documents)} documents compared, {right:,} of {comparisons:,} right"
    if (change := event.state_changed) is not None:
        why = f"  {change.failure.reason}: {change.failure.message}" if change.failure else ""
        cause = f" ({change.cause})" if change.cause else ""
        return f"{change.to_state}{cause}{why}"
    return event.kind


def _show_status(status: JobStatus) -> None:
    if status.progress is not None:
        err.print(
            f"      {status.progress.done}/{status.progress.total} tasks,"
            f" {status.progress.rows:,} rows",
            style="dim",
        )
    elif status.metrics is not None:
        shown = "  ".join(
            f"{name} {number(value)}" for name, value in status.metrics.metrics.items()
        )
        err.print(f"      {shown}", style="dim")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="A human name.")],
    *,
    permission: Annotated[
        list[str], typer.Option("--permission", "-p", help="Such as model:read; repeat for more.")
    ],
    days: Annotated[
        float | None, typer.Option("--days", help="Days until it stops working.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Make a key and print its secret, this once."""
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with connected(url, api_key) as client:
        made = client.keys.create(name, permission, expires_at=expires)
    if as_json:
        print_json(made)
    else:
        print(made.secret)
        err.print("Keep it now: it is not shown again.", style="dim")


@keys.command("list")
def list_keys(as_json: Json = False, url: Url = None, api_key: Key = None) -> None:
    """List keys, newest first, without secrets."""
    table = Table("prefix", "name", "permissions", "state", box=None, pad_edge=False)
    now = datetime.now(UTC)
    with connected(url, api_key) as client:
        for key in client.keys.list():
            if as_json:
                print_json(key)
            expired = key.expires_at is not None and key.expires_at <= now
            state = "revoked" if key.revoked_at else "expired" if expired else "works"
            table.add_row(key.prefix, escape(key.name), " ".join(key.permissions), state)
    if not as_json:
        out.print(table)


@keys.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's public half.")],
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Revoke a key; it stops working everywhere within 5 seconds."""
    with connected(url, api_key) as client:
        client.keys.revoke(prefix)
    out.print(f"{prefix} is revoked")
