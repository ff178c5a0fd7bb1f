"""Methods and properties of generated values, as base classes of `assay.client.types`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Self, cast

TERMINAL_STATES = frozenset({"succeeded", "failed", "canceled", "timed_out"})


class JobEvent:
    """What an event tells, by what it is; None for all others."""

    payload: object

    @property
    def state_changed(self) -> Any:
        """The change of the job's state."""
        return _named("StateChanged", self.payload)

    @property
    def documents_compared(self) -> Any:
        """The documents of a benchmark whose results are durable now."""
        return _named("DocumentsCompared", self.payload)

    @property
    def epoch_finished(self) -> Any:
        """The epoch of a training that has ended, and its losses."""
        return _named("EpochFinished", self.payload)

    @property
    def trial_finished(self) -> Any:
        """The trial of a search for hyperparameters that has ended, and what it reached."""
        return _named("TrialFinished", self.payload)

    @property
    def calibration_finished(self) -> Any:
        """The calibration error on held-out rows before and after a calibration."""
        return _named("CalibrationFinished", self.payload)

    @property
    def split_measured(self) -> Any:
        """The metrics of a split on which a version was measured."""
        return _named("SplitMeasured", self.payload)

    @property
    def is_terminal(self) -> bool:
        """True for a job's last event."""
        return self.state_changed is not None and self.state_changed.status in TERMINAL_STATES


class JobStatus:
    """The newest value, by what it is; None for all others."""

    payload: object

    @property
    def progress(self) -> Any:
        """How far the job is."""
        return _named("JobProgress", self.payload)

    @property
    def metrics(self) -> Any:
        """Exact metrics of what has arrived so far."""
        return _named("LiveMetrics", self.payload)

    @property
    def field_accuracy(self) -> Any:
        """How right each field of a benchmark is so far."""
        return _named("FieldAccuracies", self.payload)


def _named(name: str, payload: object) -> object | None:
    # By name: the classes are generated, and stand on this module.
    return payload if type(payload).__name__ == name else None


class FieldAccuracy:
    """Shares of a field's comparisons, and the sum of two fields or of two sets of documents."""

    right: int
    comparisons: int
    exact_right: int
    correct: int
    wrong_value: int
    invented: int
    missed: int

    def __add__(self, other: Self) -> Self:
        """Return the accuracy over the comparisons of both."""
        sums: dict[str, Any] = {
            name: getattr(self, name) + getattr(other, name)
            for name in FieldAccuracy.__annotations__
        }
        sums["accuracy"] = sums["right"] / sums["comparisons"] if sums["comparisons"] else 0.0
        return cast(Self, replace(cast(Any, self), **sums))

    @property
    def accuracy_exact(self) -> float:
        """Comparisons that are right to the character over all."""
        return self.exact_right / self.comparisons

    @property
    def precision(self) -> float | None:
        """Correct ones over those in which a value was extracted; None where there are none."""
        extracted = self.correct + self.wrong_value + self.invented
        return self.correct / extracted if extracted else None

    @property
    def recall(self) -> float | None:
        """Correct ones over those in which a value was expected; None where there are none."""
        expected = self.correct + self.wrong_value + self.missed
        return self.correct / expected if expected else None


class TrackMeasures:
    """The measures of a track by name."""

    correct: int
    correctly_empty: int

    @property
    def right(self) -> int:
        """Comparisons that are right: a value, or its absence, is what was expected."""
        return self.correct + self.correctly_empty

    @property
    def values(self) -> Mapping[str, float]:
        """The measures that have a value: accuracy, precision, recall, f1_score and so on."""
        found = ((one.name, getattr(self, one.name)) for one in fields(cast(Any, self)))
        return {name: value for name, value in found if isinstance(value, float)}


class SchemaField:
    """A field of a schema as JSON values."""

    def to_mapping(self) -> dict[str, Any]:
        """Return the field as JSON values; options that say nothing are left out."""
        out: dict[str, Any] = {}
        for one in fields(cast(Any, self)):
            name, value = one.name, getattr(self, one.name)
            if isinstance(value, SchemaField):
                value = value.to_mapping()
            elif isinstance(value, tuple):
                value = [
                    item.to_mapping() if isinstance(item, SchemaField) else item for item in value
                ]
            if value not in (None, "", [], False) or (name == "day_first" and value is not None):
                out[name] = value
        return out


class FieldSchema:
    """A schema as JSON values."""

    fields: tuple[SchemaField, ...]
    distinct_empties: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Return the schema as JSON values: what can be shown, edited and sent again."""
        out: dict[str, Any] = {"fields": [one.to_mapping() for one in self.fields]}
        if self.distinct_empties:
            out["distinct_empties"] = list(self.distinct_empties)
        return out


class InferenceResult:
    """What an output tells, in the form that the service writes."""

    input_name: str
    outputs: tuple[Any, ...]

    @property
    def document(self) -> Mapping[str, Any]:
        """The JSON of the first output: `modelType`, `result` and `explanation`; empty if it failed."""
        data = self.outputs[0].data if self.outputs else None
        return {} if data is None else cast(Mapping[str, Any], json.loads(data))

    @property
    def predictions(self) -> Mapping[str, float]:
        """The score of each class, the highest first; empty of anything but a classification."""
        found = self.document.get("result", {}).get("classPredictions", ())
        return {one["class"]: one["score"] for one in found}

    @property
    def label(self) -> str | None:
        """The class with the highest score; None where there are no classes."""
        return next(iter(self.predictions), None)

    @property
    def explanation(self) -> Mapping[str, Any] | None:
        """What moved the predictions; None where nothing was asked for."""
        return self.document.get("explanation")
