"""`assay infer` and `assay results`: inputs sent to a model, and what it made of each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from assay.cli.connection import Json
from assay.cli.console import NOT_MET, err, print_json, show
from assay.cli.inference_tables import as_json_line, conclusion, live_results, result_table
from assay.cli.masks import mask_drawing
from assay.cli.name_lookup import model_of
from assay.client import BadInput, Client, ServiceUnavailable
from assay.client.inferring import Content
from assay.client.types import InferenceJob, InferenceResult

Masks = Annotated[
    Path | None,
    typer.Option("--png", help="A folder to draw what moved the prediction of each image into."),
]


def infer(
    client: Client,
    model: Annotated[str, typer.Argument(help="The model: its project path or its id.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files, each an input that is named after it: a text, an image, or a JSON object"
            " of features."
        ),
    ] = None,
    *,
    text: Annotated[
        list[str] | None, typer.Option("--text", "-t", help="A text as an input; repeat for more.")
    ] = None,
    version: Annotated[
        str,
        typer.Option(
            "--version", "-v", help="Id, label or N.0.0; the promoted or the newest one without."
        ),
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Ask what moved each prediction.")
    ] = False,
    png: Masks = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.0, help="Seconds after which the job ends; 0: none.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Send inputs to a model and show the result of each as soon as it is there.

    An input that cannot be read fails alone. An interrupt ends the waiting alone: the job goes on,
    and `assay results` shows what it found.

    Exit codes: 0 all inputs succeeded, 1 one failed, 2 the usage or what is asked for is wrong;
    `assay --help` tells of all.
    """
    inputs = named_inputs(files or [], text or [])
    drawing = None if png is None else mask_drawing(png)
    found = model_of(client, model)
    submitted: list[InferenceJob] = []
    results = client.infer(
        found.model_id,
        inputs,
        version=version,
        explain=explain or png is not None,
        timeout_ms=milliseconds(timeout),
        on_submitted=submitted.append,
    )
    with going_on(submitted):
        told = shown(results, submitted, len(inputs), as_json=as_json)
        ended = client.inference.get(submitted[0].job_id)
    images = {name: one for name, one in inputs.items() if isinstance(one, Path)}
    concluded(ended, told, drawing and partial(drawing, told, images), as_json=as_json)


def results(
    client: Client,
    job: Annotated[str, typer.Argument(help="The job's id.")],
    *,
    name: Annotated[str, typer.Option("--input", "-i", help="One input alone.")] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for inputs that have not finished.")
    ] = True,
    png: Masks = None,
    images: Annotated[
        Path,
        typer.Option("--images", help="Of --png: the folder of the images, named as the inputs."),
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Show the results of a job, those of a running one as they come.

    Exit codes: 0 all inputs succeeded, 1 one failed, 2 there is no such job or input.
    """
    drawing = None if png is None else mask_drawing(png)
    standing = client.inference.get(job)
    if name:
        one = client.inference.whole(job, client.inference.result(job, name))
        told = shown(iter([one]), [standing], 1, as_json=as_json)
    elif wait:
        with going_on([standing]):
            told = shown(client.inference.watch(job), [standing], standing.total, as_json=as_json)
            standing = client.inference.get(job)
    else:
        told = shown(client.inference.results(job), [standing], standing.total, as_json=as_json)
    files = {one.input_name: images / Path(one.input_name).name for one in told}
    concluded(standing, told, drawing and partial(drawing, told, files), as_json=as_json)


def milliseconds(timeout: float) -> int:
    """Return seconds as whole milliseconds, one at least of any time; raises BadInput."""
    if not math.isfinite(timeout):
        raise BadInput("--timeout is a number of seconds; 0 is no limit.")
    return math.ceil(timeout * 1000)


def named_inputs(files: Iterable[Path], texts: Iterable[str]) -> dict[str, Content]:
    """Return inputs by name: files by theirs, texts by their number; raises BadInput."""
    inputs: dict[str, Content] = {}
    for file in files:
        if not file.is_file():
            raise BadInput(f"{file} is no file that can be read.")
        if file.name in inputs:
            raise BadInput(f"Two files are called {file.name}; inputs are named after them.")
        inputs[file.name] = file
    for number, text in enumerate(texts, start=1):
        name = f"text-{number}"
        if name in inputs:
            raise BadInput(f"A file is called {name}, as the --text of that number is; rename it.")
        inputs[name] = text
    if not inputs:
        raise BadInput("Nothing is to be predicted: name files, or give a --text.")
    return inputs


@contextmanager
def going_on(jobs: Sequence[InferenceJob]) -> Iterator[None]:
    """Note on an interrupt, or on a connection that is lost, inside the block what goes on.

    The job is the first of `jobs`, which is there once the service has taken it.
    """
    try:
        yield
    except (KeyboardInterrupt, ServiceUnavailable) as error:
        if jobs:
            job = jobs[0].job_id
            error.add_note(
                f"Job {job} goes on: `assay results {job}` shows what it found, `assay jobs cancel"
                f" {job}` ends it."
            )
        elif isinstance(error, KeyboardInterrupt):
            error.add_note(
                "The service had not answered yet: if it has the inputs, their job goes on, and"
                " `assay jobs list --kind inference` shows it."
            )
        raise


def shown(
    results: Iterable[InferenceResult], jobs: Sequence[InferenceJob], total: int, *, as_json: bool
) -> list[InferenceResult]:
    """Show results as they come, on a terminal a table of them; return them all.

    Their job is the first of `jobs`, which is there once a result is.
    """
    told = []
    with live_results(err, total, hidden=as_json) as draw:
        for result in results:
            told.append(result)
            if as_json:
                print_json(as_json_line(jobs[0].job_id, result))
            draw(result)
    return told


def concluded(
    job: InferenceJob,
    told: list[InferenceResult],
    draw: Callable[[], None] | None,
    *,
    as_json: bool,
) -> None:
    """Print all results and how the job stands, and draw what is to be drawn of them.

    Raises Exit where an input or the job failed.
    """
    if not as_json:
        show(result_table(told))
        err.print(conclusion(job), markup=False)
    if draw is not None:
        draw()
    has_failed = any(one.status == "FAILED" for one in told)
    if has_failed or job.status in {"CANCELED", "TIMEDOUT", "ERROR"}:
        raise typer.Exit(NOT_MET)
