"""Columns of a file of dataset rows: typed by their part, whatever the format of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.features.datasets.json_lists import lists_of_boxes, lists_of_texts
from assay.features.datasets.row_columns import RowColumns, columns_of
from assay.features.datasets.stored_split import FeatureColumn, FeatureKind
from assay.learning.rows import BOXES, IMAGE, LABEL, LABELS, PAGES, TARGET, WORDS, TaskType
from assay.tabular.errors import ErrorLocation, bad_column
from assay.tabular.label_notation import MISSING_WORDS
from assay.tabular.labels import is_text
from assay.tabular.numbers import parse_floats
from assay.tabular.roles import is_index
from assay.tabular.values import TARGET as A_NUMBER
from assay.tabular.values import kind_of, number_column, text_column, wrong_value

FEATURE_NUMBER = "a feature of numbers holds finite numbers, and nothing where a value is missing"
FEATURE_TEXT = "a feature of texts holds texts, and nothing where a value is missing"
LISTS = (PAGES, WORDS, LABELS, BOXES)

Kinds = Mapping[str, FeatureKind]
Values = Sequence[object]


class DatasetColumns:
    """The columns that rows of a task type have; `kinds` are those of features, where known.

    Without `answers` rows may lack what is learned.
    """

    key = "row_id"
    line_bytes = 1 << 24  # an image of 8 MiB in base64, and more
    batch_bytes = 8 << 20

    def __init__(
        self,
        task_type: TaskType,
        *,
        like: Sequence[FeatureColumn] | None = None,
        kinds: Kinds | None = None,
        answers: bool = True,
    ) -> None:
        self._task_type = task_type
        self._like = like
        self._answers = answers
        self.kinds = kinds or {}
        self.found: RowColumns | None = None  # once the file's names were checked

    @property
    def block_bytes(self) -> int:
        """The most bytes of a row of CSV: of many features, or with an image in base64."""
        return 2 << 20 if self._task_type.is_tabular else 12 << 20

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that have no part, or lack one."""
        self.found = columns_of(self._task_type, names, self._like, answers=self._answers)

    def coded(self, schema: pa.Schema) -> list[str]:
        """Return the label, of which there are few."""
        return [field.name for field in schema if field.name == LABEL and is_text(field.type)]

    def from_texts(
        self, names: Sequence[str], texts: Sequence[pa.Array[Any]], location: ErrorLocation
    ) -> pa.Table:
        """Return columns of CSV with numbers as float64; an empty field is no value."""
        columns: dict[str, pa.Array[Any]] = {}
        for at, (name, column) in enumerate(zip(names, texts, strict=True)):
            if is_index(at, name):
                continue
            if name in LISTS:
                raise bad_column(
                    name,
                    "it holds lists",
                    "a field of CSV is one value",
                    "Send JSON Lines, Parquet or Arrow",
                )
            if name == TARGET:
                columns[name] = parse_floats(column.fill_null(""), name, location, A_NUMBER)
            elif self.kinds.get(name) is FeatureKind.NUMBER:
                filled: Any = pc.if_else(pc.equal(column, pa.scalar("")), None, column)
                columns[name] = parse_floats(filled, name, location, FEATURE_NUMBER)
            else:
                columns[name] = column
        return pa.table(columns)

    def from_values(self, columns: Mapping[str, Values], location: ErrorLocation) -> pa.Table:
        """Return values of JSON typed by the part of their column."""
        return pa.table(
            {name: self._typed(name, values, location) for name, values in columns.items()}
        )

    def _typed(self, name: str, values: Values, location: ErrorLocation) -> pa.Array[Any]:
        if name == TARGET:
            return number_column(values, name, location, A_NUMBER)
        if name in (PAGES, WORDS, LABELS):
            return lists_of_texts(values, name, location)
        if name == BOXES:
            return lists_of_boxes(values, location)
        kind = self.kinds.get(name)
        if kind is FeatureKind.NUMBER:
            plain = [float(one) if isinstance(one, bool) else one for one in values]
            return number_column(plain, name, location, FEATURE_NUMBER)
        if kind is FeatureKind.CATEGORY or name in ("text", IMAGE):
            allowed = FEATURE_TEXT if kind else f"{name} is a text"
            for row, value in enumerate(values):
                if not (value is None or isinstance(value, str)):
                    raise wrong_value(row, name, f"{kind_of(value)} was sent", allowed, location)
        return text_column(values, name, location)


class FeatureScan(DatasetColumns):
    """A first look at a text file: which of its features are numbers and which are categories.

    A column of CSV is numbers when every value in it is one. A column of JSON Lines is what its
    first value is; once all of them had one, `is_complete`.
    """

    def __init__(self, task_type: TaskType, *, answers: bool = True) -> None:
        super().__init__(task_type, answers=answers)
        self.kinds: dict[str, FeatureKind] = {}
        self.is_complete = False

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that have no part, or lack one."""
        super().check(names)
        self.is_complete = not self._features

    @property
    def _features(self) -> tuple[str, ...]:
        return self.found.features if self.found is not None else ()

    def from_texts(
        self, names: Sequence[str], texts: Sequence[pa.Array[Any]], location: ErrorLocation
    ) -> pa.Table:
        """Look at columns of CSV; return nothing of them."""
        del location
        by_name = dict(zip(names, texts, strict=True))
        for name in self._features:
            if self.kinds.get(name) is not FeatureKind.CATEGORY:
                known = _known(by_name[name])
                if not _are_numbers(known):
                    self.kinds[name] = FeatureKind.CATEGORY
                elif len(known):
                    self.kinds[name] = FeatureKind.NUMBER
        found = [self.kinds.get(name) for name in self._features]
        self.is_complete = all(one is FeatureKind.CATEGORY for one in found)
        return pa.table({})

    def from_values(self, columns: Mapping[str, Values], location: ErrorLocation) -> pa.Table:
        """Look at columns of JSON; return nothing of them."""
        del location
        for name in self._features:
            first = next((one for one in columns[name] if one is not None), None)
            if name not in self.kinds and first is not None:
                is_number = isinstance(first, int | float)
                self.kinds[name] = FeatureKind.NUMBER if is_number else FeatureKind.CATEGORY
        self.is_complete = len(self.kinds) == len(self._features)
        return pa.table({})

    def every_kind(self) -> Kinds:
        """Return the kind of each feature; one without a value anywhere is a number."""
        return {name: self.kinds.get(name, FeatureKind.NUMBER) for name in self._features}


def kinds_of_types(features: Sequence[str], schema: pa.Schema) -> Kinds:
    """Return the kind of each feature of an Arrow table; raises InputError for another type."""
    return {name: _kind_of_type(name, schema.field(name).type) for name in features}


def _kind_of_type(name: str, kind: pa.DataType) -> FeatureKind:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    if is_text(values):
        return FeatureKind.CATEGORY
    if (
        pa.types.is_floating(values)
        or pa.types.is_integer(values)
        or pa.types.is_boolean(values)
        or pa.types.is_decimal(values)
        or pa.types.is_null(values)
    ):
        return FeatureKind.NUMBER
    raise bad_column(
        name,
        f"its type is {kind}",
        "a feature is a number, a boolean or a text",
        "Cast the column, or leave it out",
    )


def _known(column: Any) -> Any:
    """Return the values of a column of CSV that are there."""
    missing = pa.array(["", *sorted(MISSING_WORDS)])
    known = column.drop_null()
    return known.filter(pc.invert(pc.is_in(known, value_set=missing)))


def _are_numbers(texts: Any) -> bool:
    try:
        pc.cast(pc.utf8_trim_whitespace(texts), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
