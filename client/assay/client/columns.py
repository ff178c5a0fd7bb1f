"""From what a caller holds – arrays, lists, data frames, tables – to Arrow tables of its rows.

Nothing is guessed about meaning: labels become text (integers by decimal, booleans as
true/false), numbers stay as they are, and every value is checked by the service.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa

from assay.client.errors import BadInput

SLICE_ROWS = 65_536  # rows that are turned into Arrow at a time
ArrowColumn = Any  # pyarrow's stubs give each type a class, which generic code cannot follow
Values = Any  # one column: a NumPy array, list, Series, tensor, Arrow array, …


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows to be sent: tables in order, and their number where it is known."""

    tables: Iterable[pa.Table]
    rows: int | None


def from_columns(
    *,
    y_true: Values,
    y_pred: Values | None,
    scores: Values | None,
    labels: Sequence[object] | None,
    row_id: Values | None,
    slices: Any,
    weight: Values | None = None,
    features: Any = None,
    cluster_id: Values | None = None,
) -> Source:
    """Return the rows of separate columns.

    Args:
        y_true: ground truth, one value a row.
        y_pred: predictions, one value a row; None when they follow from the scores.
        scores: one column – the positive class's probability – or rows × classes, or a mapping
            from label to column.
        labels: the labels of the columns of `scores`, where that is rows × classes.
        row_id: ids, one a row.
        slices: further columns by which results may be cut, by name.
        weight: how much each row counts.
        features: columns that are shown with mistakes, by name.
        cluster_id: what rows belong together and are resampled as one.

    Raises:
        BadInput: columns of unequal length, or score columns without labels.
    """
    columns: dict[str, Values] = {"y_true": y_true}
    if y_pred is not None:
        columns["y_pred"] = y_pred
    if scores is not None:
        columns.update(_score_columns(scores, labels))
    if row_id is not None:
        columns["row_id"] = row_id
    if weight is not None:
        columns["weight"] = weight
    if cluster_id is not None:
        columns["cluster_id"] = cluster_id
    columns.update(_named("slice", slices))
    columns.update(_named("feature", features))
    return from_mapping(columns)


def _named(part: str, given: Any) -> dict[str, Values]:
    """Return slices or features, a mapping or a data frame, by the names of their columns."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) and not hasattr(given, "columns"):
        raise BadInput(
            f"{part}s is a {type(given).__name__}; pass a mapping from name to column, or a data frame."
        )
    names = given.columns if hasattr(given, "columns") else given
    return {f"{part}:{name}": given[name] for name in names}


def from_mapping(columns: Mapping[str, Values]) -> Source:
    """Return the rows of columns that already bear the service's names."""
    readers = {name: _reader(name, values) for name, values in columns.items()}
    lengths = {name: length for name, (length, _) in readers.items()}
    if not lengths:
        raise BadInput("There are no columns; send at least y_true and y_pred.")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise BadInput(f"The columns have unequal numbers of rows: {told}.")
    rows = next(iter(lengths.values()))

    def tables() -> Iterator[pa.Table]:
        for start in range(0, rows, SLICE_ROWS):
            stop = min(start + SLICE_ROWS, rows)
            yield pa.table({name: read(start, stop) for name, (_, read) in readers.items()})

    return Source(tables=tables(), rows=rows)


def from_data(data: object) -> Source:
    """Return the rows of a table: Arrow's, a data frame, or a mapping of columns."""
    if isinstance(data, pa.Table):
        return Source(tables=[data], rows=data.num_rows)
    if isinstance(data, pa.RecordBatch):
        return Source(tables=[pa.Table.from_batches([data])], rows=data.num_rows)
    if isinstance(data, pa.RecordBatchReader):
        return Source(tables=(pa.Table.from_batches([batch]) for batch in data), rows=None)
    if isinstance(data, Mapping):
        return from_mapping(data)
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):  # pandas and its likes
        return from_mapping({str(name): data[name] for name in data.columns})
    raise BadInput(
        f"Rows cannot be read from a {type(data).__name__}; send columns by keyword, an Arrow"
        " table, a data frame, a mapping of columns, or the path of a file."
    )


def _score_columns(scores: Values, labels: Sequence[object] | None) -> dict[str, Values]:
    if isinstance(scores, Mapping):
        return {f"score:{label_text(label)}": values for label, values in scores.items()}
    if hasattr(scores, "columns"):  # a data frame: its columns are the labels
        return {f"score:{label_text(label)}": scores[label] for label in scores.columns}
    if isinstance(scores, (pa.Array, pa.ChunkedArray)):
        return {"score": scores}
    grid = scores if isinstance(scores, np.ma.MaskedArray) else np.asarray(scores)
    if grid.ndim == 1:
        return {"score": scores}
    if grid.ndim != 2:
        raise BadInput(f"scores has {grid.ndim} dimensions; 1 or 2 (rows × classes) are allowed.")
    if labels is None or len(labels) != grid.shape[1]:
        sent = "none were" if labels is None else f"{len(labels)} were"
        raise BadInput(
            f"scores has {grid.shape[1]} columns, which need as many labels; {sent} sent."
            " Pass labels=model.classes_ or its like."
        )
    return {f"score:{label_text(label)}": grid[:, at] for at, label in enumerate(labels)}


def label_text(label: object) -> str:
    """Return a label as the service writes it.

    Raises:
        BadInput: the label is a float, whose text would be a guess.
    """
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    if isinstance(label, (float, np.floating)):
        raise BadInput(f"The label {label!r} is a float; labels are text, integers or booleans.")
    return str(label)


def _reader(name: str, values: Values) -> tuple[int, Callable[[int, int], ArrowColumn]]:
    """Return a column's length and a function that gives a slice of it as Arrow."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return len(values), lambda start, stop: values.slice(start, stop - start)
    if isinstance(values, (list, tuple)):
        return len(values), lambda start, stop: _array(name, values[start:stop], start)
    if isinstance(values, np.ma.MaskedArray):
        return len(values), lambda start, stop: _unmasked(name, values[start:stop])
    if hasattr(values, "to_arrow"):  # of polars, whose own way to NumPy makes NaN of null
        return _reader(name, values.to_arrow())
    if hasattr(values, "array") and not isinstance(values.dtype, np.dtype):  # pandas' own types
        return _reader(name, pa.array(values, from_pandas=True))
    array = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values)
    if array.ndim != 1:
        raise BadInput(f"{name} has {array.ndim} dimensions; a column has 1.")
    return len(array), lambda start, stop: _array(name, array[start:stop], start)


def _array(name: str, values: Values, first_row: int) -> ArrowColumn:
    try:
        # Among objects, and in a data frame's slices and features, NaN is a missing value.
        nan_is_null = name.startswith(("slice:", "feature:")) or not _is_numeric(values)
        made: ArrowColumn = (
            _coded(values)
            if _is_repetitive(name, values)
            else pa.array(_whole(values), from_pandas=nan_is_null)
        )
        if name.startswith("slice:") and pa.types.is_null(made.type):
            made = made.cast(pa.string())
    except OverflowError as error:
        raise BadInput(
            f"{name} holds a whole number of more than 64 bits. Write all of its values as texts."
        ) from error
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BadInput(_of_no_type(name, values, first_row)) from error
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _of_no_type(name: str, values: Iterable[object], first_row: int) -> str:
    """Return why values have no type of Arrow: two of them differ, or nothing is known of one."""
    first: dict[str, str] = {}
    for row, value in enumerate(values, first_row):
        number = isinstance(value, Real) and not isinstance(value, bool)
        is_missing = value is None or (isinstance(value, Real) and math.isnan(value))
        if not is_missing:
            kind = "a number" if number else f"of the type {type(value).__name__}"
            first.setdefault(kind, f"row {row} is {value!r:.100}, {kind}")
            if len(first) == 2:
                break
    told = ", and ".join(first.values())
    if len(first) == 1:
        return f"{name} holds what is neither text, number nor truth: {told}."
    return f"{name} holds values that are not of one type: {told}. Write all of them alike."


def _unmasked(name: str, values: np.ma.MaskedArray[Any, Any]) -> ArrowColumn:
    """Return a masked array with null for what is masked, whatever stands under the mask."""
    if values.ndim != 1:
        raise BadInput(f"{name} has {values.ndim} dimensions; a column has 1.")
    return pa.array(values.data, mask=np.ma.getmaskarray(values))


def _is_numeric(values: Values) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind != "O"


def _is_repetitive(name: str, values: Values) -> bool:
    """Return whether a column is NumPy text of few values, which is coded before it is decoded."""
    is_label = name in {"y_true", "y_pred"} or name.startswith("slice:")
    return is_label and isinstance(values, np.ndarray) and values.dtype.kind == "U"


def _coded(values: np.ndarray) -> ArrowColumn:
    """Return NumPy text as a dictionary: its fixed-width bytes are told apart, few are decoded."""
    width = values.dtype.itemsize
    if width == 0 or len(values) == 0:
        return pa.array(values)
    fixed = pa.py_buffer(np.ascontiguousarray(values).view(np.uint8).data)
    raw = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(values), [None, fixed])
    coded: ArrowColumn = raw.dictionary_encode()
    texts = np.frombuffer(b"".join(coded.dictionary.to_pylist()), dtype=values.dtype)
    return pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts.tolist()))


def _whole(values: Values) -> Values:
    """Return NumPy text that holds NUL as a list: Arrow would cut it there."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "U" or values.size == 0:
        return values
    points = np.ascontiguousarray(values).view(np.uint32).reshape(len(values), -1)
    ended = points == 0
    return values.tolist() if bool((ended[:, :-1] & ~ended[:, 1:]).any()) else values
