"""The prediction of a task's inputs: read, predicted together, and told one by one."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.features.artifacts.output_documents import MEDIA_TYPE, document
from assay.features.artifacts.predictors import open_predictor
from assay.features.datasets.stored_split import FeatureKind
from assay.features.inference.input_rows import Faults, RowReader, Rows
from assay.features.inference.job_spec import InferenceSpec, PredictTask
from assay.features.inference.model import (
    MAX_INLINE_BYTES,
    FinishedInput,
    InputOutput,
    InputState,
    NewInput,
)
from assay.features.models.declared import DeclaredOutput
from assay.kernel.clock import Clock
from assay.kernel.errors import RemoteFailed
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.explanations.explaining import explain_batch, predict_and_explain
from assay.learning.model import Model
from assay.learning.predictions import Predictions
from assay.learning.predictor import Predictor
from assay.learning.rows import NUMBER

Outputs = dict[int, tuple[InputOutput, ...]]  # of inputs by position
Documents = dict[int, dict[str, Any]]  # explanations, likewise

_CHILD = re.compile(r"(?:pool|network|engine)-\d+")  # names of compute processes
NO_MEMORY = (
    "This input needs more memory than a compute process is given. Send less of it, or raise "
    "ASSAY_COMPUTE_MEMORY_BYTES."
)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When a task's inputs ran."""

    started_at: datetime
    ended_at: datetime
    elapsed_ms: int


def predict_inputs(
    task: PredictTask, spec: InferenceSpec, context: ComputeContext, clock: Clock
) -> tuple[FinishedInput, ...]:
    """Return what becomes of each input of a task, in order; a wrong one fails alone."""
    started_at, began = clock.now(), clock.monotonic()
    outputs, faults = _outcomes(task, spec, context)
    timing = Timing(
        started_at=started_at,
        ended_at=clock.now(),
        elapsed_ms=max(0, round((clock.monotonic() - began) * 1000)),
    )
    engine = engine_name()
    return tuple(
        FinishedInput(
            position=position,
            name=one.name,
            state=InputState.FAILED if position in faults else InputState.SUCCESSFUL,
            engine=engine,
            started_at=timing.started_at,
            ended_at=timing.ended_at,
            elapsed_ms=timing.elapsed_ms,
            error=faults.get(position),
            outputs=outputs.get(position, ()),
        )
        for position, one in enumerate(task.inputs, start=task.first)
    )


def engine_name() -> str:
    """Return the name of this compute process, which says nothing of its machine."""
    name = multiprocessing.current_process().name
    return name if _CHILD.fullmatch(name) else "pool-0"


def _outcomes(
    task: PredictTask, spec: InferenceSpec, context: ComputeContext
) -> tuple[Outputs, Faults]:
    predictor = open_predictor(spec.artifact, context)
    inputs = list(enumerate(task.inputs, start=task.first))
    try:
        return _predict(inputs, spec, predictor, context.blobs)
    except MemoryError:
        pass  # what the attempt held is let go before the next one
    outputs: Outputs = {}
    faults: Faults = {}
    for one in inputs:
        try:
            found, wrong = _predict([one], spec, predictor, context.blobs)
        except MemoryError:
            found, wrong = {}, {one[0]: NO_MEMORY}
        outputs |= found
        faults |= wrong
    return outputs, faults


def _predict(
    inputs: Sequence[tuple[int, NewInput]],
    spec: InferenceSpec,
    predictor: Predictor,
    blobs: JobBlobs,
) -> tuple[Outputs, Faults]:
    """Return the outputs of inputs, and why others have none, both by position."""
    outputs: Outputs = {}
    faults: Faults = {}
    for rows in _reader(spec, predictor).read(inputs, blobs, faults):
        for part, found, explained in _told(predictor, rows, spec, faults):
            for at, position in enumerate(part.positions):
                if position not in faults:
                    why = explained.get(position)
                    data = document(spec.artifact.task_type, found, at, why)
                    if len(data) > spec.output.maximum_size:
                        faults[position] = _too_large(spec.output, len(data))
                        continue
                    outputs[position] = (_output(spec.output.name, data, blobs),)
    return outputs, faults


def _reader(spec: InferenceSpec, predictor: Predictor) -> RowReader:
    return RowReader(
        task_type=spec.artifact.task_type,
        inputs=spec.inputs,
        kinds={
            field.name: FeatureKind.NUMBER if field.type == NUMBER else FeatureKind.CATEGORY
            for field in predictor.features
        },
    )


def _told(
    predictor: Predictor, rows: Rows, spec: InferenceSpec, faults: Faults
) -> Iterator[tuple[Rows, Predictions, Documents]]:
    """Yield the predictions of rows, and their explanations by position.

    A trained model is asked for both at once, as it reads each row once for them; where it cannot
    tell of a row, and of others in any case, the row that is to blame is found first.
    """
    if spec.explain and isinstance(predictor, Model):
        try:
            found, whys = predict_and_explain(predictor, rows.batch)
        except DataError:
            pass
        else:
            documents = (why.document() for why in whys)
            yield rows, found, dict(zip(rows.positions, documents, strict=True))
            return
    for part, found in _predicted(predictor, rows, faults):
        yield part, found, _explained(predictor, part, faults) if spec.explain else {}


def _predicted(
    predictor: Predictor, rows: Rows, faults: Faults
) -> Iterator[tuple[Rows, Predictions]]:
    """Yield the predictions of rows; those of which nothing can be predicted are found by halves."""
    try:
        yield rows, predictor.predict(rows.batch)
    except RemoteFailed as error:
        faults |= dict.fromkeys(rows.positions, error.message)
    except DataError as error:
        count = len(rows.positions)
        if count == 1:
            faults[rows.positions[0]] = f"Nothing can be predicted of it: {error.message}."
            return
        for part in (rows.part(0, count // 2), rows.part(count // 2, count)):
            yield from _predicted(predictor, part, faults)


def _explained(predictor: Predictor, rows: Rows, faults: Faults) -> Documents:
    """Return the explanations of rows that were predicted, by position.

    Models from elsewhere are asked about parts of an input, and may refuse one.
    """
    try:
        found = explain_batch(predictor, rows.batch)
    except (DataError, RemoteFailed) as error:
        count = len(rows.positions)
        if count == 1:
            reason = error.message.rstrip(".")
            faults[rows.positions[0]] = f"It cannot be explained: {reason}. Submit without explain."
            return {}
        parts = [rows.part(at, at + 1) for at in range(count)]
        return {
            at: one for part in parts for at, one in _explained(predictor, part, faults).items()
        }
    documents = (one.document() for one in found)
    return dict(zip(rows.positions, documents, strict=True))


def _too_large(declared: DeclaredOutput, size: int) -> str:
    return (
        f"{declared.name}: the output would have {size} bytes; the model gives at most "
        f"{declared.maximum_size}. Send a smaller input, or submit without explain."
    )


def _output(name: str, data: bytes, blobs: JobBlobs) -> InputOutput:
    is_small = len(data) <= MAX_INLINE_BYTES
    return InputOutput(
        name=name,
        media_type=MEDIA_TYPE,
        size=len(data),
        inline=data.decode() if is_small else None,
        blob=None if is_small else blobs.put(data),
    )
