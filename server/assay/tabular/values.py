"""Arrow columns from Python values: those of JSON Lines and of typed rows alike.

JSON knows no column types, so each column is typed by its part: labels, ids and slices are
texts, scores and measured values float64, features what their values are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa

from assay.tabular.arrow import encode
from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation, InputError
from assay.tabular.labels import ALLOWED
from assay.tabular.numbers import EXACT_INTEGERS, SCORE, WEIGHT
from assay.tabular.roles import assign_roles
from assay.tabular.table import chunk_from_table

Values = Sequence[object]

TARGET = "a regression's value is a finite number"
FEATURE = "a feature is a string, a number, a boolean or null"


def table_of_values(
    columns: Mapping[str, Values], rules: Rules, location: ErrorLocation
) -> pa.Table:
    """Return columns of Python values, all of one length, as a table; None is null.

    Raises InputError naming row and column of the first value of a wrong kind.
    """
    roles = assign_roles(list(columns), rules)
    numbers = {*roles.score_columns, "weight"}
    if rules.regression:
        numbers |= {"y_true", "y_pred"}
    arrays: list[pa.Array[Any]] = []
    for name, values in columns.items():
        if name in numbers:
            allowed = WEIGHT if name == "weight" else TARGET if rules.regression else SCORE
            arrays.append(number_column(values, name, location, allowed))
        elif name.startswith("feature:"):
            arrays.append(_feature(values, name, location))
        else:
            texts = text_column(values, name, location)
            is_label = name in ("y_true", "y_pred")
            arrays.append(texts.dictionary_encode() if is_label else texts)
    return pa.Table.from_arrays(arrays, names=list(columns))


def encode_values(columns: Mapping[str, Values], rules: Rules) -> bytes:
    """Return columns of Python values, all of one length, as a valid Arrow chunk.

    Raises InputError as `table_of_values` does, and for whatever else breaks a rule.
    """
    table = table_of_values(columns, rules, ErrorLocation())
    chunk_from_table(table, rules, ErrorLocation())
    return encode(table)


def text_array(texts: Sequence[str | None]) -> pa.Array[Any]:
    """Return strings as an Arrow array; raises UnicodeEncodeError for half of a surrogate pair.

    pyarrow's own way from Python objects would import pandas; see `arrays`.
    """
    encoded = [b"" if text is None else text.encode() for text in texts]
    offsets = np.fromiter(itertools.accumulate(map(len, encoded), initial=0), np.int64)
    buffers = [_validity(texts), pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), buffers)


def number_array(values: Sequence[float | None]) -> pa.Array[Any]:
    """Return numbers as a float64 Arrow array."""
    validity = _validity(values)
    known = values if validity is None else (0.0 if v is None else v for v in values)
    data = np.fromiter(cast(Iterable[float], known), np.float64, len(values))
    buffers = [validity, pa.py_buffer(data.tobytes())]
    return pa.Array.from_buffers(pa.float64(), len(values), buffers)


def _validity(values: Values) -> pa.Buffer | None:
    if None not in values:
        return None
    present = np.fromiter((value is not None for value in values), np.bool_, len(values))
    return pa.py_buffer(np.packbits(present, bitorder="little").tobytes())


def number_column(
    values: Values, name: str, location: ErrorLocation, allowed: str
) -> pa.Array[Any]:
    """Return floats and whole numbers as float64; raises InputError for any other value."""
    if set(map(type, values)) == {float}:
        return number_array(cast(Sequence[float], values))
    taken: list[float | None] = []
    for row, value in enumerate(values):
        if isinstance(value, float) or value is None:
            taken.append(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > EXACT_INTEGERS:
                raise wrong_value(
                    row, name, f"the integer {value} has no exact float64", allowed, location
                )
            taken.append(float(value))
        else:
            raise wrong_value(row, name, f"{kind_of(value)} is no number", allowed, location)
    return number_array(taken)


def text_column(values: Values, name: str, location: ErrorLocation) -> pa.Array[Any]:
    """Return texts, whole numbers and booleans as texts; raises InputError for any other value."""
    if set(map(type, values)) == {str}:
        return _encoded(cast(Sequence[str], values), name, location)
    taken: list[str | None] = []
    for row, value in enumerate(values):
        if isinstance(value, str) or value is None:
            taken.append(value)
        elif isinstance(value, bool):
            taken.append("true" if value else "false")
        elif isinstance(value, int):
            taken.append(_decimal(value, row, name, location))
        else:
            raise wrong_value(row, name, f"{kind_of(value)} was sent", ALLOWED, location)
    return _encoded(taken, name, location)


def _feature(values: Values, name: str, location: ErrorLocation) -> pa.Array[Any]:
    """Return a feature's values: all numbers, or all as texts."""
    for row, value in enumerate(values):
        if not (value is None or isinstance(value, str | int | float)):
            raise wrong_value(row, name, f"{kind_of(value)} was sent", FEATURE, location)
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {float, int} and float in kinds:
        return number_column(values, name, location, FEATURE)
    if kinds == {int} and all(abs(v) < 1 << 63 for v in values if isinstance(v, int)):
        return _integers(values)
    texts = [str(v).lower() if isinstance(v, bool) else v for v in values]
    return _encoded([None if v is None else str(v) for v in texts], name, location)


def _integers(values: Values) -> pa.Array[Any]:
    data = np.fromiter((0 if v is None else v for v in values), np.int64, len(values))
    buffers = [_validity(values), pa.py_buffer(data.tobytes())]
    return pa.Array.from_buffers(pa.int64(), len(values), buffers)


def _encoded(texts: Sequence[str | None], name: str, location: ErrorLocation) -> pa.Array[Any]:
    try:
        return text_array(texts)
    except UnicodeEncodeError:
        for row, text in enumerate(texts):
            if text is not None and any("\ud800" <= char <= "\udfff" for char in text):
                sent = "the text holds half of a surrogate pair"
                raise wrong_value(row, name, sent, "a text is valid Unicode", location) from None
        raise


def _decimal(value: int, row: int, name: str, location: ErrorLocation) -> str:
    if abs(value) >= 1 << 64:
        raise wrong_value(row, name, "the integer has more than 64 bits", ALLOWED, location)
    return str(value)


def kind_of(value: object) -> str:
    """Return what a value of JSON is, for a message."""
    kinds = {bool: "a boolean", dict: "an object", list: "a list", str: "a text"}
    shown = repr(value) if isinstance(value, float) else ""
    return f"the number {shown}" if shown else kinds.get(type(value), type(value).__name__)


def wrong_value(
    row: int, name: str, sent: str, allowed: str, location: ErrorLocation
) -> InputError:
    """Return the error of the value at `row` of a block."""
    return location.bad_value(row, name, sent, allowed, "Correct the value, or leave the row out")
