"""`assay runs` and `assay schemas`: stored extractions, and the fields that documents have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from assay.cli.connection import Json, command
from assay.cli.console import counted, out, print_items
from assay.cli.name_lookup import run_id_of, schema_id_of
from assay.client import Client
from assay.client.types import ExtractionRun, FieldSchema

runs = typer.Typer(help="List and delete extraction runs.", no_args_is_help=True)
schemas = typer.Typer(help="List and delete field schemas.", no_args_is_help=True)


@command(runs, "list")
def list_runs(client: Client, as_json: Json = False) -> None:
    """List extraction runs, newest first."""

    def cells(one: ExtractionRun) -> Sequence[str]:
        made = f"{one.created_at:%Y-%m-%d %H:%M}"
        by = " ".join(text for text in (one.model, one.version) if text)
        return one.run_id, escape(one.name), escape(by), f"{one.document_count:,}", made

    columns = ("run", "name", "model", "documents", "created")
    print_items(client.extraction_runs.list(), columns, cells, as_json=as_json)


@command(runs, "delete")
def delete_run(
    client: Client, run: Annotated[str, typer.Argument(help="The run's id or name.")]
) -> None:
    """Delete a run with its extractions; benchmarks keep what they were made with."""
    found = client.extraction_runs.get(run_id_of(client, run))
    client.extraction_runs.delete(found.run_id)
    out.print(
        f"{escape(found.name)} ({found.run_id}) is deleted with"
        f" {counted(found.document_count, 'extraction')}"
    )


@command(schemas, "list")
def list_schemas(client: Client, as_json: Json = False) -> None:
    """List field schemas, newest first."""

    def cells(one: FieldSchema) -> Sequence[str]:
        made = f"{one.created_at:%Y-%m-%d %H:%M}" if one.created_at else ""
        return one.user_schema_id, escape(one.name), f"{len(one.fields)}", made

    columns = ("schema", "name", "fields", "created")
    print_items(client.field_schemas.list(), columns, cells, as_json=as_json)


@command(schemas, "delete")
def delete_schema(
    client: Client, schema: Annotated[str, typer.Argument(help="The schema's id or name.")]
) -> None:
    """Delete a field schema; one that a dataset names stays, and benchmarks keep theirs."""
    schema_id = schema_id_of(client, schema)
    client.field_schemas.delete(schema_id)
    out.print(f"{escape(schema)} ({schema_id}) is deleted")
