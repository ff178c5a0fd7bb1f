"""The step from columns to a chunk of arrays: every row checked, or refused by row and column.

When `y_pred` is absent it follows from the scores: with `score:<label>` the label of the
highest score (the first in label order on ties, scores taken as sent), with a lone `score`
the positive label at 0.5 or above, else the other label. `Chunk.pred_derived` echoes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.records.predictions import (
    MAX_LABEL_CHARS,
    OBVIOUS_PAIRS,
    ClassificationChunk,
    Predictions,
    RegressionChunk,
    obvious_positive,
)
from assay.records.weights import Weights, check_weights
from assay.tabular.arrays import numbers
from assay.tabular.chunk import (
    Chunk,
    Codes,
    Floats,
    Rules,
    code_type,
)
from assay.tabular.errors import ErrorLocation, InputError, InputErrorCode, bad_column, truncate
from assay.tabular.label_notation import plain_form, shown
from assay.tabular.labels import (
    Coded,
    code_labels,
    is_label_type,
    is_text,
    refuse_missing_words,
    refuse_null,
    refuse_two_notations,
)
from assay.tabular.numbers import (
    SUM_TOLERANCE,
    refuse_sums,
    row_sums,
    score_values,
    target_values,
    weight_values,
)
from assay.tabular.roles import Roles, assign_roles
from assay.tabular.row_ids import RowIds, row_ids_of

# The other label of an obvious pair, for a block in which only the positive one occurs.
COMPLEMENTS = {positive: (negative,) for negative, positive in OBVIOUS_PAIRS}
THRESHOLD = 0.5  # a lone score at or above it predicts the positive label


def chunk_from_table(table: pa.Table, rules: Rules, location: ErrorLocation) -> Chunk:
    """Return the rows of `table` as arrays; raises InputError naming row and column."""
    roles = assign_roles(table.column_names, rules)
    row_ids = read_row_ids(table, location) if roles.has_row_id else None
    weights = weight_values(table["weight"], location) if roles.has_weight else None
    extras = {name: _kept(table[name], name, location) for name in roles.extras}
    pred_derived = False
    predictions: Predictions
    if rules.regression:
        true, predicted = (target_values(table[n], n, location) for n in ("y_true", "y_pred"))
        _check_total(weights, location)
        predictions = RegressionChunk(true=true, predicted=predicted, weights=weights)
    else:
        pred_derived = not roles.has_pred
        predictions = _classification(table, roles, rules, location, weights)
    return Chunk(
        first_row=location.first_row,
        predictions=predictions,
        pred_derived=pred_derived,
        row_ids=row_ids,
        extras=extras,
    )


def _classification(
    table: pa.Table, roles: Roles, rules: Rules, location: ErrorLocation, weights: Weights | None
) -> ClassificationChunk:
    true = code_labels(table["y_true"], "y_true", location)
    pred = code_labels(table["y_pred"], "y_pred", location) if roles.has_pred else None
    columns = {"y_true": true} if pred is None else {"y_true": true, "y_pred": pred}
    if rules.labels is None and not roles.score_labels:
        refuse_two_notations(columns, location)
        for name, coded in columns.items():
            refuse_missing_words(coded, name, location)
    labels = _label_table(true, pred, roles, rules)
    true_codes = _recode(true, labels, "y_true", rules, location)
    positive = _positive(labels, roles, rules)
    if positive is not None and roles.has_score:
        labels = _with_complement(labels, positive)
        true_codes = _recode(true, labels, "y_true", rules, location)
    scores = _scores(table, roles, rules, location)
    if pred is not None:
        predicted = _recode(pred, labels, "y_pred", rules, location)
    else:
        # Without scores the positive label need not occur in each block, nor be needed.
        predicted = _derived(scores, labels, labels.index(positive) if positive in labels else None)
    _check_total(weights, location)
    return ClassificationChunk(
        labels=labels,
        fixed=rules.labels is not None or len(scores) > 1,
        true=true_codes,
        predicted=predicted,
        scores=np.stack(scores) if scores else None,
        score_labels=(positive,) if roles.has_score and positive else labels if scores else (),
        weights=weights,
    )


def _check_total(weights: Weights | None, location: ErrorLocation) -> None:
    """Refuse weights that together are more than their sums may hold."""
    if weights is None:
        return
    try:
        check_weights(weights, len(weights))
    except ValueError as error:
        row = location.first_row
        raise InputError(
            InputErrorCode.BAD_ROWS,
            f"row {row} and those after it, column weight: {error}. Scale all weights by the same "
            "factor.",
            {"row": row, "column": "weight"},
        ) from error


def read_row_ids(
    table: pa.Table, location: ErrorLocation, *, holder: str = "an evaluation"
) -> RowIds:
    """Return the column `row_id`; refuses nulls, empty or long ids and duplicates."""
    column = table["row_id"]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (is_text(kind) or pa.types.is_integer(kind)):
        raise bad_column(
            "row_id",
            f"its type is {column.type}",
            "an id is a string or an integer",
            "Cast the column to string",
        )
    refuse_null(column, "row_id", location)
    ids = row_ids_of(column)
    sizes = ids.sizes
    if sizes.max(initial=1) > MAX_LABEL_CHARS:  # bytes are no fewer than characters
        sizes = numbers(pc.utf8_length(ids.texts)).astype(np.int64)
    wrong = np.flatnonzero((sizes < 1) | (sizes > MAX_LABEL_CHARS))
    if len(wrong):
        raise location.bad_value(
            int(wrong[0]),
            "row_id",
            f"the id has {sizes[wrong[0]]} characters",
            f"an id has 1 to {MAX_LABEL_CHARS}",
            "Send the row's own key",
            count=len(wrong),
        )
    twice = ids.first_duplicate()
    if twice is not None:
        first, second, text = twice
        raise location.bad_value(
            second,
            "row_id",
            f"the id '{truncate(text)}' is that of row {location.first_row + first} too",
            f"each id occurs once in {holder}",
            "Remove the repeated row, or give it its own id",
        )
    return ids


def _label_table(true: Coded, pred: Coded | None, roles: Roles, rules: Rules) -> tuple[str, ...]:
    if rules.labels is not None:
        return rules.labels
    if roles.score_labels:
        return roles.score_labels
    observed = set(true.texts) | set(pred.texts if pred is not None else ())
    return tuple(sorted(observed))


def _positive(labels: tuple[str, ...], roles: Roles, rules: Rules) -> str | None:
    """Return the positive label; refuse a lone score whose class nobody named."""
    if rules.positive_label is not None:
        return rules.positive_label
    positive = obvious_positive(labels)
    if positive is None and roles.has_score:
        raise bad_column(
            "score",
            f"nothing says which of the labels {truncate(', '.join(labels))} it belongs to",
            "a lone score needs a declared positive label, or the labels 0/1, false/true or no/yes, "
            "in small or capital letters",
            "Name the positive_label (--positive-label) of the evaluation or the model, or send one "
            "score:<label> per class",
        )
    return positive


def _with_complement(labels: tuple[str, ...], positive: str) -> tuple[str, ...]:
    """Return the two labels of a lone score, completed where the block shows only one."""
    if positive not in labels:
        labels = tuple(sorted((*labels, positive)))
    if len(labels) == 1:
        labels = tuple(sorted((*labels, *COMPLEMENTS.get(positive, ()))))
    if len(labels) > 2:
        raise bad_column(
            "score",
            f"there are {len(labels)} labels ({truncate(', '.join(labels))})",
            "a lone score is the positive class's probability among two labels",
            "Send one score:<label> per class",
        )
    return labels


def _recode(
    coded: Coded, labels: tuple[str, ...], name: str, rules: Rules, location: ErrorLocation
) -> Codes:
    codes = {label: code for code, label in enumerate(labels)}
    for text in coded.texts:
        if text not in codes:
            row, count = coded.first_row_of(text)
            source = "declared labels" if rules.labels is not None else "labels with a score column"
            raise location.bad_value(
                row,
                name,
                f"the label {shown(text)} is unknown",
                f"the {source} are {truncate(', '.join(labels))}",
                _meant(text, labels) or "Correct the label, or declare it with the model",
                count=count,
            )
    kind = code_type(len(labels))
    lookup = np.array([codes[text] for text in coded.texts], kind)
    recoded: Codes = lookup[coded.indices] if len(coded.texts) else np.empty(0, kind)
    return recoded


def _meant(text: str, labels: tuple[str, ...]) -> str:
    form = plain_form(text)
    near = next((label for label in labels if plain_form(label) == form), None)
    return "" if near is None else f"Write it as {shown(near)}"


def _scores(
    table: pa.Table, roles: Roles, rules: Rules, location: ErrorLocation
) -> tuple[Floats, ...]:
    names = roles.score_columns
    scores = tuple(score_values(table[name], name, location) for name in names)
    if len(scores) < 2:
        return scores
    sums = row_sums(scores)
    if rules.renormalize:
        refuse_sums(np.where(sums > 0.0, 1.0, sums), 0.5, location)
        return tuple(column / sums for column in scores)
    refuse_sums(
        sums,
        max(SUM_TOLERANCE.get(str(table[name].type), SUM_TOLERANCE["double"]) for name in names),
        location,
    )
    return scores


def _derived(scores: tuple[Floats, ...], labels: tuple[str, ...], positive: int | None) -> Codes:
    kind = code_type(len(labels))
    if len(scores) == 1:
        if len(labels) != 2 or positive is None:
            raise bad_column(
                "y_pred",
                "the column is missing and cannot be derived from the score",
                f"both labels must be known, here are {truncate(', '.join(labels))}",
                "Add y_pred, or declare both labels with the model",
            )
        picks = np.array([1 - positive, positive], kind)
        return picks[(scores[0] >= THRESHOLD).astype(np.intp)]
    best = scores[0].copy()
    codes = np.zeros(len(best), kind)
    for code, column in enumerate(scores[1:], start=1):
        # Written where it is higher, without gathering: three times as fast.
        np.copyto(codes, kind(code), where=column > best)
        np.maximum(best, column, out=best)
    return codes


def _kept(column: pa.ChunkedArray[Any], name: str, location: ErrorLocation) -> pa.ChunkedArray[Any]:
    kind = column.type
    if name.startswith("slice:") and pa.types.is_null(kind):
        return column  # no row of the block has a value
    numeric = name.startswith("feature:") and pa.types.is_floating(kind)
    if not (is_label_type(kind) or numeric):
        raise bad_column(
            name,
            f"its type is {kind}",
            "a string, an integer or a boolean (a feature: a float too)",
            "Cast the column, or leave it out",
        )
    if name == "cluster_id":  # of a slice column, null is a value: these rows have none
        refuse_null(column, name, location)
    return column
