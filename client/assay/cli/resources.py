"""`assay models`, `versions`, `keys`, `promote` and `watch`: what a running service holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from assay.cli.connection import Json, command
from assay.cli.console import (
    NOT_MET,
    counted,
    err,
    number,
    out,
    print_items,
    print_json,
    print_made,
)
from assay.cli.interrupted import deferred
from assay.cli.json_file import read_json
from assay.cli.metric_direction import catalogue_of, in_order
from assay.cli.name_lookup import model_id_of
from assay.client import BadInput, Client
from assay.client.types import ApiKey, JobEvent, JobStatus, Model, Version

models = typer.Typer(help="Create, change, list and delete models.", no_args_is_help=True)
versions = typer.Typer(help="Create, list and delete versions of a model.", no_args_is_help=True)
keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)

MAX_NAMED = 10  # versions that a refusal names
IfAbsent = Annotated[
    bool, typer.Option("--if-absent", help="Take the one that has the id, if there is one.")
]
ModelId = Annotated[
    str, typer.Option("--model", "-m", help="The model: its project path or its id.")
]


@command(models, "create")
def create_model(
    client: Client,
    name: Annotated[str, typer.Argument(help="A human name.")],
    *,
    task: Annotated[
        str, typer.Option("--task", help="classification, regression or extraction.")
    ] = "classification",
    model_id: Annotated[str, typer.Option("--id", help="An id of your choice.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="A label; repeat in the order of reports.")
    ] = None,
    positive_label: Annotated[
        str, typer.Option("--positive-label", help="The positive label of a binary classifier.")
    ] = "",
    project_path: Annotated[
        str, typer.Option("--path", help="Its project path: training jobs name it by that.")
    ] = "",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="What it is listed under; repeat for more.")
    ] = None,
    if_absent: IfAbsent = False,
    as_json: Json = False,
) -> None:
    """Create a model and print its id."""
    with deferred() as passed_on:
        made = client.models.create(
            name,
            task,
            model_id=model_id,
            labels=label or (),
            positive_label=positive_label,
            project_path=project_path,
            tags=tag or (),
            if_absent=if_absent,
        )
    print_made(made, made.model_id, as_json=as_json)
    passed_on()


@command(models, "update")
def update_model(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="A new description.")
    ] = None,
    project_path: Annotated[
        str | None, typer.Option("--path", help="A new project path; '' takes it away.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A label; repeat for all, in the order of reports."),
    ] = None,
    positive_label: Annotated[
        str | None, typer.Option("--positive-label", help="A new one; '' takes it away.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="A tag; repeat for all. A single '' takes them away."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a model: what is given, and nothing else.

    Labels that were inferred from predictions can be declared so; they hold all that are there.
    """
    changed = client.models.update(
        model_id_of(client, model),
        name=name,
        description=description,
        project_path=project_path,
        labels=label or (),
        positive_label=positive_label,
        tags=None if tag is None else [one for one in tag if one],
    )
    print_made(changed, changed.model_id, as_json=as_json)


@command(models, "list")
def list_models(client: Client, as_json: Json = False) -> None:
    """List models, newest first."""

    def cells(one: Model) -> Sequence[str]:
        promoted, path = one.promoted_version_id or "", escape(one.project_path or "")
        return one.model_id, escape(one.name), one.task_type, one.status, promoted, path

    columns = ("model", "name", "task", "status", "promoted", "path")
    print_items(client.models.list(), columns, cells, as_json=as_json)


@command(models, "delete")
def delete_model(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    *,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="With its versions and their evaluations.")
    ] = False,
) -> None:
    """Delete a model; one that has versions goes with --cascade alone."""
    model = model_id_of(client, model)
    held = [one.version_id for one in islice(client.versions.list(model), MAX_NAMED)]
    if held and not cascade:
        names = ", ".join(held)
        raise BadInput(f"The model '{model}' has versions ({names}); --cascade deletes them too.")
    client.models.delete(model)
    out.print(f"{escape(model)} is deleted")


@command(versions, "create")
def create_version(
    client: Client,
    *,
    model: ModelId,
    version_id: Annotated[str, typer.Option("--id", help="An id of your choice.")] = "",
    label: Annotated[str, typer.Option("--label", help="A human label.")] = "",
    algorithm: Annotated[str, typer.Option("--algorithm", help="The algorithm's name.")] = "",
    remote: Annotated[
        Path | None,
        typer.Option("--remote", help="A JSON file that says where the version is served already."),
    ] = None,
    if_absent: IfAbsent = False,
    as_json: Json = False,
) -> None:
    """Create a version and print its id.

    With --remote it is a model that somebody else serves over the Open Inference Protocol, and is
    ready at once. The file holds an object with endpoint, protocol, model_name, inputs, output,
    labels and whatever else of a remote model there is to say.
    """
    model = model_id_of(client, model)
    served = None if remote is None else read_json(remote)
    if not isinstance(served, dict | None):
        raise BadInput(f"{remote} does not hold an object of JSON, which a remote model is.")
    with deferred() as passed_on:
        made = client.versions.create(
            model,
            version_id=version_id,
            label=label,
            algorithm=algorithm,
            remote=served,
            if_absent=if_absent,
        )
    print_made(made, made.version_id, as_json=as_json)
    passed_on()


@command(versions, "delete")
def delete_version(
    client: Client,
    version: Annotated[str, typer.Argument(help="The version's id.")],
    model: ModelId,
    cascade: Annotated[bool, typer.Option("--cascade", help="With its evaluations.")] = False,
) -> None:
    """Delete a version; the promoted one stays, and one with evaluations needs --cascade."""
    model = model_id_of(client, model)
    client.versions.delete(model, version, cascade=cascade)
    out.print(f"{escape(version)} of {escape(model)} is deleted")


@command(versions, "list")
def list_versions(client: Client, model: ModelId, as_json: Json = False) -> None:
    """List the versions of a model, newest first, with their numbers on the test split."""
    columns = ("version", "number", "label", "status", "promoted", "metrics")
    catalogue = catalogue_of(client)

    def cells(one: Version) -> Sequence[str]:
        names = in_order(one.metrics, catalogue)[:4]
        metrics = "  ".join(f"{name} {number(one.metrics[name])}" for name in names)
        promoted = "yes" if one.is_promoted else ""
        number_, label = str(one.version_number), escape(one.label or "")
        return one.version_id, number_, label, one.status or "", promoted, metrics

    print_items(client.versions.list(model_id_of(client, model)), columns, cells, as_json=as_json)


def promote(
    client: Client,
    version: Annotated[str, typer.Argument(help="The version's id.")],
    model: ModelId,
    as_json: Json = False,
) -> None:
    """Make a ready version the one that is served."""
    done = client.versions.promote(model_id_of(client, model), version)
    if as_json:
        print_json(done)
    else:
        out.print(f"{done.version_id} (number {done.version_number}) is served now")


def watch(
    client: Client,
    job: Annotated[str, typer.Argument(help="The job's id.")],
    after: Annotated[int, typer.Option("--after", help="Only events after this number.")] = 0,
    as_json: Json = False,
) -> None:
    """Follow a job to its end; exits with 1 when it ends without success."""
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
        return f"{counted(len(compared.documents), 'document')} compared, {right:,} of {comparisons:,} right"
    if (epoch := event.epoch_finished) is not None:
        loss = epoch.validation_loss
        validation = "" if loss is None else f", validation {number(loss)}"
        return f"epoch {epoch.epoch}/{epoch.epochs}: loss {number(epoch.train_loss)}{validation}"
    if (trial := event.trial_finished) is not None:
        found = trial.outcome if trial.objective is None else number(trial.objective)
        return f"trial {trial.trial} of {trial.trials}: {found}"
    if (tuned := event.calibration_finished) is not None:
        return f"calibrated: ECE {number(tuned.ece_before)} before, {number(tuned.ece_after)} after"
    if (split := event.split_measured) is not None:
        return f"measured on {split.dataset_split}: {split.rows:,} rows"
    if (change := event.state_changed) is not None:
        why = f"  {change.failure.reason}: {change.failure.message}" if change.failure else ""
        cause = f" ({change.cause})" if change.cause else ""
        return f"{change.status}{cause}{why}"
    return event.kind


def _show_status(status: JobStatus) -> None:
    if status.progress is not None:
        err.print(
            f"      {status.progress.done}/{status.progress.total} tasks,"
            f" {counted(status.progress.rows, 'row')}",
            style="dim",
        )
    elif status.metrics is not None:
        shown = "  ".join(
            f"{name} {number(value)}" for name, value in status.metrics.metrics.items()
        )
        err.print(f"      {shown}", style="dim")


@command(keys, "create")
def create_key(
    client: Client,
    name: Annotated[str, typer.Argument(help="A human name.")],
    *,
    permission: Annotated[
        list[str], typer.Option("--permission", "-p", help="Such as model:read; repeat for more.")
    ],
    days: Annotated[
        float | None, typer.Option("--days", help="Days until it stops working.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, this once."""
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with deferred() as passed_on:  # a secret that nobody saw would work all the same
        made = client.keys.create(name, permission, expires_at=expires)
    if as_json:
        print_json(made)
    else:
        print(made.secret)
        err.print("Keep it now: it is not shown again.", style="dim")
    passed_on()


@command(keys, "list")
def list_keys(client: Client, as_json: Json = False) -> None:
    """List keys, newest first, without secrets."""
    now = datetime.now(UTC)

    def cells(one: ApiKey) -> Sequence[str]:
        expired = one.expires_at is not None and one.expires_at <= now
        state = "revoked" if one.revoked_at else "expired" if expired else "works"
        return one.prefix, escape(one.name), " ".join(one.permissions), state

    columns = ("prefix", "name", "permissions", "state")
    print_items(client.keys.list(), columns, cells, as_json=as_json)


@command(keys, "revoke")
def revoke_key(
    client: Client,
    prefix: Annotated[str, typer.Argument(help="The key's public half.")],
) -> None:
    """Revoke a key; it stops working everywhere within 5 seconds."""
    client.keys.revoke(prefix)
    out.print(f"{prefix} is revoked")
