"""`assay compare`: what one version has over another, and whether that is more than chance."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli.comparison_report import comparison_report
from assay.cli.connection import Json
from assay.cli.console import err
from assay.cli.metric_direction import Catalogue, better, catalogue_of, has_direction
from assay.cli.requirement import conclude
from assay.client import BadInput, Client, PermissionDenied
from assay.client.types import Comparison


def compare(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model's id.")],
    version_a: Annotated[str, typer.Argument(help="The base.")],
    version_b: Annotated[str, typer.Argument(help="What is compared with it.")],
    *,
    require_better: Annotated[
        list[str] | None,
        typer.Option(
            "--require-better", "-r", help="A metric that b must have better; repeat for more."
        ),
    ] = None,
    tests: Annotated[
        bool, typer.Option("--tests/--no-tests", help="Test the two on the same rows.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Compare two versions on the test split, and say whether b is better than chance allows.

    With --require-better b must be better by the metric, and where both were measured on the same
    rows, the 95 % interval of the difference, which most metrics have, must not hold 0.

    Exit codes: 0 what is required holds, 1 it does not, 2 the usage is wrong; `assay --help` tells
    of all.
    """
    required = require_better or []
    catalogue = catalogue_of(client)
    for metric in required:
        _check(metric, catalogue)
    found = _compared(client, model, version_a, version_b, tests=tests)
    outcomes = [better(found, metric, catalogue) for metric in required]
    conclude(
        outcomes,
        lambda: comparison_report(found, outcomes, catalogue),
        as_json=as_json,
        comparison=found,
    )


def _check(metric: str, catalogue: Catalogue) -> None:
    if not has_direction(catalogue, metric):
        judged = ", ".join(name for name in catalogue if has_direction(catalogue, name))
        raise BadInput(f"Nothing is better by '{metric}'; there are {judged}.")


def _compared(client: Client, model: str, a: str, b: str, *, tests: bool) -> Comparison:
    try:
        if tests:
            return client.comparisons.paired(model, a, b)
    except PermissionDenied:
        err.print("The credential may not start tests; only what is stored is shown.", style="dim")
    # Whoever may only read sees what has been tested so far.
    return client.comparisons.get(model, a, b)
