"""Tasks of inference jobs: how inputs are cut, read, predicted and given up, without a pool."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.catalogue.model import declaration_of
from assay.features.inference.input_rows import RowReader
from assay.features.inference.item_content import content_of
from assay.features.inference.job import InferenceKind, PredictStage
from assay.features.inference.job_prediction import predict_inputs
from assay.features.inference.job_spec import MOST_BYTES, InferenceSpec, PredictTask, tasks_of
from assay.features.inference.model import (
    MAX_INLINE_BYTES,
    FinishedInput,
    InputState,
    Item,
    ItemForm,
    NewInput,
    Piece,
)
from assay.kernel.clock import Clock
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.storage.blobs import open_blobs
from assay.learning.explanations.explaining import can_explain
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.trained_versions import SPLITS, model_of

ROWS = 5


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> JobBlobs:
    """Blobs of an organization."""
    return JobBlobs(open_blobs(tmp_path_factory.mktemp("blobs")), "acme")


def spec_of(task_type: TaskType, blobs: JobBlobs, *, explain: bool = False) -> InferenceSpec:
    """Return what a job of a version of a task type runs."""
    model = model_of(task_type)
    data = model.encode()
    declared = declaration_of((), (), task_type)
    return InferenceSpec(
        model_id="m",
        version_id="v",
        artifact=Artifact(
            kind=ArtifactKind.TRAINED,
            blob=blobs.put(data),
            bytes=len(data),
            task_type=task_type,
            labels=model.labels,
        ),
        inputs=declared.inputs,
        output=declared.outputs[0],
        explain=explain,
    )


def file(name: str, data: bytes | object, item: str = "", task_type: Any = None) -> NewInput:
    """Return an input with one file."""
    sent = data if isinstance(data, bytes) else json.dumps(data).encode()
    declared = declaration_of((), (), task_type).inputs[0].name
    one = Item(name=item or declared, form=ItemForm.FILE, size=len(sent), inline=sent)
    return NewInput(name=name, items=(one,))


def predicted(
    task_type: TaskType, contents: list[Any], blobs: JobBlobs, **more: Any
) -> tuple[FinishedInput, ...]:
    """Return what becomes of contents."""
    inputs = tuple(file(f"i{at}", one, task_type=task_type) for at, one in enumerate(contents))
    spec = spec_of(task_type, blobs, **more)
    return predict_inputs(
        PredictTask(first=0, inputs=inputs), spec, ComputeContext(blobs=blobs), Clock()
    )


def document(one: FinishedInput, blobs: JobBlobs) -> Any:
    """Return the output of an input."""
    assert one.error is None, one.error
    (output,) = one.outputs
    assert (output.name, output.media_type) == ("results.json", "application/json")
    if output.inline is not None:
        return json.loads(output.inline)
    return json.loads(blobs.read(output.blob or ""))


def contents_of(task_type: TaskType) -> list[Any]:
    """Return rows to predict as their senders have them."""
    rows = SPLITS[task_type]()["test"].slice(0, ROWS).to_pylist()
    if task_type is TaskType.TEXT_CLASSIFICATION:
        return [row["pages"][0].encode() for row in rows]
    if task_type is TaskType.IMAGE_CLASSIFICATION:
        return [row["image"] for row in rows]
    answers = {"row_id", "label", "target", "labels"}
    return [{key: value for key, value in row.items() if key not in answers} for row in rows]


@pytest.mark.parametrize("task_type", list(TaskType))
def test_a_row_is_predicted_as_its_model_does(task_type: TaskType, blobs: JobBlobs) -> None:
    """Every kind of trained version takes its own content, and tells what its model predicts."""
    batch = SPLITS[task_type]()["test"].slice(0, ROWS).combine_chunks().to_batches()[0]
    found: Any = model_of(task_type).predict(batch)
    told = [document(one, blobs) for one in predicted(task_type, contents_of(task_type), blobs)]
    assert all(set(one) == {"modelType", "result", "explanation"} for one in told)
    assert {one["modelType"] for one in told} == {
        {
            "text_classification": "textClassification",
            "image_classification": "imageClassification",
            "tabular_classification": "tabularClassification",
            "tabular_regression": "tabularRegression",
            "extraction": "extraction",
        }[task_type]
    }
    for row, one in enumerate(told):
        result = one["result"]
        if task_type is TaskType.EXTRACTION:
            assert result["fields"] == dict(found.fields[row])
            assert set(result["confidence"]) == set(result["fields"])
        elif task_type is TaskType.TABULAR_REGRESSION:
            assert result == {"value": pytest.approx(float(found.values[row]))}
        else:
            scores = {each["class"]: each["score"] for each in result["classPredictions"]}
            wanted = dict(zip(found.labels, found.probabilities[row].tolist(), strict=True))
            assert scores == pytest.approx(wanted)


def png(width: int, height: int) -> bytes:
    """Return an image whose head says a size, with the pixels of a small one."""
    sink = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(sink, "PNG")
    data = bytearray(sink.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


GOOD_IMAGE = contents_of(TaskType.IMAGE_CLASSIFICATION)[0]
GOOD_ROW = contents_of(TaskType.TABULAR_REGRESSION)[0]


@pytest.mark.parametrize(
    ("task_type", "content", "says"),
    [
        (TaskType.IMAGE_CLASSIFICATION, b"", "empty"),
        (TaskType.IMAGE_CLASSIFICATION, b"GIF89a....", "no image"),
        (TaskType.IMAGE_CLASSIFICATION, GOOD_IMAGE[:90], "damaged"),
        (TaskType.IMAGE_CLASSIFICATION, png(30_000, 30_000), "pixels"),
        (TaskType.TABULAR_REGRESSION, b"{", "no JSON"),
        (TaskType.TABULAR_REGRESSION, b"[1]", "no object"),
        (TaskType.TABULAR_REGRESSION, b'{"age": 1, "age": 2}', "twice"),
        (TaskType.TABULAR_REGRESSION, b'{"age": NaN}', "NaN"),
        (TaskType.TABULAR_REGRESSION, {"row_id": "1"}, "row_id"),
        (TaskType.TABULAR_REGRESSION, {**GOOD_ROW, "age": "old"}, "age"),
        (TaskType.TABULAR_REGRESSION, {"age": 4}, "not there"),
        (TaskType.TABULAR_REGRESSION, b"[" * 100_000, "nested too deeply"),
        (TaskType.EXTRACTION, {"words": "a text"}, "words"),
        (TaskType.EXTRACTION, {"words": ["a"], "boxes": [[1, 2]]}, "boxes"),
        (TaskType.EXTRACTION, {"lines": []}, "words"),
        (TaskType.TEXT_CLASSIFICATION, b"\xff\xff", "utf-8"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_wrong_content_is_told_of_and_leaves_the_others_alone(
    task_type: TaskType, content: Any, says: str, blobs: JobBlobs
) -> None:
    """Between two good inputs a wrong one fails with its reason."""
    good = contents_of(task_type)[0]
    first, wrong, last = predicted(task_type, [good, content, good], blobs)
    assert (first.state, wrong.state, last.state) == (
        InputState.SUCCESSFUL, InputState.FAILED, InputState.SUCCESSFUL,
    )  # fmt: skip  # one an input
    assert says in (wrong.error or "")
    assert not wrong.outputs
    assert document(first, blobs) == document(last, blobs)


def test_objects_with_other_keys_stand_beside_each_other(blobs: JobBlobs) -> None:
    """An input may have features that the model does not know, in any order, and others not."""
    content = contents_of(TaskType.TABULAR_REGRESSION)[0]
    turned = dict(reversed(content.items()))
    more = {**content, "unknown": "x"}
    told = [
        document(one, blobs)
        for one in predicted(TaskType.TABULAR_REGRESSION, [content, turned, more], blobs)
    ]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("task_type", [one for one in TaskType if can_explain(one)])
def test_an_output_is_explained_where_that_was_asked(task_type: TaskType, blobs: JobBlobs) -> None:
    """With explain each output has an explanation, and its result is the same as without."""
    contents = contents_of(task_type)
    plain = [document(one, blobs) for one in predicted(task_type, contents, blobs)]
    explained = [
        document(one, blobs) for one in predicted(task_type, contents, blobs, explain=True)
    ]
    assert all(one["explanation"] is None for one in plain)
    assert all(one["explanation"] for one in explained)
    assert [one["result"] for one in plain] == [one["result"] for one in explained]


def test_a_large_output_is_a_blob(blobs: JobBlobs) -> None:
    """An output of more than is kept in a row rests as a blob, whole."""
    text = " ".join(f"word{at}" for at in range(2_000)).encode()
    small, large = predicted(TaskType.TEXT_CLASSIFICATION, [b"hej", text], blobs, explain=True)
    assert small.outputs[0].blob is None
    (output,) = large.outputs
    assert output.size > MAX_INLINE_BYTES
    assert output.inline is None
    assert len(blobs.read(output.blob or "")) == output.size
    assert document(large, blobs)["modelType"] == "textClassification"


def test_an_output_over_its_declared_size_fails_its_input_alone(blobs: JobBlobs) -> None:
    """What the version says an output has at most holds: the input fails with both sizes, and is not stored."""
    task_type = TaskType.TEXT_CLASSIFICATION
    spec = spec_of(task_type, blobs, explain=True)
    spec = replace(spec, output=replace(spec.output, maximum_size=MAX_INLINE_BYTES))
    texts = [b"hej", " ".join(f"word{at}" for at in range(2_000)).encode()]
    inputs = tuple(file(f"i{at}", one, task_type=task_type) for at, one in enumerate(texts))
    task = PredictTask(first=0, inputs=inputs)
    small, large = predict_inputs(task, spec, ComputeContext(blobs=blobs), Clock())
    assert (small.state, large.state) == (InputState.SUCCESSFUL, InputState.FAILED)
    assert f"at most {MAX_INLINE_BYTES}" in (large.error or "")
    assert not large.outputs


def test_tasks_grow_and_are_bounded() -> None:
    """Tasks of 1, 2, 4 … 64 inputs hold all of them in order, and of large inputs few."""
    inputs = [file(f"i{at}", b"x") for at in range(1_000)]
    tasks = list(tasks_of(inputs))
    assert [len(one.inputs) for one in tasks[:8]] == [1, 2, 4, 8, 16, 32, 64, 64]
    assert len(tasks) == 21
    assert [one for task in tasks for one in task.inputs] == inputs
    assert all(one.last + 1 == two.first for one, two in itertools.pairwise(tasks))
    large = [file(f"i{at}", b"x" * (MOST_BYTES // 2 + 1)) for at in range(5)]
    assert [len(one.inputs) for one in tasks_of(large)] == [1] * 5
    assert max(len(one.inputs) for one in tasks_of(inputs, explain=True)) == 16
    assert list(tasks_of([])) == []


def test_an_input_that_ends_its_process_fails_alone() -> None:
    """A task is told apart by its inputs; the one that cannot be run fails with the reason."""
    stage = PredictStage()
    task = PredictTask(first=7, inputs=tuple(file(name, b"x") for name in "abc"))
    parts = stage.apart(task)
    assert [(one.first, one.last) for one in parts] == [(7, 7), (8, 8), (9, 9)]
    left = stage.given_up(parts[1])
    (finished,) = left.writes
    assert isinstance(finished, FinishedInput)
    assert (finished.position, finished.name, finished.state) == (8, "b", InputState.FAILED)
    assert "ended twice" in (finished.error or "")
    assert stage.together([left.partial] * 3).inputs == 3
    for event in left.events:
        InferenceKind().check_emitted(event)


def test_form_feeds_divide_the_pages_of_a_text(blobs: JobBlobs) -> None:
    """A text is the pages that a row of a dataset may be, so that a version reads as many of both."""
    reader = RowReader(
        task_type=TaskType.TEXT_CLASSIFICATION,
        inputs=declaration_of((), (), TaskType.TEXT_CLASSIFICATION).inputs,
        kinds={},
    )
    texts = [b"so it goes", b"so\fit\n\fgoes", b"", b"\f" * 20_000]
    task_type = TaskType.TEXT_CLASSIFICATION
    inputs = [(at, file("a", one, task_type=task_type)) for at, one in enumerate(texts)]
    (rows,) = reader.read(inputs, blobs, {})
    *pages, many = rows.batch.column("pages").to_pylist()
    assert pages == [["so it goes"], ["so", "it\n", "goes"], [""]]
    assert (len(many), len(many[-1])) == (10_000, 10_001)


def test_a_content_in_pieces_is_one(blobs: JobBlobs) -> None:
    """The pieces of an item are read as one content, also where they cut a character."""
    text = "Århus på søndag".encode()
    blob = blobs.put(b"..." + text)
    pieces = (Piece(blob=blob, offset=3, size=1), Piece(blob=blob, offset=4, size=len(text) - 1))
    item = Item(name="input.txt", form=ItemForm.FILE, size=len(text), pieces=pieces)
    assert content_of(item, blobs).text() == "Århus på søndag"
