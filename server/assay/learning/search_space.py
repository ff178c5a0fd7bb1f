"""Search spaces: the hyperparameters that the trials of a search change, and their values.

A space is given as `hp_search_param_space`, a list with one object for each hyperparameter:

    {"name", "type": "categorical", "choices": [...]}
    {"name", "type": "int" or "float", "low", "high", "step"?, "log"?}

Both ends of a range are in it. `step` counts from `low`; with `log` small values are tried as
often as large ones. An empty list is the default space of the task type and algorithm.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from assay.learning.errors import shortened, shown
from assay.learning.hyperparameter import Hyperparameter, HyperparameterError, Value
from assay.learning.hyperparameter_table import BY_NAME, GRADIENT, GRADIENT_BOOSTING
from assay.learning.hyperparameters import MAX_STEP_CHUNKS, Hyperparameters, searchable
from assay.learning.rows import TaskType
from assay.records import Record

FIELD: Final = "hp_search_param_space"
MAX_PARAMETERS: Final = 32
MAX_CHOICES: Final = 100


class ParameterType(StrEnum):
    """The kind of values of a parameter."""

    CATEGORICAL = "categorical"
    INT = "int"
    FLOAT = "float"


class Parameter(Record):
    """A hyperparameter that trials change; choices, or a range that ends on a step."""

    name: str
    type: ParameterType
    choices: tuple[bool | int | float | str, ...] = ()
    low: int | float = 0
    high: int | float = 0
    step: int | float | None = None  # of whole numbers 1 at least; None: any number
    log: bool = False

    @property
    def size(self) -> int | None:
        """Return the number of values; None where there are too many to count."""
        if self.type is ParameterType.CATEGORICAL:
            return len(self.choices)
        if self.low == self.high:
            return 1
        return None if self.step is None else _steps(self.low, self.high, self.step) + 1

    @property
    def largest(self) -> Value:
        """Return the largest value; of choices that are no numbers the first."""
        if self.type is not ParameterType.CATEGORICAL:
            return self.high
        numbers = [one for one in self.choices if not isinstance(one, str)]
        return max(numbers, default=self.choices[0])

    def values(self) -> Iterator[Value]:
        """Yield the values of a parameter that has a size, in their order."""
        if self.type is ParameterType.CATEGORICAL:
            yield from self.choices
        else:
            for number in range(self.size or 0):
                yield self.at(number)

    def at(self, number: int) -> int | float:
        """Return the value so many steps above `low`, as decimals: 0.1 + 2 · 0.1 is 0.3."""
        return _at(self.low, self.step or 0, number)

    def on_step(self, value: float) -> int | float:
        """Return the value on a step that is nearest to a number of the range."""
        if self.step is None:
            return value
        return self.at(round((value - self.low) / self.step))

    def holds(self, value: Value) -> bool:
        """Say whether a value is one of the parameter's."""
        if self.type is ParameterType.CATEGORICAL:
            return value in self.choices
        if isinstance(value, str | list) or not self.low <= value <= self.high:
            return False
        return self.step is None or self.on_step(value) == value


class SearchSpace(Record):
    """The parameters of a search, in the order in which they are shown."""

    parameters: tuple[Parameter, ...]

    @property
    def size(self) -> int | None:
        """Return the number of combinations; None where there are too many to count."""
        sizes = [one.size for one in self.parameters]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    def largest(self) -> dict[str, Value]:
        """Return the largest value of each parameter whose values are numbers, else the first."""
        return {one.name: one.largest for one in self.parameters}

    def grid(self) -> Iterator[dict[str, Value]]:
        """Yield all combinations of a space that has a size; the last parameter changes first."""
        names = [one.name for one in self.parameters]
        for values in itertools.product(*(tuple(one.values()) for one in self.parameters)):
            yield dict(zip(names, values, strict=True))


def read_space(hyperparameters: Hyperparameters) -> SearchSpace:
    """Return the space that hyperparameters ask for, or the default one.

    Raises HyperparameterError that names the entry, what it says, and what is allowed.
    """
    entries = hyperparameters.values[FIELD]
    assert isinstance(entries, list)
    if not entries:
        return default_space(hyperparameters)
    if len(entries) > MAX_PARAMETERS:
        raise _refusal(f"it has {len(entries)} entries; allowed are {MAX_PARAMETERS} at most")
    rows = {
        row.name: row for row in searchable(hyperparameters.task_type, hyperparameters.algorithm)
    }
    parameters: dict[str, Parameter] = {}
    for number, entry in enumerate(entries):
        parameter = _parameter(number, entry, rows)
        if parameter.name in parameters:
            raise _refusal(f"{parameter.name} is there twice; each name stands once", number)
        parameters[parameter.name] = parameter
    space = SearchSpace(parameters=tuple(parameters.values()))
    try:
        hyperparameters.changed(space.largest())
    except HyperparameterError as error:
        raise _refusal(f"its largest values do not go together: {error.message}") from error
    return space


def default_space(hyperparameters: Hyperparameters) -> SearchSpace:
    """Return the space of a search that is given none."""
    algorithm = hyperparameters.algorithm
    has_classes = hyperparameters.task_type is not TaskType.TABULAR_REGRESSION
    weighs = has_classes and hyperparameters.text("loss_type") == "ce_ins"
    chosen: tuple[Parameter, ...]
    if algorithm == GRADIENT_BOOSTING:
        chosen = _BOOSTING
    elif algorithm in GRADIENT:
        scopes = algorithm, hyperparameters.task_type
        weights = _CLASS_WEIGHTS if weighs else _WEIGHT_DECAY
        chosen = (_rate(*scopes), _epochs(*scopes), weights)
        if hyperparameters.integer("batch_size") <= MAX_STEP_CHUNKS // int(_ACCUMULATION.high):
            chosen = (*chosen, _ACCUMULATION)
    else:
        epochs = _epochs(algorithm, hyperparameters.task_type)
        chosen = (epochs, _CLASS_WEIGHTS) if weighs else (epochs,)
    return SearchSpace(parameters=chosen)


def _rate(*scopes: str) -> Parameter:
    """Return learning rates from a fifth of the default to twenty times as much."""
    usual = float(str(BY_NAME["learning_rate"].default_of(*scopes)))
    return Parameter(
        name="learning_rate",
        type=ParameterType.FLOAT,
        low=float(f"{usual / 5:.3g}"),
        high=float(f"{usual * 20:.3g}"),
        log=True,
    )


def _epochs(*scopes: str) -> Parameter:
    """Return numbers of epochs from a third of the default to three times as many."""
    usual = int(str(BY_NAME["num_train_epochs"].default_of(*scopes)))
    return Parameter(
        name="num_train_epochs",
        type=ParameterType.INT,
        low=max(1, usual // 3),
        high=usual * 3,
        step=1,
    )


_CLASS_WEIGHTS = Parameter(
    name="class_weights_ins_power", type=ParameterType.FLOAT, low=0.0, high=1.0
)
_WEIGHT_DECAY = Parameter(
    name="weight_decay", type=ParameterType.FLOAT, low=1e-6, high=0.1, log=True
)
_ACCUMULATION = Parameter(
    name="gradient_accumulation_steps", type=ParameterType.INT, low=1, high=2, step=1
)
_BOOSTING = (
    Parameter(name="learning_rate", type=ParameterType.FLOAT, low=0.02, high=0.5, log=True),
    Parameter(name="num_train_epochs", type=ParameterType.INT, low=30, high=300, step=10),
    Parameter(name="max_leaf_nodes", type=ParameterType.INT, low=4, high=128, step=1, log=True),
    Parameter(name="min_samples_leaf", type=ParameterType.INT, low=5, high=100, step=1, log=True),
    Parameter(name="l2_regularization", type=ParameterType.FLOAT, low=1e-6, high=10.0, log=True),
)

_COMMON: Final = frozenset({"name", "type"})
_KEYS: Final[Mapping[ParameterType, frozenset[str]]] = {
    ParameterType.CATEGORICAL: _COMMON | {"choices"},
    ParameterType.INT: _COMMON | {"low", "high", "step", "log"},
    ParameterType.FLOAT: _COMMON | {"low", "high", "step", "log"},
}
_FITTING: Final[Mapping[type, tuple[ParameterType, ...]]] = {
    int: (ParameterType.INT, ParameterType.CATEGORICAL),
    float: (ParameterType.FLOAT, ParameterType.INT, ParameterType.CATEGORICAL),
}


def _parameter(number: int, entry: object, rows: Mapping[str, Hyperparameter]) -> Parameter:
    """Return an entry as a parameter, checked against the row of its hyperparameter."""
    if not isinstance(entry, Mapping):
        raise _refusal("it is no object with name and type", number)
    row = _row(number, entry.get("name"), rows)
    kind = _type(number, entry, row)
    unknown = sorted(str(key) for key in entry.keys() - _KEYS[kind])
    if unknown:
        raise _refusal(
            f"{row.name} has {shortened(unknown[0])}; of type {kind} it may have"
            f" {', '.join(sorted(_KEYS[kind]))}",
            number,
        )
    if kind is ParameterType.CATEGORICAL:
        return _categorical(number, entry.get("choices"), row)
    return _range(number, entry, row, kind)


def _row(number: int, name: object, rows: Mapping[str, Hyperparameter]) -> Hyperparameter:
    if not isinstance(name, str) or name not in rows:
        said = "it has no name" if name is None else f"{shortened(name)} cannot be searched"
        allowed = tuple(rows)
        raise _refusal(f"{said}; allowed is one of {', '.join(allowed)}", number, allowed)
    return rows[name]


def _type(number: int, entry: Mapping[str, object], row: Hyperparameter) -> ParameterType:
    allowed = _FITTING.get(row.type, (ParameterType.CATEGORICAL,))
    given = entry.get("type")
    if given not in allowed:
        words = " or ".join(str(one) for one in allowed)
        said = "no type" if given is None else f"the type {shortened(given)}"
        raise _refusal(f"{row.name} has {said}; allowed is {words}", number)
    return ParameterType(str(given))


def _categorical(number: int, choices: object, row: Hyperparameter) -> Parameter:
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise _refusal(f"{row.name} needs choices, a list of one value or more", number)
    checked: list[Any] = []
    for choice in choices:
        value = _checked(number, "choices", choice, row)
        if value not in checked:
            checked.append(value)
    if len(checked) > MAX_CHOICES:
        raise _refusal(
            f"{row.name} has {len(checked)} choices; allowed are {MAX_CHOICES} at most", number
        )
    return Parameter(name=row.name, type=ParameterType.CATEGORICAL, choices=tuple(checked))


def _range(
    number: int, entry: Mapping[str, object], row: Hyperparameter, kind: ParameterType
) -> Parameter:
    low, high = (_end(number, entry, end, row, kind) for end in ("low", "high"))
    if low > high:
        raise _refusal(f"{row.name} has low {low} above high {high}; swap them", number)
    log, step = entry.get("log"), entry.get("step")
    if not isinstance(log, bool | None):
        raise _refusal(f"{row.name} has log {shown(log)}; allowed is true or false", number)
    if log and low <= 0:
        raise _refusal(f"{row.name} has log and low {low}; with log low is above 0", number)
    if step is not None:
        step = _step(number, step, row, kind)
        if log:
            raise _refusal(f"{row.name} has both step and log; leave one of them out", number)
        if step > high - low and low < high:
            raise _refusal(
                f"{row.name} has step {step}, more than from low {low} to high {high}", number
            )
        high = _at(low, step, _steps(low, high, step))
    elif kind is ParameterType.INT:
        step = 1
    return Parameter(name=row.name, type=kind, low=low, high=high, step=step, log=bool(log))


def _end(
    number: int,
    entry: Mapping[str, object],
    end: str,
    row: Hyperparameter,
    kind: ParameterType,
) -> int | float:
    if entry.get(end) is None:
        raise _refusal(f"{row.name} has no {end}; of type {kind} it needs low and high", number)
    value = _checked(number, end, entry[end], row)
    assert isinstance(value, int | float)
    return _of_kind(number, end, value, row, kind)


def _step(number: int, step: object, row: Hyperparameter, kind: ParameterType) -> int | float:
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step < math.inf:
        raise _refusal(f"{row.name} has step {shown(step)}; a step is above 0", number)
    return _of_kind(number, "step", step, row, kind)


def _of_kind(
    number: int, name: str, value: float, row: Hyperparameter, kind: ParameterType
) -> int | float:
    if kind is ParameterType.FLOAT:
        return float(value)
    if value != math.floor(value):
        raise _refusal(f"{row.name} has {name} {value}; of type int it is a whole number", number)
    return int(value)


def _checked(number: int, place: str, value: object, row: Hyperparameter) -> Value:
    try:
        return row.checked(value)
    except HyperparameterError as error:
        raise _refusal(f"{place}: {error.message}", number) from error


def _refusal(
    message: str, number: int | None = None, allowed: Sequence[str] = ()
) -> HyperparameterError:
    where = FIELD if number is None else f"{FIELD}[{number}]"
    return HyperparameterError(FIELD, f"{where}: {message}", allowed)


def _steps(low: float, high: float, step: float) -> int:
    """Return how many whole steps lead from low to high; as decimals, so that 0.3 is 3 · 0.1."""
    return int((Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step)))


def _at(low: float, step: float, number: int) -> int | float:
    if isinstance(low, int):
        return low + number * int(step)
    return float(Decimal(str(low)) + number * Decimal(str(step)))
