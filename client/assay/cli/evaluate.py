"""`assay evaluate`: a file of predictions in, a report and a verdict out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape

from assay.cli import interrupted, step_summary
from assay.cli.compare import MaxDrops
from assay.cli.connection import Json
from assay.cli.console import err
from assay.cli.live import live_progress
from assay.cli.markdown import code
from assay.cli.name_lookup import model_id_of
from assay.cli.report import evaluation_report
from assay.cli.requirement import Outcome, conclude
from assay.cli.version_gate import VersionGate
from assay.client import BadInput, Client, NotFound, ServiceError
from assay.client.files import TABLES, TEXTS, check_file
from assay.client.types import Evaluation


def evaluate(
    client: Client,
    file: Annotated[
        Path, typer.Argument(help="CSV, JSON Lines, Parquet or Arrow file of predictions.")
    ],
    *,
    model: Annotated[
        str, typer.Option("--model", "-m", help="The model: its id, or its project path.")
    ],
    version: Annotated[
        str, typer.Option("--version", "-v", help="The version's id; with --create a new one.")
    ] = "",
    split: Annotated[
        str, typer.Option("--split", "-s", help="train, validation or test.")
    ] = "test",
    require: Annotated[
        list[str] | None,
        typer.Option("--require", "-r", help="Such as 'accuracy>=0.93'; repeat for more."),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the model and the version where absent.")
    ] = False,
    task: Annotated[
        str, typer.Option("--task", help="With --create: classification or regression.")
    ] = "classification",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="With --create: a label; repeat in the order of reports."),
    ] = None,
    positive_label: Annotated[
        str, typer.Option("--positive-label", help="Where the model declares none.")
    ] = "",
    renormalize: Annotated[
        bool, typer.Option("--renormalize", help="Divide each row of scores by its sum.")
    ] = False,
    truth: Annotated[
        str,
        typer.Option(
            "--truth",
            help="A dataset, by id or name, that has the truth of each row_id; DATASET:SPLIT for"
            " another split.",
        ),
    ] = "",
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline", help="A version that --max-drop is held against, or 'promoted'."
        ),
    ] = "",
    max_drop: MaxDrops = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Serve it even where the version is promoted and a requirement does not hold, or"
            " other rows are served.",
        ),
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Promote the version when all requirements hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a file of predictions, and check what is required of the numbers.

    A promoted version keeps what is served of it when a requirement does not hold, or the rows are
    others; `assay evaluations` lists what was measured, and serves any of it.

    Columns: y_true, y_pred, score (the positive class's probability) or score:<label>, weight,
    row_id, cluster_id, slice:<name>, feature:<name>. With --truth there is no y_true.

    Exit codes: 0 all requirements hold, 1 one does not, 2 the input or the usage is wrong;
    `assay --help` tells of all.
    """
    gate = VersionGate.parse(require or [], max_drop or [], baseline)
    if not version and not create:
        raise BadInput("name a version with --version, or make a new one with --create")
    check_file(file, {**TEXTS, **TABLES})
    gate.check(client, model := model_id_of(client, model), task)
    # Read first: measuring the served version again may replace what it is held against.
    base = gate.baseline_of(client, model, split)
    told = Console(quiet=True) if as_json else err  # where what is made is told
    declared = {"labels": label or (), "positive_label": positive_label}
    made = _model(client, model, task, declared, told) if create else nullcontext()
    with interrupted.told() as standing, made:
        if create:
            if not version:
                standing.again = "the same command with the --version that was created"
            version = _created_version(client, model, version, told)
        options: dict[str, Any] = {
            "positive_label": positive_label,
            "renormalize": renormalize,
            "require": tuple(require or ()),
            "replace": replace,
            **_truth(truth),
        }
        known = interrupted.request(client, file, model, version, split, *options.values())
        with live_progress(file.name, err, hidden=as_json) as drawn:
            heard = standing.heard(drawn, told, known.unended)
            options |= {"request_id": known.request_id, "on_progress": heard}
            evaluation = client.evaluate(model, version, split, file, **options)
    outcomes = gate.judge(evaluation, base)
    promoted = promote and all(outcome.passed for outcome in outcomes)
    if promoted:
        client.versions.promote(model, version)
    title = f"Evaluation of {code(model)} {code(version)} on {split}"
    step_summary.append(step_summary.metrics(title, evaluation.metrics, outcomes))
    conclude(
        outcomes,
        lambda: _page(client, evaluation, outcomes, promoted=promoted),
        as_json=as_json,
        promoted=promoted,
        evaluation=evaluation,
    )


def _truth(text: str) -> dict[str, str]:
    """Return the arguments that name the ground truth; a dataset's name may hold colons."""
    dataset, colon, split = text.rpartition(":")
    if colon and split in ("train", "validation", "test"):
        return {"truth": dataset, "truth_split": split}
    return {"truth": text, "truth_split": ""}


@contextmanager
def _model(
    client: Client, model: str, task: str, declared: Mapping[str, Any], told: Console
) -> Iterator[None]:
    """Make a model where it is absent; it goes again when what follows is refused.

    `declared` are its labels and its positive label.
    """
    try:
        client.models.get(model)
    except NotFound:
        with interrupted.deferred() as passed_on:
            client.models.create(model, task, model_id=model, **declared)
        told.print(f"created model {model}", style="dim")
    else:
        yield
        return
    try:
        passed_on()
        yield
    except (ServiceError, BadInput):
        with suppress(ServiceError):
            client.models.delete(model)
            told.print(f"deleted model {model} again", style="dim")
        raise


def _created_version(client: Client, model: str, version: str, told: Console) -> str:
    """Return the version's id, after making it where it is absent."""
    if version:
        try:
            return client.versions.get(model, version).version_id
        except NotFound:
            pass
    with interrupted.deferred() as passed_on:
        made = client.versions.create(model, version_id=version).version_id
    told.print(f"created version {made}", style="dim")
    passed_on()
    return made


def _page(
    client: Client, evaluation: Evaluation, outcomes: Sequence[Outcome], *, promoted: bool
) -> RenderableType:
    report = None
    if evaluation.labels and evaluation.is_served:  # what the service shows is what is served
        report = client.performance.classification_report(
            evaluation.model_id, evaluation.version_id, evaluation.dataset_split
        )
    page = evaluation_report(evaluation, report, outcomes)
    return Group(page, f"promoted {escape(evaluation.version_id)}") if promoted else page
