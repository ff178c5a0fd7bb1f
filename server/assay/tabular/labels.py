"""Codes of label columns: any accepted type in, (table, codes) out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.records.predictions import MAX_LABEL_CHARS, MAX_LABELS
from assay.tabular.arrays import flags, numbers, one_array
from assay.tabular.errors import ErrorLocation, bad_column, truncate
from assay.tabular.label_notation import (
    NOTATION_WAY_OUT,
    is_missing,
    shown,
    two_notations,
)

FILL_IN = "Fill it in, or leave the row out"
ALLOWED = "a label is a string, an integer or a boolean"


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A label column: texts in order of first sight and one index into them per row."""

    texts: tuple[str, ...]  # only labels that occur
    indices: NDArray[np.integer]  # (rows,)

    def first_row_of(self, text: str) -> tuple[int, int]:
        """Return the first row with the label `text`, and the number of such rows."""
        rows = np.flatnonzero(self.indices == self.texts.index(text))
        return int(rows[0]), len(rows)


def is_text(kind: pa.DataType) -> bool:
    """Say whether values of the type are strings."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_label_type(kind: pa.DataType) -> bool:
    """Say whether the type can name things: strings, integers, booleans, or codes of these."""
    if pa.types.is_dictionary(kind):
        return is_label_type(kind.value_type) and not pa.types.is_dictionary(kind.value_type)
    return bool(is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def code_labels(column: pa.ChunkedArray[Any], name: str, location: ErrorLocation) -> Coded:
    """Return the codes of a label column, or refuse it naming the row.

    Raises InputError for a type that is no label, nulls, empty or over-long labels, a
    dictionary that holds a label twice, and more than MAX_LABELS labels.
    """
    if not is_label_type(column.type):
        if pa.types.is_floating(column.type):  # so whole numbers become where one is missing
            missing = pc.is_null(column, nan_is_null=True)
            refuse_null(pc.if_else(missing, None, column), name, location)
        raise bad_column(name, f"its type is {column.type}", ALLOWED, _way_out(column.type))
    refuse_null(column, name, location)
    if pa.types.is_dictionary(column.type):
        coded = _from_dictionaries(column, name)
    else:
        coded = _from_plain(column)
    if len(coded.texts) > MAX_LABELS:
        raise bad_column(
            name,
            f"it holds {len(coded.texts)} different labels",
            f"at most {MAX_LABELS} are allowed",
            "Check that this is the column of labels and not of ids or numbers",
        )
    for text in coded.texts:
        if not text or len(text) > MAX_LABEL_CHARS:
            row, count = coded.first_row_of(text)
            sent = f"the label has {len(text)} characters" if text else "the label is empty"
            raise location.bad_value(
                row,
                name,
                sent,
                f"a label has 1 to {MAX_LABEL_CHARS} characters",
                "Send a shorter name for the class" if text else "Name the class",
                count=count,
            )
    return coded


def refuse_missing_words(coded: Coded, name: str, location: ErrorLocation) -> None:
    """Raise InputError naming the first row whose label is a word for a missing value."""
    for text in coded.texts:
        if is_missing(text):
            row, count = coded.first_row_of(text)
            raise location.bad_value(
                row,
                name,
                f"the value is missing ({shown(text)[1:-1]})",
                "every row needs a value",
                f"{FILL_IN}; declare the labels with the model where {shown(text)} is one of them",
                count=count,
            )


def refuse_two_notations(columns: Mapping[str, Coded], location: ErrorLocation) -> None:
    """Raise InputError naming the first row with a label that was written otherwise before."""
    two = two_notations(text for coded in columns.values() for text in coded.texts)
    if two is None:
        return
    first, second = two
    name, coded = next((n, c) for n, c in columns.items() if second in c.texts)
    row, count = coded.first_row_of(second)
    raise location.bad_value(
        row,
        name,
        f"the label {shown(second)} is {shown(first)} in another notation",
        "one label is written in one way",
        NOTATION_WAY_OUT,
        count=count,
    )


@dataclass(frozen=True, kw_only=True)
class Named:
    """A slice column: values in order of first sight and one index into them per row."""

    values: tuple[str | None, ...]  # only values that occur; None of rows without one
    indices: NDArray[np.int64]  # (rows,)


def slice_codes(column: pa.ChunkedArray[Any]) -> Named:
    """Return the codes of an accepted slice column, however many values it has."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())  # no row of the block has a value
    encoded = _plain(column).dictionary_encode("encode")  # null is an entry too
    return Named(
        values=tuple(None if v is None else _text(v) for v in encoded.dictionary.to_pylist()),
        indices=numbers(encoded.indices).astype(np.int64),
    )


def refuse_null(column: pa.ChunkedArray[Any], name: str, location: ErrorLocation) -> None:
    """Raise InputError naming the first null of the column, if there is one."""
    missing = column.null_count
    is_coded = pa.types.is_dictionary(column.type)
    if is_coded and any(_entries(piece).null_count for piece in column.chunks):
        # A null may also hide behind an index that points at a null entry.
        column = column.cast(column.type.value_type)
        missing = column.null_count
    if missing:
        row = int(np.flatnonzero(flags(column.is_null()))[0])
        raise location.bad_value(
            row,
            name,
            "the value is missing (null)",
            "every row needs a value",
            FILL_IN,
            count=missing,
        )


def _entries(piece: pa.Array[Any]) -> pa.Array[Any]:
    assert isinstance(piece, pa.DictionaryArray)
    return piece.dictionary


def _way_out(kind: pa.DataType) -> str:
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "Send class numbers as integers, or measured values to a regression model"
    return "Send the label's name as a string"


def _texts(values: pa.Array[Any]) -> list[str]:
    # An entry that is null is used by no row (refused before); it must not collide with a label.
    return [
        f"null entry {at}" if v is None else _text(v) for at, v in enumerate(values.to_pylist())
    ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    values = one_array(column)
    return pc.cast(values, pa.large_string()) if pa.types.is_string_view(values.type) else values


def _from_plain(column: pa.ChunkedArray[Any]) -> Coded:
    encoded = _plain(column).dictionary_encode()
    return Coded(
        texts=tuple(_texts(encoded.dictionary)), indices=numbers(encoded.indices).astype(np.int64)
    )


def _from_dictionaries(column: pa.ChunkedArray[Any], name: str) -> Coded:
    table: dict[str, int] = {}
    pieces = []
    for piece in column.chunks:
        assert isinstance(piece, pa.DictionaryArray)
        entries = _texts(piece.dictionary)
        twice = next((text for text, n in Counter(entries).items() if n > 1), None)
        if twice is not None:
            raise bad_column(
                name,
                f"its dictionary holds the label '{truncate(twice)}' twice",
                "each label has one code",
                "Encode the column again, or send plain strings",
            )
        indices = numbers(piece.indices)
        used = np.bincount(indices, minlength=len(entries)) > 0
        codes = np.array(
            [
                table.setdefault(t, len(table)) if u else -1
                for t, u in zip(entries, used, strict=True)
            ],
            np.int64,
        )
        # Codes stay as narrow as they were sent where they are right already.
        right = np.array_equal(codes, np.arange(len(entries)))
        pieces.append(indices if right or not len(indices) else codes[indices])
    indices = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    return Coded(texts=tuple(table), indices=indices)
