"""Predictions of the rows of several requests at once.

Requests of one layout are predicted together. One that cannot be read, or of which nothing can be
predicted, is answered with its refusal and leaves the others alone. What a user sent is decoded in
compute children alone: only raw numbers, whose length was checked, may be predicted elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.predictors import open_predictor
from assay.features.open_inference.contents_convert import (
    numbers_message,
    numbers_of,
    texts_message,
    texts_of,
)
from assay.features.open_inference.model import (
    Feature,
    Layout,
    Output,
    RequestRows,
    Signature,
    TensorLayout,
)
from assay.features.remote.model import Content, Datatype
from assay.features.remote.tensors import Numbers, raw_texts, read_raw_numbers, read_raw_texts
from assay.kernel.errors import AssayError, InvalidArgument
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.predictions import (
    ClassPredictions,
    Predictions,
    ValuePredictions,
    WordPredictions,
)
from assay.learning.predictor import Predictor
from assay.learning.rows import (
    BOXES,
    CATEGORY,
    IMAGE,
    NUMBER,
    PAGES,
    ROW_ID,
    WORDS,
    TaskType,
    pages_of,
)

Texts = list[bytes]
Contents = Numbers | Texts | list[str]  # of a tensor, its elements one after the other
Answer = tuple[bytes, ...] | AssayError  # the contents of each output, or the refusal
FEW = 256  # rows whose ids are kept


def signature_of(context: ComputeContext, artifact: Artifact) -> Signature:
    """Return the tensors of what a version runs; in compute children alone."""
    return tensors_of(open_predictor(artifact, context))


def tensors_of(predictor: Predictor) -> Signature:
    """Return the tensors of what predicts."""
    return Signature(
        task_type=predictor.task_type,
        labels=predictor.labels,
        features=tuple(
            Feature(name=one.name, is_text=one.type == CATEGORY) for one in predictor.features
        ),
    )


def predict_requests(
    context: ComputeContext, artifact: Artifact, layout: Layout, requests: Sequence[RequestRows]
) -> list[Answer]:
    """Return the answer to each request, in their order; in compute children alone."""
    return answers_of(open_predictor(artifact, context), layout, requests)


def answers_of(
    predictor: Predictor, layout: Layout, requests: Sequence[RequestRows]
) -> list[Answer]:
    """Return the answer to each request, in their order."""
    answers: dict[int, Answer] = {}
    read: dict[int, list[Contents]] = {}
    for place, one in enumerate(requests):
        try:
            read[place] = _read(layout, one)
        except AssayError as refusal:
            answers[place] = refusal
    places = list(read)
    if places:
        rows = [requests[place].rows for place in places]
        found = _answers(predictor, layout, rows, [read[place] for place in places])
        answers.update(zip(places, found, strict=True))
    return [answers[place] for place in range(len(requests))]


def _read(layout: Layout, request: RequestRows) -> list[Contents]:
    """Return the elements of each tensor; InvalidArgument for contents that are not those of it."""
    found: list[Contents] = []
    for at, (tensor, contents) in enumerate(zip(layout.tensors, request.contents, strict=True)):
        try:
            elements = _elements(tensor, contents, is_typed=layout.is_typed)
        except ValueError as error:
            raise _wrong(layout, at, f"{error}") from None
        if len(elements) != request.rows * tensor.elements:
            wanted = request.rows * tensor.elements
            raise _wrong(layout, at, f"{len(elements)} elements were sent; its shape has {wanted}")
        found.append(elements)
    return found


def _elements(tensor: TensorLayout, contents: bytes, *, is_typed: bool) -> Contents:
    if tensor.datatype is Datatype.BYTES:
        found = texts_of(contents) if is_typed else read_raw_texts(contents)
        return found if tensor.content is Content.IMAGE else _decoded(found)
    read = numbers_of if is_typed else read_raw_numbers
    return read(contents, tensor.datatype)


def _decoded(sent: Sequence[bytes]) -> list[str]:
    texts: list[str] = []
    try:
        texts.extend(text.decode() for text in sent)
    except UnicodeDecodeError:
        raise ValueError(f"string {len(texts)} is not UTF-8, in which texts are sent") from None
    return texts


def _wrong(layout: Layout, at: int, description: str) -> InvalidArgument:
    field = f"inputs[{at}].contents" if layout.is_typed else f"raw_input_contents[{at}]"
    return InvalidArgument.of(field, description)


def _answers(
    predictor: Predictor,
    layout: Layout,
    rows: Sequence[int],
    contents: Sequence[Sequence[Contents]],
) -> list[Answer]:
    try:
        found = _predicted(predictor, _batch(layout, sum(rows), contents))
    except DataError as error:
        if len(rows) == 1:
            return [_refusal(error)]
        return [  # one by one it is found out which
            answer
            for count, one in zip(rows, contents, strict=True)
            for answer in _answers(predictor, layout, [count], [one])
        ]
    except AssayError as refusal:  # of a service that somebody else runs, for all alike
        return [refusal] * len(rows)
    return cut(found, layout, rows)


def _predicted(predictor: Predictor, batch: pa.RecordBatch) -> Predictions:
    """Return the predictions of rows, each with the bits that it has alone."""
    if predictor.task_type is not TaskType.EXTRACTION or batch.num_rows == 1:
        return predictor.predict(batch)
    # Words of one document after the other: their number decides how they are computed at once.
    found = [predictor.predict(batch.slice(row, 1)) for row in range(batch.num_rows)]
    documents = [one for one in found if isinstance(one, WordPredictions)]
    return WordPredictions(
        row_ids=[row_id for one in documents for row_id in one.row_ids],
        labels=documents[0].labels,
        codes=np.concatenate([one.codes for one in documents]),
        offsets=np.cumsum([0, *(len(one.codes) for one in documents)]),
        confidences=np.concatenate([one.confidences for one in documents]),
        fields=tuple(fields for one in documents for fields in one.fields),
    )


def _refusal(error: DataError) -> InvalidArgument:
    metadata = {} if error.row_id is None else {"row": error.row_id}
    return InvalidArgument(f"Nothing can be predicted of a row: {error}.", metadata=metadata)


def _batch(layout: Layout, rows: int, contents: Sequence[Sequence[Contents]]) -> pa.RecordBatch:
    """Return the canonical rows of requests."""
    columns: dict[str, pa.Array[Any]] = {ROW_ID: _row_ids(rows)}
    for at, tensor in enumerate(layout.tensors):
        parts = [one[at] for one in contents]
        if tensor.datatype is Datatype.BYTES:
            _add_texts(columns, tensor, [text for part in parts for text in part])
        else:
            numbers: Any = parts[0] if len(parts) == 1 else np.concatenate(parts)
            _add_numbers(columns, tensor, numbers.reshape(rows, -1))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _row_ids(rows: int) -> pa.Array[Any]:
    return _few_row_ids(rows) if rows <= FEW else pa.array(map(str, range(rows)), pa.string())


@cache
def _few_row_ids(rows: int) -> pa.Array[Any]:
    return pa.array(map(str, range(rows)), pa.string())


def _add_numbers(columns: dict[str, pa.Array[Any]], tensor: TensorLayout, numbers: Numbers) -> None:
    if tensor.content is Content.BOXES:
        flat = pa.array(numbers.astype(np.float32).ravel())
        boxes = pa.FixedSizeListArray.from_arrays(flat, 4)
        columns[BOXES] = pa.ListArray.from_arrays(_ends(len(numbers), tensor.elements // 4), boxes)
        return
    whole = pa.array(numbers.T.astype(np.float64, order="C").ravel(), NUMBER)
    rows = len(numbers)
    for place, name in enumerate(tensor.columns):
        columns[name] = whole.slice(place * rows, rows)


def _add_texts(columns: dict[str, pa.Array[Any]], tensor: TensorLayout, sent: list[Any]) -> None:
    match tensor.content:
        case Content.IMAGE:
            columns[IMAGE] = pa.array(sent, pa.large_binary())
        case Content.TEXT:
            columns[PAGES] = pa.array(map(pages_of, sent), pa.list_(pa.large_string()))
        case Content.WORDS:
            ends = _ends(len(sent) // tensor.elements, tensor.elements)
            columns[WORDS] = pa.ListArray.from_arrays(ends, pa.array(sent, pa.string()))
        case _:
            columns[tensor.columns[0]] = pa.array(sent, CATEGORY)


_OF_WORDS = frozenset({Output.LABELS, Output.CONFIDENCES})  # have an element for each word


def _ends(rows: int, elements: int) -> pa.Int32Array:
    """Return where each row of so many elements begins, and the last one ends."""
    return pa.array(np.arange(rows + 1, dtype=np.int32) * elements, pa.int32())


def cut(found: Predictions, layout: Layout, rows: Sequence[int]) -> list[Answer]:
    """Return the wanted outputs of each request."""
    whole = {one.name: _output(Output(one.name), found, layout) for one in layout.outputs}
    answers: list[Answer] = []
    start = 0
    for count in rows:
        stop = start + count
        parts = []
        for name, output in whole.items():
            each = layout.words if name in _OF_WORDS else 1
            parts.append(_encoded(output[start * each : stop * each], is_typed=layout.is_typed))
        answers.append(tuple(parts))
        start = stop
    return answers


def _output(name: Output, found: Predictions, layout: Layout) -> Numbers | Texts:
    """Return an output of all rows: an element, or a line of elements, for each row or word."""
    if isinstance(found, ValuePredictions):
        return found.values
    if isinstance(found, ClassPredictions) and name is Output.SCORES:
        return found.probabilities
    if isinstance(found, ClassPredictions) or name is Output.LABELS:
        codes = found.codes.tolist()
        known = {code: _element(found.labels[code].encode(), layout) for code in set(codes)}
        return [known[code] for code in codes]
    if name is Output.FIELDS:
        texts = (json.dumps(one, ensure_ascii=False).encode() for one in found.fields)
        return [_element(text, layout) for text in texts]
    return found.confidences


def _element(text: bytes, layout: Layout) -> bytes:
    """Return a string as it stands in the contents."""
    return text if layout.is_typed else raw_texts(iter((text,)))


def _encoded(part: Any, *, is_typed: bool) -> bytes:
    if isinstance(part, list):
        return texts_message(part) if is_typed else b"".join(part)
    numbers = np.ascontiguousarray(part, "<f8")
    return numbers_message(numbers) if is_typed else numbers.tobytes()
