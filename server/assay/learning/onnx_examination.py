"""The examination of an ONNX file: checked, opened, and run on example rows."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
from PIL import Image

from assay.learning.errors import BadModelFile, DataError
from assay.learning.onnx_declaration import Known, OnnxDeclaration
from assay.learning.onnx_form import OnnxForm
from assay.learning.onnx_graph import read_graph
from assay.learning.onnx_model import OnnxModel
from assay.learning.onnx_outputs import NotFinite
from assay.learning.onnx_session import RUN_SECONDS, OnnxSession, Stuck
from assay.learning.onnx_settlement import Opened, settle
from assay.learning.predictions import ClassPredictions, ValuePredictions
from assay.learning.rows import IMAGE, PAGES, ROW_ID, canonical_schema

EXAMPLES = 2  # rows


def examine(
    data: bytes,
    declared: OnnxDeclaration,
    known: Known,
    *,
    seconds: float = RUN_SECONDS,
    stuck: Stuck = lambda: None,
) -> OnnxForm:
    """Return how the model of a file reads rows and is read; in compute children alone.

    Args:
        data: The file.
        declared: What its sender says of it.
        known: What the model allows.
        seconds: That opening it, and each run, may take.
        stuck: Ends the process where the model cannot be stopped.

    Raises BadModelFile for a file that is not run, or of which something must be declared.
    """
    graph = read_graph(data)
    session = OnnxSession(graph.runnable, seconds=seconds, stuck=stuck)
    opened = Opened(graph=graph, inputs=session.inputs, outputs=session.outputs)
    form = settle(declared, known, opened)
    model, rows = OnnxModel(form=form, session=session), example_rows(form)
    try:
        among_others, alone = _bits(model.predict(rows)), _bits(model.predict(rows.slice(0, 1)))
    except NotFinite:
        return form  # the rows are made up: zeros, whose logarithm is none
    except DataError as error:
        raise BadModelFile(f"the model does not predict an example row: {error.message}") from error
    if among_others != alone:
        raise BadModelFile(
            "what the model predicts of a row depends on the rows beside it, as where something is "
            "normalized over all of them. Export it so that each row is predicted by itself"
        )
    return form


def _bits(found: ClassPredictions | ValuePredictions) -> bytes:
    """Return the bits of the first row's prediction."""
    numbers = found.probabilities if isinstance(found, ClassPredictions) else found.values
    return numbers[:1].tobytes()


def example_rows(form: OnnxForm) -> pa.RecordBatch:
    """Return canonical rows that a model of the form should predict something of."""
    schema = canonical_schema(form.task_type, form.feature_fields, answers=False)
    content: dict[str, list[Any]] = {ROW_ID: [f"example-{at}" for at in range(EXAMPLES)]}
    for field in form.feature_fields:
        content[field.name] = [0.0, 1.0] if field.type == pa.float64() else ["", "a"]
    content[PAGES] = [["An example of a text."], ["Another one."]]
    if form.image is not None:
        content[IMAGE] = [_picture(form.image.height, form.image.width)] * EXAMPLES
    columns = [pa.array(content[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _picture(height: int, width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (120, 130, 140)).save(file, "PNG")
    return file.getvalue()
