"""`assay datasets`: rows to learn from and to measure on, stored with splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assay.cli.connection import Json, command
from assay.cli.console import counted, err, number, out, print_items, print_json, print_made
from assay.cli.interrupted import deferred
from assay.client import BadInput, Client, ServiceUnavailable
from assay.client.files import TABLES, TEXTS, check_file
from assay.client.types import Dataset, DatasetRevision, DatasetSplit, SplitChange, SplitProfile

datasets = typer.Typer(
    help="Store rows to learn from and to measure on, with splits.", no_args_is_help=True
)

DatasetKey = Annotated[str, typer.Argument(help="The dataset's id or name.")]
SPLITS = ("train", "validation", "test")
MOST_LABELS = 20  # shown of one split


@command(datasets, "create")
def create(
    client: Client,
    name: Annotated[str, typer.Argument(help="A human name, unique in the organization.")],
    *,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            help="tabular_classification, tabular_regression, text_classification,"
            " image_classification or extraction.",
        ),
    ],
    description: Annotated[str, typer.Option("--description", help="Free text.")] = "",
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Take the dataset of that name, if there is one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create a dataset without rows and print its id."""
    with deferred() as passed_on:
        made = client.datasets.create(name, task, description=description, if_absent=if_absent)
    print_made(made, made.dataset_id, as_json=as_json)
    passed_on()


@command(datasets, "upload")
def upload(
    client: Client,
    dataset: DatasetKey,
    split: Annotated[str, typer.Argument(help="train, validation or test.")],
    file: Annotated[Path, typer.Argument(help="CSV, JSON Lines, Parquet or Arrow file of rows.")],
    *,
    as_json: Json = False,
) -> None:
    """Store the rows of a file as a split: all of them, or none where anything is wrong.

    Columns: row_id and maybe group, and by the task text or pages and label; image (PNG or JPEG, in
    JSON and CSV as base64) and label; words, labels (O for no field) and maybe boxes; or features
    of any name and label or target.
    """
    check_file(file, {**TEXTS, **TABLES})
    try:
        changed = client.datasets.upload(dataset, split, file)
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        error.add_note("The split has all rows of the file, or is what it was before.")
        raise
    _show_change(changed, as_json=as_json)


@command(datasets, "split")
def split_up(
    client: Client,
    dataset: DatasetKey,
    shares: Annotated[
        list[str], typer.Argument(help="Such as validation=0.1 test=0.2; the rest stays.")
    ],
    *,
    source: Annotated[
        str, typer.Option("--source", help="The split whose rows are shared out.")
    ] = "train",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides which rows go where.")] = 0,
    stratified: Annotated[
        bool | None,
        typer.Option(
            "--stratified/--no-stratified",
            help="Share out each class by the fractions; so by default where rows have one.",
        ),
    ] = None,
    grouped: Annotated[
        bool | None,
        typer.Option(
            "--grouped/--no-grouped",
            help="Keep the rows of a group together; so by default where rows have groups.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace splits that are there already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make splits from one, by a seed; what is not given away stays in it."""
    changed = client.datasets.make_splits(
        dataset,
        dict(map(_share, shares)),
        source=source,
        seed=seed,
        stratified=stratified,
        grouped=grouped,
        replace=replace,
    )
    _show_change(changed, as_json=as_json)


@command(datasets, "list")
def list_datasets(client: Client, as_json: Json = False) -> None:
    """List datasets, newest first."""

    def cells(one: Dataset) -> Sequence[str]:
        changed = f"{one.updated_at:%Y-%m-%d %H:%M}"
        return one.dataset_id, escape(one.name), one.task_type, _rows(one.splits), changed

    columns = ("dataset", "name", "task", "rows", "changed")
    print_items(client.datasets.list(), columns, cells, as_json=as_json)


@command(datasets, "show")
def show(
    client: Client,
    dataset: DatasetKey,
    *,
    revision: Annotated[
        int, typer.Option("--revision", min=0, help="A revision; the newest without.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Show what the splits of a dataset hold, and what speaks against learning from them."""
    found = client.datasets.get(dataset)
    profile = (
        client.datasets.profile(found.dataset_id, revision=revision) if found.revision else None
    )
    if as_json:
        print_json(profile or found)
        return
    out.print(f"[bold]{escape(found.name)}[/]  {found.dataset_id}  {found.task_type}")
    if profile is None:
        out.print("  no rows yet; `assay datasets upload` stores a split")
        return
    out.print(f"  revision {profile.revision} of {found.revision}")
    for split in profile.splits:
        _show_split(split)
    _warn(profile.warnings)


@command(datasets, "revisions")
def revisions(client: Client, dataset: DatasetKey, *, as_json: Json = False) -> None:
    """List the revisions of a dataset, newest first."""

    def cells(one: DatasetRevision) -> Sequence[str]:
        made = f"{one.created_at:%Y-%m-%d %H:%M}"
        return str(one.revision), _rows(one.splits), one.content_hash[:16], made

    print_items(
        client.datasets.revisions(dataset),
        ("revision", "rows", "content", "made"),
        cells,
        as_json=as_json,
    )


@command(datasets, "delete")
def delete(
    client: Client,
    dataset: DatasetKey,
    *,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="With its rows, in all revisions.")
    ] = False,
) -> None:
    """Delete a dataset; one that has rows goes with --cascade alone."""
    found = client.datasets.get(dataset)
    if found.revision and not cascade:
        raise BadInput(
            f"The dataset '{found.name}' has rows ({_rows(found.splits)}); --cascade deletes them too."
        )
    client.datasets.delete(found.dataset_id, cascade=cascade)
    out.print(f"{escape(found.name)} ({found.dataset_id}) is deleted")


def _share(text: str) -> tuple[str, float]:
    name, equals, fraction = text.partition("=")
    try:
        if equals:
            return name, float(fraction)
    except ValueError:
        pass
    raise typer.BadParameter(f"'{text}' is no share; write them as test=0.2")


def _rows(splits: Mapping[str, DatasetSplit]) -> str:
    return ", ".join(f"{splits[n].rows:,} {n}" for n in SPLITS if n in splits) or "none"


def _show_change(changed: SplitChange, *, as_json: bool) -> None:
    if as_json:
        print_json(changed)
        return
    revision = changed.revision
    assert revision is not None, "a change without a revision is an error of the client"
    out.print(f"revision {revision.revision} of {changed.dataset_id}: {_rows(revision.splits)}")
    _warn(changed.warnings)


def _show_split(split: SplitProfile) -> None:
    out.print(
        f"\n[bold]{split.split}[/]  {counted(split.rows, 'row')}, {split.bytes / 1e6:,.1f} MB"
    )
    if split.repeated_rows:
        out.print(f"  {counted(split.repeated_rows, 'row')} have the content of a row before them")
    for one in split.lengths:
        out.print(f"  {one.unit:<11} {one.least:,.0f} to {one.most:,.0f}, mean {one.mean:,.1f}")
    for label in split.labels[:MOST_LABELS]:
        out.print(f"  {label.rows:>11,} {escape(label.label)}")
    if len(split.labels) > MOST_LABELS:
        out.print(f"  … and {len(split.labels) - MOST_LABELS} more labels")
    if split.features:
        table = Table("feature", "kind", "missing", "least", "greatest", box=None, pad_edge=False)
        for feature in split.features:
            ends = ("" if end is None else number(end) for end in (feature.least, feature.most))
            table.add_row(escape(feature.name), feature.kind, f"{feature.missing:,}", *ends)
        out.print(table)


def _warn(warnings: Sequence[str]) -> None:
    for one in warnings:
        err.print(f"[yellow]warning:[/] {escape(one)}")
