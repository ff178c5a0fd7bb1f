"""`assay versions upload-onnx`: a version of a model out of an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.connection import Json
from assay.cli.console import print_made
from assay.cli.interrupted import deferred
from assay.cli.name_lookup import model_id_of
from assay.cli.resources import ModelId
from assay.client import Client

Numbers = list[float] | None


def upload_onnx(
    client: Client,
    file: Annotated[Path, typer.Argument(help="The file; its name ends in .onnx.")],
    model: ModelId,
    *,
    version_id: Annotated[str, typer.Option("--id", help="An id of your choice.")] = "",
    label: Annotated[str, typer.Option("--label", help="A human label of the version.")] = "",
    task: Annotated[
        str,
        typer.Option(
            "--task",
            help="tabular_classification, tabular_regression, text_classification or"
            " image_classification; as the inputs look without.",
        ),
    ] = "",
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", help="A feature; repeat in the order of the inputs' columns."),
    ] = None,
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="A class; repeat in the order of the scores."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", help="The output that is read, where several could be.")
    ] = "",
    logits: Annotated[
        bool, typer.Option("--logits", help="The scores are those before a softmax.")
    ] = False,
    layout: Annotated[str, typer.Option("--layout", help="Of images: NCHW or NHWC.")] = "",
    height: Annotated[int, typer.Option("--height", help="Of images: pixels.")] = 0,
    width: Annotated[int, typer.Option("--width", help="Of images: pixels.")] = 0,
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Of images: pixels times this; 1/255 without."),
    ] = None,
    mean: Annotated[
        Numbers, typer.Option("--mean", help="Of images: taken off a channel; repeat for each.")
    ] = None,
    std: Annotated[
        Numbers, typer.Option("--std", help="Of images: divides a channel; repeat for each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a version of an ONNX file, wait until it was checked, and print its id.

    The service runs it for evaluations, predictions and inference jobs. Where the file does not say
    how rows become its tensors, the refusal says which option does.
    """
    image: dict[str, Any] = {
        "layout": layout,
        "height": height,
        "width": width,
        "scale": scale,
        "mean": mean or (),
        "std": std or (),
    }
    with deferred() as passed_on:
        made = client.versions.upload_onnx(
            model_id_of(client, model),
            file,
            label=label,
            version_id=version_id,
            task_type=task,
            features=feature or (),
            labels=class_name or (),
            output=output,
            logits=logits,
            image={name: value for name, value in image.items() if value},
        )
    print_made(made, made.version_id, as_json=as_json)
    passed_on()
