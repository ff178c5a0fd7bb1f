"""One hyperparameter: its type, range, default and meaning; and the refusal of a value."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from assay.learning.errors import shown

Value = bool | int | float | str | list[Any]
MAX_TEXT = 200  # characters of a value that is a text


class Affects(StrEnum):
    """The step of a training that a hyperparameter changes."""

    FEATURES = "features"  # rows must be read again: no trial of a search changes it
    LEARNING = "learning"
    JOB = "job"  # which steps there are
    NOTHING = "nothing"  # accepted, because jobs of other platforms name it


class HyperparameterError(ValueError):
    """A hyperparameter is refused.

    `allowed` are the names that there are, where `name` is none of them.
    """

    def __init__(self, name: str, message: str, allowed: Collection[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.allowed = tuple(allowed)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders, with all of their parts.
        return type(self), (self.name, self.message, self.allowed)


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """A row of the table.

    `scopes` are task types and algorithms ("text_classification", "gradient_boosting") in which
    it has an effect; empty is everywhere. `defaults` are those of some scopes, the algorithm's
    before the task type's. Of an `own` one other scopes do not know the name.
    """

    name: str
    type: type
    default: Value
    meaning: str
    affects: Affects
    scopes: frozenset[str] = frozenset()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    own: bool = False
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # `low` itself is not allowed
    choices: tuple[str, ...] = ()

    def is_of(self, *scopes: str) -> bool:
        """Say whether it has an effect in a task type and algorithm."""
        return not self.scopes or not self.scopes.isdisjoint(scopes)

    def default_of(self, *scopes: str) -> Value:
        """Return the default of the first scope that has one of its own."""
        return next(
            (self.defaults[scope] for scope in scopes if scope in self.defaults), self.default
        )

    def checked(self, value: object) -> Value:
        """Return a value in the hyperparameter's type.

        Whole numbers may come as 3.0. Raises HyperparameterError.
        """
        found: Value | None = _CONVERT[self.type](value)
        if found is None or not self._is_allowed(found):
            raise self.refusal(value)
        return found

    def _is_allowed(self, value: Value) -> bool:
        if isinstance(value, str):
            return len(value) <= MAX_TEXT and (not self.choices or value in self.choices)
        if isinstance(value, bool | list):
            return True
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def refusal(self, value: object) -> HyperparameterError:
        """Return the error of a value that is not allowed."""
        message = f"{self.name} is {shown(value)}; allowed is {self.allowed}"
        return HyperparameterError(self.name, message)

    @property
    def allowed(self) -> str:
        """Return which values are allowed, in words."""
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.type in {int, float}:
            noun = "a whole number" if self.type is int else "a number"
            if math.isinf(self.high):
                return f"{noun} {'above' if self.above else 'from'} {self.low:g}"
            return f"{noun} {'above' if self.above else 'from'} {self.low:g} to {self.high:g}"
        return _NOUNS[self.type]


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == math.floor(number) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool | str | bytes):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_NOUNS: Final = {
    bool: "true or false",
    str: f"a text of at most {MAX_TEXT} characters",
    list: "a list",
}
_CONVERT: Final[Mapping[type, Any]] = {
    bool: lambda value: value if isinstance(value, bool) else None,
    int: _whole,
    float: _number,
    str: lambda value: value if isinstance(value, str) else None,
    list: lambda value: list(value) if isinstance(value, list | tuple) else None,
}
