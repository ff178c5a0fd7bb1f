"""The five outcomes of one field of one document."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What came of one comparison; the words are those of results, events and reports."""

    CORRECT = "correct"  # a value was expected and the same value was extracted
    WRONG = "wrong_value"  # a value was expected and another one was extracted
    INVENTED = "invented"  # no value was expected, yet one was extracted
    MISSED = "missed"  # a value was expected and none was extracted
    EMPTY = "correctly_empty"  # no value was expected and none was extracted

    @property
    def right(self) -> bool:
        """Whether the extraction said what was expected, a value or its absence."""
        return self is Outcome.CORRECT or self is Outcome.EMPTY
