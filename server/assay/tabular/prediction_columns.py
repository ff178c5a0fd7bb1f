"""Columns of a file of predictions: `y_true`, `y_pred`, scores and what is kept with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation
from assay.tabular.labels import is_text
from assay.tabular.numbers import SCORE, WEIGHT, parse_floats
from assay.tabular.roles import assign_roles
from assay.tabular.values import table_of_values

LABELS = ("y_true", "y_pred")


class PredictionColumns:
    """The columns that the rules of an upload allow."""

    line_bytes = 1 << 20
    block_bytes = 1 << 20
    batch_bytes = 8 << 20

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.key = "row_id" if rules.joined else "y_true"

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns that have no part, or lack one."""
        assign_roles(names, self._rules)

    def coded(self, schema: pa.Schema) -> list[str]:
        """Return the labels: their dictionaries are kept as they are stored."""
        return [field.name for field in schema if field.name in LABELS and is_text(field.type)]

    def from_texts(
        self, names: Sequence[str], texts: Sequence[pa.Array[Any]], location: ErrorLocation
    ) -> pa.Table:
        """Return a block with numbers as float64 and labels as dictionaries."""
        numbers = {*assign_roles(names, self._rules).score_columns, "weight"}
        if self._rules.regression:
            numbers |= set(LABELS)
        value = "a regression's value is a finite number" if self._rules.regression else SCORE
        columns = {}
        for name, sent in zip(names, texts, strict=True):
            if name.startswith("slice:"):
                columns[name] = sent  # without a character it is no value, "" is the empty text
                continue
            column = sent.fill_null("")
            if name in numbers:
                allowed = WEIGHT if name == "weight" else value
                columns[name] = parse_floats(column, name, location, allowed)
            elif name in LABELS:
                columns[name] = column.dictionary_encode()
            else:
                columns[name] = column
        return pa.table(columns)

    def from_values(
        self, columns: Mapping[str, Sequence[object]], location: ErrorLocation
    ) -> pa.Table:
        """Return values typed by the part of their column."""
        return table_of_values(columns, self._rules, location)
