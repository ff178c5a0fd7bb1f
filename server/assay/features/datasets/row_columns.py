"""Columns of a dataset's rows by their names: which part each plays for the task type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.features.datasets.stored_split import FeatureColumn
from assay.learning.rows import (
    ANSWERS,
    BOXES,
    GROUP,
    IMAGE,
    LABEL,
    LABELS,
    PAGES,
    ROW_ID,
    TARGET,
    WORDS,
    TaskType,
)
from assay.records.predictions import MAX_LABEL_CHARS
from assay.tabular.errors import bad_column, truncate
from assay.tabular.roles import is_index, refuse_repeated, refuse_too_many
from assay.tabular.suggestion import nearest

TEXT = "text"  # a row's only page

_NEEDED = {
    TaskType.TEXT_CLASSIFICATION: (LABEL,),
    TaskType.IMAGE_CLASSIFICATION: (IMAGE, LABEL),
    TaskType.EXTRACTION: (WORDS, LABELS),
    TaskType.TABULAR_CLASSIFICATION: (LABEL,),
    TaskType.TABULAR_REGRESSION: (TARGET,),
}
_ALLOWED = {
    TaskType.TEXT_CLASSIFICATION: (TEXT, PAGES),
    TaskType.EXTRACTION: (BOXES,),
}
_TAKEN = {  # what no feature is called: it would be the answer
    TaskType.TABULAR_CLASSIFICATION: TARGET,
    TaskType.TABULAR_REGRESSION: LABEL,
}


@dataclass(frozen=True, kw_only=True)
class RowColumns:
    """The columns of one file by their part."""

    task_type: TaskType
    names: frozenset[str]  # all of them, but for the index of a data frame
    features: tuple[str, ...]  # by name; empty but for tabular rows

    def has(self, name: str) -> bool:
        """Say whether rows have a column."""
        return name in self.names

    @property
    def has_answers(self) -> bool:
        """Say whether rows have what is learned."""
        return all(map(self.has, ANSWERS.intersection(_NEEDED[self.task_type])))


def known_columns(task_type: TaskType) -> tuple[str, ...]:
    """Return the columns that rows of a task type may have, features aside."""
    return (ROW_ID, GROUP, *_ALLOWED.get(task_type, ()), *_NEEDED[task_type])


def columns_of(
    task_type: TaskType,
    names: Sequence[str],
    like: Sequence[FeatureColumn] | None = None,
    *,
    answers: bool = True,
) -> RowColumns:
    """Return the parts of a file's columns; raises InputError for any that has none, or is missing.

    Args:
        task_type: what is learned.
        names: of the columns.
        like: the features of the dataset's other splits, which are the same; None: it has none.
        answers: False lets rows lack what is learned, which is to be predicted.
    """
    refuse_too_many(len(names))
    kept = [name for at, name in enumerate(names) if not is_index(at, name)]
    _refuse_names(kept)
    found = frozenset(kept)
    known = known_columns(task_type)
    others = sorted(found.difference(known))
    for name in (ROW_ID, *_NEEDED[task_type]):
        if name not in found and (answers or name not in ANSWERS):
            raise _missing(name, task_type, others)
    if task_type is TaskType.TEXT_CLASSIFICATION:
        _refuse_two_texts(found, others)
    if not task_type.is_tabular:
        if others:
            raise _unknown(others[0], known, task_type)
        return RowColumns(task_type=task_type, names=found, features=())
    _check_features(task_type, others, like)
    return RowColumns(task_type=task_type, names=found, features=tuple(others))


def _refuse_names(names: Sequence[str]) -> None:
    refuse_repeated(names)
    for name in names:
        if not 1 <= len(name) <= MAX_LABEL_CHARS or not name.strip():
            shown = f"{len(name)} characters" if name.strip() else "nothing that is seen"
            raise bad_column(
                name,
                f"its name has {shown}",
                f"a name has 1 to {MAX_LABEL_CHARS} characters",
                "Rename the column; data frames leave out their index by index=False",
            )


def _missing(name: str, task_type: TaskType, others: Sequence[str]) -> Exception:
    what = {
        ROW_ID: "the row's own id, a text or an integer",
        LABEL: "the row's class",
        TARGET: "the row's number",
        IMAGE: "the bytes of a PNG or JPEG file",
        WORDS: "the words of the row's document",
        LABELS: "the field of each word, O for none",
    }[name]
    meant = nearest(name, others)
    return bad_column(
        name,
        "the column is missing",
        f"rows of {task_type} have it: {what}",
        f"Rename '{truncate(meant, 60)}' to it if that is it"
        if meant
        else f"Add it; beside the known columns there are {truncate(', '.join(others)) or 'none'}",
    )


def _unknown(name: str, known: Sequence[str], task_type: TaskType) -> Exception:
    meant = nearest(name, known)
    return bad_column(
        name,
        "no such column is known",
        f"rows of {task_type} have {', '.join(known)}",
        f"Rename it to '{meant}', or leave it out" if meant else "Leave it out",
    )


def _refuse_two_texts(found: frozenset[str], others: Sequence[str]) -> None:
    if TEXT in found and PAGES in found:
        raise bad_column(
            TEXT, "it stands beside pages", "a row has one of the two", "Leave one of them out"
        )
    if not {TEXT, PAGES} & found:
        meant = nearest(TEXT, others) or nearest(PAGES, others)
        raise bad_column(
            TEXT,
            "the column is missing",
            "rows of text_classification have text, or pages, a list of texts",
            f"Rename '{truncate(meant, 60)}' to it" if meant else "Add the text of every row",
        )


def _check_features(
    task_type: TaskType, features: Sequence[str], like: Sequence[FeatureColumn] | None
) -> None:
    taken = _TAKEN[task_type]
    if taken in features:
        raise bad_column(
            taken,
            f"rows of {task_type} have no such column",
            f"what is learned is in the column {_NEEDED[task_type][0]}",
            "Leave it out, or rename it if it is a feature",
        )
    if not features:
        raise bad_column(
            ROW_ID,
            "there is no feature beside it",
            "every column that is not row_id, group or what is learned is a feature",
            "Add the columns that a model is to learn from",
        )
    if like is not None:
        _refuse_other_features(features, [one.name for one in like])


def _refuse_other_features(features: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in features if name not in set(known)]
    missing = [name for name in known if name not in set(features)]
    if unknown:
        meant = nearest(unknown[0], missing)
        raise bad_column(
            unknown[0],
            "the dataset's other splits have no such feature",
            f"they have {truncate(', '.join(known))}",
            f"Rename it to '{meant}'" if meant else "Leave it out, or make another dataset",
        )
    if missing:
        raise bad_column(
            missing[0],
            "the feature is missing",
            "the dataset's other splits have it",
            "Add the column, with no value where there is none",
        )
