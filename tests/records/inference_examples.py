"""Examples of the records that inference jobs store, for the test of golden bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.inference.events import InputFinished
from assay.features.inference.job import Predicted
from assay.features.inference.job_spec import (
    FetchTask,
    InferenceResult,
    InferenceSpec,
    Manifest,
    PredictTask,
    SealedAccess,
)
from assay.features.inference.model import (
    FinishedInput,
    InputOutput,
    InputState,
    Item,
    ItemForm,
    NewInput,
    Piece,
)
from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.kernel.object_storage import ObjectLocation
from assay.learning.rows import TaskType
from assay.records import Record

_ITEM = Item(
    name="input.txt",
    form=ItemForm.FILE,
    size=3,
    media_type="text/plain",
    pieces=(Piece(blob="sha256:aa", offset=7, size=3),),
)
_INPUT = NewInput(name="é", items=(_ITEM,))
_OBJECT = Item(
    name="input.txt",
    form=ItemForm.FILE,
    size=0,
    location=ObjectLocation(bucket="box", key="k"),
)
_TO_FETCH = NewInput(name="o", items=(_OBJECT,))
_WHEN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)

INFERENCE: tuple[tuple[Record, bytes], ...] = (
    (
        InferenceSpec(
            model_id="m",
            version_id="v",
            artifact=Artifact(
                kind=ArtifactKind.TRAINED,
                blob="sha256:aa",
                bytes=9,
                task_type=TaskType.TEXT_CLASSIFICATION,
                labels=("a", "b"),
            ),
            inputs=(DeclaredInput(name="input.txt", media_types=("text/plain",)),),
            output=DeclaredOutput(name="results.json"),
            explain=False,
            storage=SealedAccess(endpoint="", region="us-east-1", keys="s1.x"),
            manifest=Manifest(inputs=(NewInput(name="i", items=()),)),
        ),
        (
            b'{"artifact":{"blob":"sha256:aa","bytes":9,"credentials":"","kind":"trained","labels":["a","b"],'
            b'"learning_version":"","libraries":{},"onnx":null,"remote":null,"task_type":"text_classification"},"expla'
            b'in":false,"inputs":[{"description":"","maximum_size":104857600,"media_types":['
            b'"text/plain"],"name":"input.txt"}],"manifest":{"inputs":[{"items":[],"name":"i'
            b'"}]},"manifest_blob":null,"model_id":"m","output":{"description":"","maximum_s'
            b'ize":104857600,"media_type":"application/json","name":"results.json"},"storage'
            b'":{"endpoint":"","keys":"s1.x","region":"us-east-1"},"version_id":"v"}'
        ),
    ),
    (
        PredictTask(first=7, inputs=(_INPUT,)),
        (
            '{"first":7,"inputs":[{"items":[{"form":"file","inline":null,"location":null,"me'
            'dia_type":"text/plain","name":"input.txt","pieces":[{"blob":"sha256:aa","offset":7,"size":3}]'
            ',"size":3}],"name":"é"}]}'
        ).encode(),
    ),
    (
        FetchTask(first=0, inputs=(_TO_FETCH,)),
        (
            b'{"first":0,"inputs":[{"items":[{"form":"file","inline":null,"location":{"bucket'
            b'":"box","key":"k"},"media_type":"","name":"input.txt","pieces":[],"size":0}],"nam'
            b'e":"o"}]}'
        ),
    ),
    (InferenceResult(inputs=3), b'{"inputs":3}'),
    (Predicted(inputs=3), b'{"inputs":3}'),
    (
        InputFinished(
            position=7, input_name="é", status="FAILED", engine="pool-1", elapsed_ms=3, error="no"
        ),
        (
            '{"elapsed_ms":3,"engine":"pool-1","error":"no","input_name":"é","position":7,"'
            'status":"FAILED"}'
        ).encode(),
    ),
    (
        FinishedInput(
            position=7,
            name="é",
            state=InputState.SUCCESSFUL,
            engine="pool-1",
            started_at=_WHEN,
            ended_at=_WHEN,
            elapsed_ms=0,
            outputs=(
                InputOutput(
                    name="results.json", media_type="application/json", size=2, inline="{}"
                ),
            ),
        ),
        (
            '{"elapsed_ms":0,"ended_at":"2026-01-02T03:04:05.678000Z","engine":"pool-1","er'
            'ror":null,"name":"é","outputs":[{"blob":null,"inline":"{}","media_type":"appli'
            'cation/json","name":"results.json","size":2}],"position":7,"started_at":"2026-'
            '01-02T03:04:05.678000Z","state":"SUCCESSFUL"}'
        ).encode(),
    ),
)
