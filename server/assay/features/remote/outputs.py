"""Outputs of remote models as predictions: probabilities, classes or numbers, each row checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.features.remote.model import RemoteSpec, Scores
from assay.features.remote.tensors import Output
from assay.learning.errors import DataError, shortened

Floats = NDArray[np.float64]
EXACT = 1e-6  # how far from 1 the sum of probabilities may be that are taken as they are
MOST = 1e-2  # how far it may be at all, as numbers of 16 bits have it


class WrongOutput(Exception):
    """An output is not what the version declares, for a reason that is told."""


def values(output: Output, ids: Sequence[str]) -> Floats:
    """Return the (rows,) numbers of a regression.

    Raises:
        WrongOutput: it is of another shape or datatype.
        DataError: a row's number is NaN or infinite.
    """
    numbers = _matrix(output, len(ids))
    if numbers.shape[1] != 1:
        raise WrongOutput(f"it has {numbers.shape[1]} numbers a row, and a regression has 1")
    found = numbers[:, 0].astype(np.float64)
    _require(np.isfinite(found), ids, "the endpoint returned NaN or an infinite number")
    return found


def probabilities(output: Output, spec: RemoteSpec, ids: Sequence[str]) -> Floats:
    """Return the (rows, classes) probabilities of a classification.

    An output of one class a row, by its number or its label, gives that class 1.

    Raises:
        WrongOutput: it is of another shape or datatype.
        DataError: a row has NaN, no probabilities, or a class that the version does not name.
    """
    if output.numbers is None:
        return _one_hot(_label_codes(output, spec.labels, ids), len(spec.labels))
    numbers = _matrix(output, len(ids))
    width, classes = numbers.shape[1], len(spec.labels)
    if numbers.dtype.kind in "biu":
        if width != 1:
            raise WrongOutput(f"it has {width} whole numbers a row, and 1 is the number of a class")
        return _one_hot(_codes(numbers[:, 0], classes, ids), classes)
    scores = numbers.astype(np.float64)
    if width == 1 and classes == 2:
        return _of_one_score(scores[:, 0], spec.scores, ids)
    if width != classes:
        raise WrongOutput(f"it has {width} scores a row, and the version has {classes} labels")
    return _softmax(scores, ids) if spec.scores is Scores.LOGITS else _normalized(scores, ids)


def _matrix(output: Output, rows: int) -> NDArray[Any]:
    """Return an output of numbers as (rows, numbers of each)."""
    if output.numbers is None:
        raise WrongOutput(f"it is {output.datatype}, and numbers are wanted")
    if not output.shape or output.shape[0] != rows:
        raise WrongOutput(f"its shape is {list(output.shape)}, and {rows} rows were sent")
    width = math.prod(output.shape[1:])
    return output.numbers.reshape(rows, width)


def _label_codes(output: Output, labels: Sequence[str], ids: Sequence[str]) -> NDArray[np.intp]:
    if not output.shape or output.shape[0] != len(ids) or len(output.texts) != len(ids):
        raise WrongOutput(f"its shape is {list(output.shape)}, and {len(ids)} labels are wanted")
    number_of = {label.encode(): number for number, label in enumerate(labels)}
    codes = np.array([number_of.get(text, -1) for text in output.texts], np.intp)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        told = shortened(output.texts[row].decode(errors="replace"))
        raise DataError(
            f"the endpoint returned the label {told}, which the version has not", ids[row]
        )
    return codes


def _codes(numbers: NDArray[Any], classes: int, ids: Sequence[str]) -> NDArray[np.intp]:
    wrong = (numbers < 0) | (numbers >= classes)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"the endpoint returned class {int(numbers[row])}, and the version has {classes} labels",
            ids[row],
        )
    return numbers.astype(np.intp)


def _one_hot(codes: NDArray[np.intp], classes: int) -> Floats:
    found = np.zeros((len(codes), classes))
    found[np.arange(len(codes)), codes] = 1.0
    return found


def _of_one_score(scores: Floats, kind: Scores, ids: Sequence[str]) -> Floats:
    """Return the probabilities of two classes from the score of the second."""
    _require(np.isfinite(scores), ids, "the endpoint returned NaN or an infinite number")
    if kind is Scores.LOGITS:
        scores = 0.5 * (1.0 + np.tanh(0.5 * scores))
    _require((scores >= 0) & (scores <= 1), ids, "the endpoint returned no probability")
    return np.stack([1.0 - scores, scores], axis=1)


def _softmax(scores: Floats, ids: Sequence[str]) -> Floats:
    _require(
        np.isfinite(scores).all(axis=1), ids, "the endpoint returned NaN or an infinite number"
    )
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def _normalized(scores: Floats, ids: Sequence[str]) -> Floats:
    """Return probabilities as they came, or so that they sum to 1 where rounding left them beside."""
    sums = scores.sum(axis=1)
    _require(np.isfinite(sums), ids, "the endpoint returned NaN or an infinite number")
    is_fit = (np.abs(sums - 1.0) <= MOST) & (scores >= -EXACT).all(axis=1)
    message = (
        "the endpoint returned scores that are no probabilities; logits are declared by scores"
    )
    _require(is_fit, ids, message)
    beside = np.abs(sums - 1.0) > EXACT
    if beside.any():
        scores = np.where(beside[:, np.newaxis], scores / sums[:, np.newaxis], scores)
    clipped: Floats = np.clip(scores, 0.0, 1.0)
    return clipped


def _require(is_right: Any, ids: Sequence[str], message: str) -> None:
    """Raise for the rows that (rows,) booleans say are wrong: DataError for the first, WrongOutput where all are."""
    if is_right.all():
        return
    if len(ids) > 1 and not is_right.any():
        raise WrongOutput(f"{message}, of every row")
    raise DataError(message, ids[int(np.argmin(is_right))])
