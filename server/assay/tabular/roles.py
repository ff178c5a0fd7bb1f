"""Roles of columns by their names, and the refusal of columns that have none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.records.predictions import MAX_LABEL_CHARS
from assay.tabular.chunk import MAX_COLUMNS, Rules
from assay.tabular.errors import InputError, InputErrorCode, bad_column, truncate
from assay.tabular.suggestion import nearest

KNOWN = (
    "y_true, y_pred, score, score:<label>, weight, row_id, slice:<name>, feature:<name> and "
    "cluster_id"
)
# A data frame's index, which pandas writes without a name into CSV, and as this into Parquet.
INDEX = re.compile(r"__index_level_\d+__", re.ASCII)
PARTS = ("y_true", "y_pred", "score", "weight", "row_id", "cluster_id")
KEPT_PREFIXES = ("slice:", "feature:")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns of one block by their part."""

    has_pred: bool
    has_score: bool  # the lone column `score`
    score_labels: tuple[str, ...]  # of `score:<label>`, in label order
    has_weight: bool
    has_row_id: bool
    extras: tuple[str, ...]  # slices, features and cluster_id, kept with the rows

    @property
    def score_columns(self) -> tuple[str, ...]:
        """The names of all score columns in label order."""
        return ("score",) * self.has_score + tuple(f"score:{label}" for label in self.score_labels)


def assign_roles(names: Sequence[str], rules: Rules) -> Roles:
    """Return the part of every column; raises InputError for any that has none.

    Refuses duplicate and unknown columns, missing ones, a lone `score` beside
    `score:<label>`, score columns of a regression, and score columns that do not match the
    declared labels. The index of a data frame has no part: it is no column of the rows.
    """
    refuse_too_many(len(names))
    if rules.joined:
        _refuse_unjoined(names)
    elif "y_true" not in names:
        meant = nearest("y_true", names)
        raise bad_column(
            "y_true",
            "the column is missing",
            f"the columns are {KNOWN}",
            f"Rename '{truncate(meant, 60)}' to it if that is the ground truth of every row"
            if meant
            else "Add the ground truth of every row, or rename the column that holds it; there "
            f"are {truncate(', '.join(names)) or 'none'}",
        )
    _refuse_names([name for at, name in enumerate(names) if not is_index(at, name)])
    score_labels = tuple(name.removeprefix("score:") for name in names if name.startswith("score:"))
    if rules.labels is not None:
        _refuse_other_labels(score_labels, rules.labels)
        score_labels = rules.labels if score_labels else ()  # all of them have a column now
    roles = Roles(
        has_pred="y_pred" in names,
        has_score="score" in names,
        score_labels=score_labels if rules.labels is not None else tuple(sorted(score_labels)),
        has_weight="weight" in names,
        has_row_id="row_id" in names,
        extras=tuple(n for n in names if n == "cluster_id" or n.startswith(KEPT_PREFIXES)),
    )
    _refuse_missing(roles, rules)
    return roles


def _refuse_unjoined(names: Sequence[str]) -> None:
    if "y_true" in names:
        raise bad_column(
            "y_true",
            "it stands beside a dataset that is named as the ground truth",
            "the truth of each row is that of its row_id in the dataset",
            "Leave the column out, or name no dataset",
        )
    if "row_id" not in names:
        meant = nearest("row_id", names)
        raise bad_column(
            "row_id",
            "the column is missing",
            "by it the truth of each row is found in the dataset that is named",
            f"Rename '{truncate(meant, 60)}' to it if that is it" if meant else "Add each row's id",
        )


def refuse_too_many(columns: int) -> None:
    """Raise InputError for more columns than any upload has."""
    if columns > MAX_COLUMNS:
        raise InputError(
            InputErrorCode.BAD_ROWS,
            f"The upload has {columns} columns; at most {MAX_COLUMNS} are allowed. Leave out "
            "features that you do not need.",
            {"columns": columns},
        )


def is_index(at: int, name: str) -> bool:
    """Say whether a column is the index of a data frame, by its place and name."""
    return (at == 0 and not name) or bool(INDEX.fullmatch(name))


def refuse_repeated(names: Sequence[str]) -> None:
    """Raise the refusal of a file in which a column occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise bad_column(
                name, "it occurs twice", "each column occurs once", "Rename or remove one of them"
            )
        seen.add(name)


def _refuse_names(names: Sequence[str]) -> None:
    refuse_repeated(names)
    for name in names:
        prefix, colon, rest = name.partition(":")
        known = name in PARTS or (colon and prefix in ("score", "slice", "feature"))
        if not known:
            raise bad_column(
                name, "no such column is known", f"the columns are {KNOWN}", _way_out(name)
            )
        if colon and not 1 <= len(rest) <= MAX_LABEL_CHARS:
            raise bad_column(
                name,
                f"the name behind '{prefix}:' has {len(rest)} characters",
                f"it has 1 to {MAX_LABEL_CHARS}",
                "Name the class, slice or feature",
            )


def _way_out(name: str) -> str:
    if not name.strip():
        return "Name the column, or leave it out; data frames leave out their index by index=False"
    prefix, colon, rest = name.strip().partition(":")
    known = ("score", *(kept.removesuffix(":") for kept in KEPT_PREFIXES)) if colon else PARTS
    near = nearest(prefix, known)
    question = (
        f"Did you mean '{near}{colon}{truncate(rest, 60)}'? If not, rename" if near else "Rename"
    )
    return f"{question} it to 'feature:{truncate(name, 60)}' to keep it, or leave it out"


def _refuse_other_labels(score_labels: tuple[str, ...], declared: tuple[str, ...]) -> None:
    if not score_labels:
        return
    known, sent = set(declared), set(score_labels)
    for label in score_labels:
        if label not in known:
            raise bad_column(
                f"score:{label}",
                f"'{truncate(label)}' is not a declared label",
                f"the labels are {truncate(', '.join(declared))}",
                "Rename the column, or declare the label with the model",
            )
    for label in declared:
        if label not in sent:
            raise bad_column(
                f"score:{label}",
                "the column is missing",
                "every declared label has a score column once one of them has",
                "Add it, with 0 where the model cannot answer the label",
            )


def _refuse_missing(roles: Roles, rules: Rules) -> None:
    if rules.regression and roles.score_columns:
        raise bad_column(
            roles.score_columns[0],
            "a regression has no scores",
            "a regression's columns are y_true, y_pred, weight, row_id, slice:<name>, feature:<name>",
            "Leave the column out, or evaluate a classification model",
        )
    if roles.has_score and roles.score_labels:
        raise bad_column(
            "score",
            f"it stands beside 'score:{truncate(roles.score_labels[0])}'",
            "an upload has one `score` column or one `score:<label>` per class",
            "Remove `score`",
        )
    if len(roles.score_labels) == 1:
        raise bad_column(
            roles.score_columns[0],
            "it is the only class with a score",
            "an upload has one `score` column or one `score:<label>` per class",
            "Add the other classes, or name the column `score`",
        )
    if not roles.has_pred and not roles.score_columns:
        allowed = "y_pred" if rules.regression else "y_pred, score or score:<label> is needed"
        raise bad_column(
            "y_pred", "the column is missing", allowed, "Add the model's prediction of every row"
        )
