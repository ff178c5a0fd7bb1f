"""Predictions made of what an ONNX model returned, which is not believed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from assay.learning.class_scores import softmax
from assay.learning.errors import DataError, shortened
from assay.learning.onnx_form import OnnxForm, OutputKind
from assay.learning.predictions import Floats

TOLERANCE: Final = 1e-3  # of the sum of a row's probabilities, which are often float32


class NotFinite(DataError):
    """A model returned NaN or an infinity for a row."""


def values_of(output: NDArray[Any], form: OnnxForm, row_ids: list[str]) -> Floats:
    """Return (rows,) numbers; raises DataError, naming the row, for what is none."""
    values = _flat(output, form, len(row_ids))
    _refuse_not_finite(values, form, row_ids)
    return values


def probabilities_of(output: NDArray[Any], form: OnnxForm, row_ids: list[str]) -> Floats:
    """Return (rows, labels) probabilities, which sum to 1.

    Raises DataError, naming the row, for scores that are none.
    """
    rows, classes = len(row_ids), len(form.labels)
    if form.kind is OutputKind.CLASSES:
        return _certain(output, form, row_ids)
    if form.kind in {OutputKind.POSITIVE, OutputKind.POSITIVE_LOGITS}:
        second = _flat(output, form, rows)
        scores = np.stack([-second / 2, second / 2], axis=1)
        if form.kind is OutputKind.POSITIVE:
            scores = np.stack([1 - second, second], axis=1)
    else:
        if output.shape != (rows, classes):
            raise _shape(output, form, f"({rows}, {classes})")
        scores = output.astype(np.float64)
    _refuse_not_finite(scores, form, row_ids)
    scores = scores[:, list(form.columns)]
    if form.kind in {OutputKind.LOGITS, OutputKind.POSITIVE_LOGITS}:
        return np.asarray(softmax(scores), np.float64)
    sums = scores.sum(axis=1)
    _refuse(
        (np.abs(sums - 1) > TOLERANCE) | (scores < -TOLERANCE).any(axis=1),
        form,
        scores,
        row_ids,
        ", which are no probabilities: they are 0 to 1, and sum to 1. Where they are the values "
        "before a softmax, upload the model with logits",
    )
    found = np.clip(scores, 0.0, None)
    found /= found.sum(axis=1, keepdims=True)
    return found


def _certain(output: NDArray[Any], form: OnnxForm, row_ids: list[str]) -> Floats:
    """Return probabilities of 1 for the classes that were named."""
    rows = len(row_ids)
    if output.shape not in {(rows,), (rows, 1)}:
        raise _shape(output, form, f"({rows},)")
    place = {key: at for at, key in enumerate(form.keys)}
    codes = np.array([place.get(str(one), -1) for one in output.reshape(-1).tolist()], np.int64)
    _refuse(codes < 0, form, output.reshape(-1), row_ids, ", which is none of the labels")
    return np.eye(len(form.labels))[codes]


def _flat(output: NDArray[Any], form: OnnxForm, rows: int) -> Floats:
    if output.shape not in {(rows,), (rows, 1)} or output.dtype.kind not in "fiu":
        raise _shape(output, form, f"({rows},) or ({rows}, 1)")
    return output.reshape(-1).astype(np.float64)


def _shape(output: NDArray[Any], form: OnnxForm, wanted: str) -> DataError:
    return DataError(
        f"the model's output {shortened(form.output)} is {output.dtype} of the shape "
        f"{output.shape}; {wanted} is expected"
    )


def _refuse_not_finite(found: Floats, form: OnnxForm, row_ids: list[str]) -> None:
    wrong = np.asarray(~np.isfinite(found)).reshape(len(row_ids), -1).any(axis=1)
    if wrong.any():
        told, row_id = _first(np.asarray(wrong), found, row_ids)
        raise NotFinite(
            f"the model's output {shortened(form.output)} is {told}; finite numbers are expected",
            row_id,
        )


def _refuse(
    wrong: NDArray[np.bool_],
    form: OnnxForm,
    found: NDArray[Any],
    row_ids: list[str],
    why: str,
) -> None:
    if wrong.any():
        told, row_id = _first(wrong, found, row_ids)
        raise DataError(f"the model's output {shortened(form.output)} is {told}{why}", row_id)


def _first(wrong: NDArray[np.bool_], found: NDArray[Any], row_ids: list[str]) -> tuple[str, str]:
    """Return what was returned of the first wrong row, and its id."""
    row = int(np.flatnonzero(wrong)[0])
    told = np.array2string(np.asarray(found[row]), threshold=5, edgeitems=2, precision=6)
    return told[:100], row_ids[row]
