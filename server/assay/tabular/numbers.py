"""Number columns: scores in [0, 1] and the finite values of a regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.records.weights import WeightError, millionths
from assay.tabular.arrays import flags, numbers
from assay.tabular.chunk import Floats, Weights
from assay.tabular.errors import ErrorLocation, bad_column
from assay.tabular.labels import FILL_IN, refuse_null

WEIGHT = "a weight is a decimal from 0 to 1000000 with at most six places"
SCORE = "a score is a probability from 0 to 1"
DECIMAL_POINT = "Write it with a decimal point, as in 0.25"
EXACT_INTEGERS = 1 << 53  # integers beyond it are not all float64
SUM_TOLERANCE = {"halffloat": 1e-4, "float": 1e-4, "double": 1e-6}


def score_values(column: pa.ChunkedArray[Any], name: str, location: ErrorLocation) -> Floats:
    """Return a score column as float64 in [0, 1], -0.0 as 0.0; refuse every other value."""
    column = _without_decimals(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_float16(kind):
        column = pc.cast(column, pa.float64(), safe=False)  # what is rounded is not in [0, 1]
    elif not pa.types.is_floating(kind):
        raise bad_column(
            name,
            f"its type is {kind}",
            f"{SCORE}, sent as a float, a decimal or an integer",
            "Cast the column to float64",
        )
    values = _finite(column, name, location, SCORE)
    wrong = np.flatnonzero((values < 0.0) | (values > 1.0))
    if len(wrong):
        raise location.bad_value(
            int(wrong[0]),
            name,
            f"the score is {float(values[wrong[0]])!r}",
            SCORE,
            "Send probabilities; apply your model's sigmoid or softmax to raw outputs yourself",
            count=len(wrong),
        )
    return values


def target_values(column: pa.ChunkedArray[Any], name: str, location: ErrorLocation) -> Floats:
    """Return a regression column as finite float64; refuse integers that float64 rounds."""
    column = _without_decimals(column)
    if pa.types.is_integer(column.type):
        refuse_null(column, name, location)
        for value in (pc.min(column).as_py(), pc.max(column).as_py()):
            if value is not None and abs(value) > EXACT_INTEGERS:
                row = int(np.flatnonzero(flags(pc.equal(column, value)))[0])
                raise location.bad_value(
                    row,
                    name,
                    f"the integer {value} has no exact float64",
                    f"integers reach from -{EXACT_INTEGERS} to {EXACT_INTEGERS}",
                    "Scale the target, or send float64",
                )
    elif not pa.types.is_floating(column.type):
        raise bad_column(
            name,
            f"its type is {column.type}",
            "a regression's value is an integer or a float",
            "Cast the column to float64",
        )
    return _finite(column, name, location, "a regression's value is a finite number")


def weight_values(column: pa.ChunkedArray[Any], location: ErrorLocation) -> Weights:
    """Return the column `weight` as millionths; refuses what is no decimal of six places."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise bad_column(
            "weight", f"its type is {kind}", f"{WEIGHT}, as a number", "Cast the column to float64"
        )
    refuse_null(column, "weight", location)
    column = _without_decimals(column)
    wide = pc.cast(column, pa.float64(), safe=False) if pa.types.is_integer(kind) else column
    try:
        return millionths(numbers(wide).astype(np.float64))
    except WeightError as error:
        raise location.bad_value(
            error.row,
            "weight",
            f"the weight is {error.value!r}",
            WEIGHT,
            "Round it, or scale all weights by the same factor",
        ) from error


def _without_decimals(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Return a column of decimals as the nearest float64 each, and another one as it is.

    Their text is parsed as that of a CSV is; Arrow's own cast may miss by a bit.
    """
    if not pa.types.is_decimal(column.type):
        return column
    return pc.cast(pc.cast(column, pa.string()), pa.float64())


def row_sums(scores: tuple[Floats, ...]) -> Floats:
    """Return the sum of each row, added in the order of the columns: the same in any block."""
    total = scores[0].copy()
    for column in scores[1:]:
        total += column
    return total


def refuse_sums(sums: Floats, tolerance: float, location: ErrorLocation) -> None:
    """Raise InputError naming the first row whose class scores do not sum to 1."""
    wrong = np.flatnonzero(np.abs(sums - 1.0) > tolerance)
    if len(wrong):
        row = int(wrong[0])
        raise location.bad_value(
            row,
            "score:*",
            f"the class scores sum to {float(sums[row])!r}",
            f"they sum to 1 within {tolerance:g}",
            "Send a probability for every class, or ask for renormalize",
            count=len(wrong),
        )


def parse_floats(
    column: pa.Array[Any], name: str, location: ErrorLocation, allowed: str
) -> pa.Array[Any]:
    """Return a column of a text file as float64, or refuse the first text that is no number."""
    try:
        return pc.cast(column, pa.float64())
    except pa.ArrowInvalid:
        bare = pc.utf8_trim_whitespace(column)
        if not bare.equals(column):  # blanks around a number change nothing
            return parse_floats(bare, name, location, allowed)
        for row, text in enumerate(column.to_pylist()):
            if text is None or not _is_number(text):
                if text:
                    sent, way_out = f"the text '{text}' is no number", DECIMAL_POINT
                else:
                    sent, way_out = "the value is missing (empty)", FILL_IN
                raise location.bad_value(row, name, sent, allowed, way_out) from None
        raise


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _finite(
    column: pa.ChunkedArray[Any], name: str, location: ErrorLocation, allowed: str
) -> Floats:
    refuse_null(column, name, location)
    values: NDArray[np.float64] = numbers(column).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise location.bad_value(
            int(wrong[0]),
            name,
            f"the value is {values[wrong[0]]}",
            allowed,
            "Find where the model made it; a row without a prediction cannot be scored",
            count=len(wrong),
        )
    return values + 0.0  # -0.0 becomes 0.0, so that equal scores have equal bits
