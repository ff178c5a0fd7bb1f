"""Resolved hyperparameters: what was given, checked by the table, and the defaults of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from assay.learning.hyperparameter import (
    Affects,
    Hyperparameter,
    HyperparameterError,
    Value,
)
from assay.learning.hyperparameter_table import ALGORITHMS, BY_NAME, TABLE
from assay.learning.rows import TaskType
from assay.records import Record

MAX_STEP_CHUNKS = 8192  # of all batches of a step


class Hyperparameters(Record):
    """The value of every hyperparameter of a task type and algorithm, in the table's order."""

    task_type: TaskType
    values: dict[str, Value]

    @property
    def algorithm(self) -> str:
        """Return the family of models."""
        return self.text("algorithm")

    def integer(self, name: str) -> int:
        """Return a whole number."""
        return cast(int, self.values[name])

    def number(self, name: str) -> float:
        """Return a number."""
        return float(cast(float, self.values[name]))

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return cast(bool, self.values[name])

    def text(self, name: str) -> str:
        """Return a word."""
        return cast(str, self.values[name])

    def changed(self, changes: Mapping[str, object]) -> Hyperparameters:
        """Return them with other values of some; raises HyperparameterError."""
        return resolve(self.task_type, {**self.values, **changes})


def resolve(task_type: TaskType, given: Mapping[str, object]) -> Hyperparameters:
    """Return all hyperparameters of a training of `task_type`.

    Raises HyperparameterError for a name that there is not, or a value that is not allowed.
    """
    algorithm = _algorithm(task_type, given)
    known = {row.name: row for row in rows_of(task_type, algorithm)}
    for name in given:
        if name not in known:
            raise _unknown(name, task_type, algorithm, known)
    values = {
        name: row.checked(given.get(name, row.default_of(algorithm, task_type)))
        for name, row in known.items()
    }
    together = cast(int, values["batch_size"]) * cast(int, values["gradient_accumulation_steps"])
    if together > MAX_STEP_CHUNKS:
        raise HyperparameterError(
            "gradient_accumulation_steps",
            f"batch_size times gradient_accumulation_steps is {together}; allowed is at most"
            f" {MAX_STEP_CHUNKS}",
        )
    if cast(int, values["chunk_overlap"]) >= cast(int, values["max_length"]):
        if "chunk_overlap" in given:
            raise HyperparameterError(
                "chunk_overlap",
                f"chunk_overlap is {values['chunk_overlap']}; allowed is less than max_length,"
                f" which is {values['max_length']}",
            )
        values["chunk_overlap"] = cast(int, values["max_length"]) // 8
    return Hyperparameters(task_type=task_type, values=values)


def rows_of(task_type: TaskType, algorithm: str) -> Iterator[Hyperparameter]:
    """Yield the rows whose names are accepted, in the order of the table."""
    for row in TABLE:
        if not row.own or row.is_of(task_type, algorithm):
            yield row


def searchable(task_type: TaskType, algorithm: str) -> tuple[Hyperparameter, ...]:
    """Return the rows that a trial of a search may change: those that change learning alone."""
    return tuple(
        row
        for row in rows_of(task_type, algorithm)
        if row.affects is Affects.LEARNING and row.is_of(task_type, algorithm)
    )


def _algorithm(task_type: TaskType, given: Mapping[str, object]) -> str:
    row = BY_NAME["algorithm"]
    allowed = ALGORITHMS[task_type]
    name = cast(str, row.checked(given.get("algorithm", allowed[0])))
    if name not in allowed:
        raise HyperparameterError(
            "algorithm", f'algorithm is "{name}"; {task_type} has {" or ".join(allowed)}'
        )
    return name


def _unknown(
    name: str, task_type: TaskType, algorithm: str, known: Mapping[str, Hyperparameter]
) -> HyperparameterError:
    if name in BY_NAME:
        scopes = " and ".join(sorted(BY_NAME[name].scopes))
        return HyperparameterError(
            name, f"{name} is a hyperparameter of {scopes}, not of {task_type} by {algorithm}"
        )
    shown = name if len(name) <= 100 else name[:99] + "…"
    return HyperparameterError(name, f"there is no hyperparameter {shown}", known)
