"""`assay evaluations`: the revisions of what was measured, and which of them is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from assay.cli.connection import Json, command
from assay.cli.console import number, out, print_items, print_json, show
from assay.cli.metric_direction import catalogue_of, in_order
from assay.cli.name_lookup import model_id_of
from assay.cli.report import evaluation_report
from assay.client import BadInput, Client
from assay.client.types import Evaluation

evaluations = typer.Typer(
    help="List, serve and delete the revisions of evaluations.", no_args_is_help=True
)

Which = Annotated[
    str, typer.Argument(help="The evaluation's id; or give --model, --version and --revision.")
]
Model = Annotated[str, typer.Option("--model", "-m", help="The model: its project path or its id.")]
Version = Annotated[str, typer.Option("--version", "-v", help="The version's id.")]
Split = Annotated[str, typer.Option("--split", "-s", help="train, validation or test.")]
Revision = Annotated[int, typer.Option("--revision", "-n", help="The revision's number.")]
SHOWN_METRICS = 3


@command(evaluations, "list")
def list_evaluations(
    client: Client,
    *,
    model: Model,
    version: Version,
    split: Annotated[str, typer.Option("--split", "-s", help="Only of this split.")] = "",
    as_json: Json = False,
) -> None:
    """List what was measured of a version, newest first, and which of it is served."""
    catalogue = catalogue_of(client)

    def cells(one: Evaluation) -> Sequence[str]:
        names = in_order(one.metrics, catalogue)[:SHOWN_METRICS]
        metrics = "  ".join(f"{name} {number(one.metrics[name])}" for name in names)
        served = "yes" if one.is_served else one.held_back or ""
        status = one.status or ""
        return one.evaluation_id, one.dataset_split, str(one.revision), status, served, metrics

    columns = ("evaluation", "split", "revision", "status", "served", "metrics")
    found = client.evaluations.list(model_id_of(client, model), version, split)
    print_items(found, columns, cells, as_json=as_json)


@command(evaluations, "show")
def show_evaluation(
    client: Client,
    evaluation: Which = "",
    *,
    model: Model = "",
    version: Version = "",
    split: Split = "test",
    revision: Revision = 0,
    as_json: Json = False,
) -> None:
    """Show the numbers of one revision, whether it is served or not."""
    found = _found(client, evaluation, (model, version, split, revision))
    print_json(found) if as_json else show(evaluation_report(found, None, ()))


@command(evaluations, "serve")
def serve_evaluation(
    client: Client,
    evaluation: Which = "",
    *,
    model: Model = "",
    version: Version = "",
    split: Split = "test",
    revision: Revision = 0,
    as_json: Json = False,
) -> None:
    """Serve a revision from now on, whatever is newer."""
    found = _found(client, evaluation, (model, version, split, revision))
    served = client.evaluations.serve(found.evaluation_id)
    if as_json:
        print_json(served)
    else:
        out.print(f"revision {served.revision} of {served.version_id} is served now")


@command(evaluations, "delete")
def delete_evaluation(
    client: Client,
    evaluation: Which = "",
    *,
    model: Model = "",
    version: Version = "",
    split: Split = "test",
    revision: Revision = 0,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Even where a version that is not promoted serves it.")
    ] = False,
) -> None:
    """Delete a revision; what a promoted version serves stays."""
    found = _found(client, evaluation, (model, version, split, revision))
    client.evaluations.delete(found.evaluation_id, cascade=cascade)
    out.print(f"revision {found.revision} of {found.version_id} is deleted")


def _found(client: Client, evaluation: str, place: tuple[str, str, str, int]) -> Evaluation:
    """Return an evaluation by its id, else by its model, version, split and revision."""
    if evaluation:
        return client.evaluations.get(evaluation)
    model, version, split, revision = place
    if not (model and version and revision > 0):
        raise BadInput("Name an evaluation by its id, or by --model, --version and --revision.")
    return client.evaluations.revision(model_id_of(client, model), version, split, revision)
