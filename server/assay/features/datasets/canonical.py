"""The step from typed columns to canonical rows: every row checked, or refused by row and column."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.features.datasets.dataset_columns import FEATURE_NUMBER, Kinds
from assay.features.datasets.images import MAX_PIXELS, MAX_SIDE, image_size
from assay.features.datasets.list_columns import (
    ItemLocation,
    boxes_of,
    one_page_each,
    refuse_other_sizes,
    texts_of_lists,
)
from assay.features.datasets.row_columns import TEXT, RowColumns
from assay.features.datasets.row_sizes import (
    Column,
    Sizes,
    list_sizes,
    row_sizes,
    value_sizes,
)
from assay.features.datasets.stored_split import BLOCK_BYTES, FeatureKind
from assay.learning.rows import (
    BOXES,
    CATEGORY,
    GROUP,
    IMAGE,
    LABEL,
    LABELS,
    NUMBER,
    PAGES,
    ROW_ID,
    TARGET,
    WORDS,
    TaskType,
    canonical_schema,
)
from assay.records.predictions import MAX_LABELS
from assay.tabular.arrays import flags, from_numbers, numbers, one_array
from assay.tabular.errors import ErrorLocation, bad_column, truncate
from assay.tabular.label_notation import is_missing, shown, two_notations
from assay.tabular.labels import FILL_IN, Coded, code_labels, is_label_type, is_text, refuse_null
from assay.tabular.numbers import EXACT_INTEGERS, target_values
from assay.tabular.table import read_row_ids
from assay.tabular.values import number_array, text_array

HOLDER = "a split"
NO_VALUE = "Leave the value out where it is missing: null, or an empty field of CSV"


class CanonicalRows:
    """Makes canonical rows of a file's tables, in order; holds the labels seen so far."""

    def __init__(self, columns: RowColumns, kinds: Kinds) -> None:
        self._columns = columns
        self._kinds = kinds
        self._labels: dict[str, None] = {}
        self.schema = canonical_schema(
            columns.task_type,
            [
                pa.field(name, NUMBER if kinds[name] is FeatureKind.NUMBER else CATEGORY)
                for name in columns.features
            ],
            group=columns.has(GROUP),
            boxes=columns.has(BOXES),
            answers=columns.has_answers,
        )

    def read(self, table: pa.Table, location: ErrorLocation) -> pa.RecordBatch:
        """Return the rows of a table.

        Raises InputError naming the first row that breaks a rule, and its column.
        """
        found: dict[str, Column] = {
            ROW_ID: pc.cast(read_row_ids(table, location, holder=HOLDER).texts, pa.string())
        }
        if self._columns.has(GROUP):
            found[GROUP] = _names(table[GROUP], GROUP, location)
        match self._columns.task_type:
            case TaskType.TEXT_CLASSIFICATION:
                found[PAGES] = _pages(table, location)
            case TaskType.IMAGE_CLASSIFICATION:
                found[IMAGE] = _images(table[IMAGE], location)
            case TaskType.EXTRACTION:
                found |= self._words(table, location)
            case _:
                found |= {name: self._feature(table, name, location) for name in self._kinds}
        found |= self._answer(table, location)
        arrays = [found[name] for name in self.schema.names]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        _refuse_large(batch, location)
        return batch

    def _answer(self, table: pa.Table, location: ErrorLocation) -> Mapping[str, Column]:
        if not self._columns.has_answers:
            return {}
        if self._columns.task_type is TaskType.TABULAR_REGRESSION:
            values = target_values(table[TARGET], TARGET, location)
            return {TARGET: number_array(values.tolist())}
        if not self._columns.task_type.has_label:
            return {}
        coded = code_labels(table[LABEL], LABEL, location)
        self._note_labels(coded, LABEL, location)
        texts: Column = text_array(coded.texts)
        return {
            LABEL: pc.cast(texts.take(from_numbers(coded.indices.astype(np.int64))), pa.string())
        }

    def _note_labels(self, coded: Coded, name: str, location: ErrorLocation) -> None:
        for text in coded.texts:
            if is_missing(text):
                row, count = coded.first_row_of(text)
                sent = f"the value is missing ({shown(text)[1:-1]})"
                raise location.bad_value(
                    row, name, sent, "every row needs a value", FILL_IN, count=count
                )
            if text not in self._labels and len(self._labels) == MAX_LABELS:
                row, count = coded.first_row_of(text)
                raise location.bad_value(
                    row,
                    name,
                    f"the label {shown(text)} is one more than {MAX_LABELS}",
                    f"a dataset has at most {MAX_LABELS} labels",
                    "Check that this is the column of labels and not of ids or numbers",
                    count=count,
                )
            self._labels[text] = None
        two = two_notations(self._labels)
        if two is not None:
            row, count = coded.first_row_of(two[1])
            sent = f"the label {shown(two[1])} is {shown(two[0])} in another notation"
            raise location.bad_value(
                row,
                name,
                sent,
                "one label is written in one way",
                "Write it in one way",
                count=count,
            )

    def _feature(self, table: pa.Table, name: str, location: ErrorLocation) -> Column:
        column = _plain(table[name])
        if self._kinds[name] is FeatureKind.CATEGORY:
            if not (is_text(column.type) or pa.types.is_null(column.type)):
                raise bad_column(
                    name,
                    f"its type is {column.type}",
                    "it holds texts in the dataset's other splits",
                    "Cast the column to string",
                )
            return pc.cast(column, pa.string())
        return _number_feature(column, name, location)

    def _words(self, table: pa.Table, location: ErrorLocation) -> Mapping[str, Column]:
        words = texts_of_lists(table[WORDS], WORDS, location)
        sizes = list_sizes(words)
        found: dict[str, Column] = {WORDS: pc.cast(words, pa.list_(pa.string()))}
        if self._columns.has_answers:
            found[LABELS] = self._word_labels(table, sizes, location)
        if self._columns.has(BOXES):
            found[BOXES] = boxes_of(table[BOXES], sizes, location)
        return found

    def _word_labels(self, table: pa.Table, sizes: Sizes, location: ErrorLocation) -> Column:
        labels = texts_of_lists(table[LABELS], LABELS, location)
        refuse_other_sizes(LABELS, list_sizes(labels), sizes, location)
        if len(labels.flatten()):
            items = ItemLocation.of(labels, location)
            coded = code_labels(pa.chunked_array([labels.flatten()]), LABELS, items)
            self._note_labels(coded, LABELS, items)
        return pc.cast(labels, pa.list_(pa.string()))


def _pages(table: pa.Table, location: ErrorLocation) -> Column:
    if TEXT in table.column_names:
        refuse_null(table[TEXT], TEXT, location)
        texts = _plain(table[TEXT])
        if not is_text(texts.type):
            raise bad_column(
                TEXT, f"its type is {texts.type}", "text is a string", "Cast the column to string"
            )
        pages = one_page_each(pc.cast(texts, pa.large_string()))
    else:
        pages = texts_of_lists(table[PAGES], PAGES, location)
    sizes = list_sizes(pages)
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        raise location.bad_value(
            int(empty[0]),
            PAGES,
            "the list is empty",
            "a row has at least one page, which may be an empty text",
            FILL_IN,
            count=len(empty),
        )
    return pages


def _images(sent: Column, location: ErrorLocation) -> Column:
    refuse_null(sent, IMAGE, location)
    column = _plain(sent)
    if pa.types.is_struct(column.type) and "bytes" in column.type.names:
        column = column.field("bytes")  # as image features of other libraries are stored
        refuse_null(pa.chunked_array([column]), IMAGE, location)
    if is_text(column.type):
        files = [_unpacked(text, row, location) for row, text in enumerate(column.to_pylist())]
    elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        files = column.to_pylist()
    else:
        raise bad_column(
            IMAGE,
            f"its type is {column.type}",
            "an image is the bytes of a PNG or JPEG file, in JSON and CSV as base64",
            "Send the files as they are",
        )
    for row, data in enumerate(files):
        _check_image(data, row, location)
    sizes = np.array([len(data) for data in files], np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(files))]
    return pa.Array.from_buffers(pa.large_binary(), len(files), buffers)


def _unpacked(text: str, row: int, location: ErrorLocation) -> bytes:
    bare = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        raise location.bad_value(
            row,
            IMAGE,
            f"the text '{truncate(text, 40)}' is no base64",
            "an image is the bytes of a PNG or JPEG file, in JSON and CSV as base64",
            "Encode the file, all of it, by the standard alphabet with its padding",
        ) from None


def _check_image(data: bytes, row: int, location: ErrorLocation) -> None:
    size = image_size(data)
    if size is None:
        raise location.bad_value(
            row,
            IMAGE,
            f"the {len(data)} bytes are no image" if data else "the image is empty",
            "an image is a whole PNG or JPEG file",
            "Convert it, or leave the row out",
        )
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise location.bad_value(
            row,
            IMAGE,
            f"the image has {width} x {height} pixels",
            f"at most {MAX_PIXELS} are allowed, and {MAX_SIDE} to a side",
            "Scale it down; learners do so anyway",
        )


def _names(sent: Column, name: str, location: ErrorLocation) -> Column:
    """Return a column of texts, whole numbers or booleans as texts; null is no value."""
    del location
    if not (is_label_type(sent.type) or pa.types.is_null(sent.type)):
        raise bad_column(
            name,
            f"its type is {sent.type}",
            "it is a string, an integer or a boolean, or null",
            "Cast the column to string",
        )
    return pc.cast(_plain(sent), pa.string())


def _number_feature(column: Column, name: str, location: ErrorLocation) -> Column:
    kind = column.type
    if pa.types.is_null(kind):
        return number_array([None] * len(column))
    if is_text(kind):
        raise bad_column(
            name,
            "it holds texts",
            "it holds numbers in the dataset's other splits",
            "Cast the column to float64, with null where a value is missing",
        )
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.uint8())
    elif pa.types.is_decimal(kind):
        column = pc.cast(pc.cast(column, pa.string()), pa.float64())
    _refuse_inexact(column, name, location)
    missing = flags(column.is_null())
    values = numbers(pc.cast(column.fill_null(0), pa.float64(), safe=False)).astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        sent = f"the value is {values[wrong[0]]}"
        raise location.bad_value(
            int(wrong[0]), name, sent, FEATURE_NUMBER, NO_VALUE, count=len(wrong)
        )
    present = None
    if missing.any():
        present = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    return pa.Array.from_buffers(NUMBER, len(values), [present, pa.py_buffer(values.tobytes())])


def _refuse_inexact(column: Column, name: str, location: ErrorLocation) -> None:
    if not pa.types.is_integer(column.type):
        return
    values = numbers(column.fill_null(0))
    wrong = np.flatnonzero((values > EXACT_INTEGERS) | (values < -EXACT_INTEGERS))
    if len(wrong):
        raise location.bad_value(
            int(wrong[0]),
            name,
            f"the integer {values[wrong[0]]} has no exact float64",
            f"integers reach from -{EXACT_INTEGERS} to {EXACT_INTEGERS}",
            "Leave ids out, or send them as texts",
            count=len(wrong),
        )


def _plain(sent: Column) -> Column:
    """Return a column as one array, the codes of a dictionary as its values."""
    if pa.types.is_dictionary(sent.type):
        sent = sent.cast(sent.type.value_type)
    return one_array(sent)


def _refuse_large(batch: pa.RecordBatch, location: ErrorLocation) -> None:
    sizes = row_sizes(batch)
    wrong = np.flatnonzero(sizes > BLOCK_BYTES)
    if not len(wrong):
        return
    row = int(wrong[0])
    one = batch.slice(row, 1)
    largest = max(one.schema.names, key=lambda name: int(value_sizes(one.column(name))[0]))
    raise location.bad_value(
        row,
        largest,
        f"the row has {sizes[row]} bytes",
        f"a row has at most {BLOCK_BYTES}",
        "Split the record, or leave out what is not needed",
        count=len(wrong),
    )
