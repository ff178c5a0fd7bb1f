"""`assay truth`: the ground truth that extractions are compared with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from assay.cli.connection import Json, command
from assay.cli.console import counted, err, out, print_items, print_json, print_made
from assay.cli.interrupted import deferred, take_back
from assay.cli.json_file import read_json
from assay.cli.name_lookup import dataset_id_of
from assay.client import BadInput, Client, ServiceUnavailable
from assay.client.files import TEXTS, check_file
from assay.client.types import GroundTruthDataset, Imported

truth = typer.Typer(help="Keep the ground truth of documents.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="The dataset's id or name.")]


@command(truth, "create")
def create(
    client: Client,
    name: Annotated[str, typer.Argument(help="A human name.")],
    file: Annotated[Path | None, typer.Argument(help="Documents as .jsonl or .csv.")] = None,
    *,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="A JSON file of fields; inferred without.")
    ] = None,
    if_absent: Annotated[
        bool,
        typer.Option(
            "--if-absent", help="Take the dataset of that name as it is, if there is one."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Create a dataset, fill it from a file, and print its id.

    A line of a .jsonl file is {"document_id": …, "expected_data": {…}, "notes": …}; a .csv file has
    a column document_id, a column for each field, and maybe one notes.
    """
    fields = _read_schema(schema) if schema else None
    if file is not None:
        check_file(file, TEXTS)
    with deferred() as passed_on:
        made = client.ground_truth.create(name, if_absent=if_absent)
    if made.document_count or made.user_schema_id:  # it was there
        err.print(
            f"{escape(name)} is there, with {counted(made.document_count, 'document')}", style="dim"
        )
        print_made(made, made.dataset_id, as_json=as_json)
        return
    try:
        passed_on()
        if fields:
            with deferred() as passed_on:  # a schema that no dataset names would not be found again
                schema_id = _stored_schema(client, name, fields)
                client.ground_truth.update(made.dataset_id, user_schema_id=schema_id)
            passed_on()
        if file is not None:
            done = client.ground_truth.import_entries(made.dataset_id, file)
            _tell(done)
            if not done.imported:
                raise BadInput("No row of the file has a document_id. Give each document one.")
    except BaseException as error:  # an interrupt too
        # Nothing was stored; a dataset without documents would only be in the way.
        take_back(error, name, lambda: _delete(client, made.dataset_id))
        raise
    print_made(client.ground_truth.get(made.dataset_id), made.dataset_id, as_json=as_json)


@command(truth, "import")
def import_file(
    client: Client,
    dataset: Dataset,
    file: Annotated[Path, typer.Argument(help="Documents as .jsonl or .csv.")],
    *,
    as_json: Json = False,
) -> None:
    """Add the documents of a file: all of them, or none where anything is wrong."""
    dataset_id = dataset_id_of(client, dataset)
    try:
        done = client.ground_truth.import_entries(dataset_id, file)
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        error.add_note(
            "All documents of the file are stored, or none; the same command stores those that are"
            " not there yet."
        )
        raise
    if as_json:
        print_json(done)
    else:
        _tell(done)


@command(truth, "list")
def list_datasets(client: Client, as_json: Json = False) -> None:
    """List datasets, newest first."""

    def cells(one: GroundTruthDataset) -> Sequence[str]:
        schema, changed = one.user_schema_id or "inferred", f"{one.updated_at:%Y-%m-%d %H:%M}"
        return one.dataset_id, escape(one.name), f"{one.document_count:,}", schema, changed

    columns = ("dataset", "name", "documents", "schema", "changed")
    print_items(client.ground_truth.list(), columns, cells, as_json=as_json)


@command(truth, "delete")
def delete(client: Client, dataset: Dataset) -> None:
    """Delete a dataset with its documents; benchmarks keep what they were made with."""
    found = client.ground_truth.get(dataset_id_of(client, dataset))
    client.ground_truth.delete(found.dataset_id)
    out.print(
        f"{escape(found.name)} ({found.dataset_id}) is deleted with"
        f" {counted(found.document_count, 'document')}"
    )


@command(truth, "schema")
def schema_of(
    client: Client,
    dataset: Dataset,
    *,
    new: Annotated[
        Path | None, typer.Option("--set", help="A JSON file of fields, to be used from now on.")
    ] = None,
) -> None:
    """Print the schema of a dataset as JSON, which can be edited and given back with --set."""
    fields = _read_schema(new) if new else None
    dataset_id = dataset_id_of(client, dataset)
    if fields:
        name = client.ground_truth.get(dataset_id).name
        with deferred() as passed_on:
            schema_id = _stored_schema(client, name, fields)
            client.ground_truth.update(dataset_id, user_schema_id=schema_id)
        passed_on()
    found = client.ground_truth.schema(dataset_id)
    if found.inferred:
        err.print(f"inferred from {counted(found.documents, 'document')}", style="dim")
    print(json.dumps(found.schema.to_mapping(), indent=2, ensure_ascii=False, default=str))


def _delete(client: Client, dataset_id: str) -> None:
    """Delete a dataset that was just made, and the schema that was made for it."""
    schema_id = client.ground_truth.get(dataset_id).user_schema_id
    client.ground_truth.delete(dataset_id)
    if schema_id:
        client.field_schemas.delete(schema_id)


def _read_schema(file: Path) -> dict[str, Any]:
    """Return what a file says of fields: {"fields": […]}, or the list alone."""
    data = read_json(file)
    if isinstance(data, list):
        data = {"fields": data}
    if not isinstance(data, dict) or not isinstance(data.get("fields"), list):
        raise BadInput(f'{file} is no schema; write {{"fields": [{{"name": …, "type": …}}]}}.')
    return data


def _stored_schema(client: Client, name: str, data: dict[str, Any]) -> str:
    unknown = sorted(set(data) - {"fields", "distinct_empties"})
    if unknown:
        raise BadInput(
            f"'{unknown[0]}' is no part of a schema; there are fields, distinct_empties."
        )
    made = client.field_schemas.create(
        name, data["fields"], distinct_empties=data.get("distinct_empties", ())
    )
    return made.user_schema_id


def _tell(done: Imported) -> None:
    err.print(
        f"{counted(done.imported, 'document')} imported, {done.skipped:,} left out", style="dim"
    )
    for one in done.skipped_rows[:10]:
        name = one.document_id or "no document_id"
        err.print(f"  row {one.row}: {escape(name)}, {one.reason}", style="dim")
