"""`assay predict`: the rows of a file, predicted by a version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.console import err
from assay.cli.name_lookup import model_of
from assay.client import BadInput, Client

FORMS = ("jsonl", "csv")


def predict(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    file: Annotated[
        Path,
        typer.Argument(help="Rows as a dataset has them, with or without what is learned."),
    ],
    *,
    version: Annotated[
        str, typer.Option("--version", "-v", help="Id, label or N.0.0; the promoted one without.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", "-f", help="jsonl or csv; that of --out without.")
    ] = "",
    scores: Annotated[
        bool, typer.Option("--scores", help="Tell the probability of every class.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--out", help="A file to write, instead of standard output.")
    ] = None,
) -> None:
    """Predict the rows of a file with a version of whatever kind: trained here, ONNX or remote.

    The service predicts; nothing is stored there or downloaded. What is written of a classification
    or a regression is a file of predictions, which with --scores `assay evaluate` takes if the rows
    had their labels; of an extraction it is one that `assay bench run` takes.
    """
    form = form or ("csv" if to is not None and to.suffix.lower() == ".csv" else "jsonl")
    if form not in FORMS:
        raise BadInput(f"'{form}' is no format; {' and '.join(FORMS)} are written.")
    found = model_of(client, model)
    parts = client.predictions.file(
        found.model_id, file, version_id=version, form=form, scores=scores
    )
    if to is None:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    unfinished = to.with_name(f"{to.name}.part")  # a part of the predictions is none
    try:
        with unfinished.open("wb") as opened:
            opened.writelines(parts)
        unfinished.replace(to)
    except OSError as error:
        raise BadInput(f"{to} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    err.print(f"wrote {to}", style="dim", markup=False)
