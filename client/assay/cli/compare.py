"""`assay compare`: what one version has over another, and whether that is more than chance."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.comparison_report import comparison_report
from assay.cli.connection import Json
from assay.cli.console import err
from assay.cli.max_drop import PROMOTED, MaxDrop, metric_drops
from assay.cli.metric_direction import better, catalogue_of, require_direction
from assay.cli.name_lookup import model_id_of
from assay.cli.requirement import conclude
from assay.client import BadInput, Client, PermissionDenied
from assay.client.types import Comparison

MaxDrops = Annotated[
    list[str] | None,
    typer.Option(
        "--max-drop",
        help="How much worse a metric may be, such as 'roc_auc=0.01'; repeat for more.",
    ),
]


def compare(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    version_a: Annotated[str, typer.Argument(help="The base: an id, or 'promoted'.")],
    version_b: Annotated[str, typer.Argument(help="What is compared with it, likewise.")],
    *,
    require_better: Annotated[
        list[str] | None,
        typer.Option(
            "--require-better", "-r", help="A metric that b must have better; repeat for more."
        ),
    ] = None,
    max_drop: MaxDrops = None,
    tests: Annotated[
        bool, typer.Option("--tests/--no-tests", help="Test the two on the same rows.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Compare two versions on the test split, and say whether b is better than chance allows.

    A version is an id, or `promoted` for the one that is served. With --require-better b must be better by the metric, and where both were measured on the same
    rows, the 95 % interval of the difference, which most metrics have, must not hold 0. With
    --max-drop b may be worse than a by no more, whatever chance explains.

    Exit codes: 0 what is required holds, 1 it does not, 2 the usage is wrong; `assay --help` tells
    of all.
    """
    required = require_better or []
    catalogue = catalogue_of(client)
    drops = [MaxDrop.parse(text, needs_name=True) for text in max_drop or []]
    require_direction([*required, *(one.name for one in drops)], catalogue)
    model = model_id_of(client, model)
    a, b = (version_of(client, model, text) for text in (version_a, version_b))
    found = _compared(client, model, a, b, tests=tests)
    outcomes = [better(found, metric, catalogue) for metric in required]
    outcomes += metric_drops(drops, found.version_a.metrics, found.version_b.metrics, catalogue)
    conclude(
        outcomes,
        lambda: comparison_report(found, outcomes, catalogue),
        as_json=as_json,
        comparison=found,
    )


def version_of(client: Client, model: str, text: str) -> str:
    """Return a version's id, which `promoted` stands for where one is served; raises BadInput."""
    if text != PROMOTED:
        return text
    found = client.models.get(model).promoted_version_id
    if not found:
        raise BadInput(f"No version of '{model}' is promoted yet; name one, or promote one first.")
    return found


def _compared(client: Client, model: str, a: str, b: str, *, tests: bool) -> Comparison:
    try:
        if tests:
            return client.comparisons.paired(model, a, b)
    except PermissionDenied:
        err.print("The credential may not start tests; only what is stored is shown.", style="dim")
    # Whoever may only read sees what has been tested so far.
    return client.comparisons.get(model, a, b)
