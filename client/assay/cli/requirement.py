"""Requirements of a pipeline, such as `accuracy>=0.93`, and how a command ends that judges them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from assay.cli.console import NOT_MET, print_json, show
from assay.client import BadInput

_REST = r"\s*(>=|<=|==|>|<)\s*(\S+)\s*"
METRIC = re.compile(r"\s*([a-z][a-z0-9_]*)" + _REST)
# Of a benchmark: the paths of fields are the metrics too, as in 'line_items[].amount:recall>=0.9'.
FIELD_METRIC = re.compile(r"\s*([^\s<>=](?:[^<>=]*[^\s<>=])?)" + _REST)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether a requirement holds, and why not."""

    requirement: str
    metric: str
    value: float | None  # None when the metric has no value
    passed: bool
    why: str  # "" when it holds
    note: str = ""  # what is to be known of the verdict


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A metric, a comparison and a threshold."""

    metric: str
    comparison: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.threshold:g}"

    @classmethod
    def parse(
        cls, text: str, form: re.Pattern[str] = METRIC, example: str = "accuracy>=0.93"
    ) -> Requirement:
        """Return the requirement that `text` writes.

        Args:
            text: what was written.
            form: METRIC or FIELD_METRIC.
            example: one that is right, for the refusal.

        Raises:
            BadInput: not of the form metric, comparison, number.
        """
        match = form.fullmatch(text)
        try:
            threshold = float(match[3]) if match else math.nan
        except ValueError:
            threshold = math.nan
        if match is None or not math.isfinite(threshold):
            raise BadInput(
                f"'{text}' is no requirement; write a metric, one of >= <= > < == and a number,"
                f" such as '{example}'."
            )
        return cls(metric=match[1], comparison=match[2], threshold=threshold)

    def judge(
        self,
        metrics: Mapping[str, float],
        undefined: Mapping[str, str],
        known: Sequence[str] | None = None,
    ) -> Outcome:
        """Say whether the metrics meet this; a metric without a value never does.

        `known` are the metrics to name to who asks for another one; None names all.
        """
        value = metrics.get(self.metric)
        if value is None:
            if self.metric in undefined:
                why = f"undefined: {undefined[self.metric]}"
            else:
                why = f"no such metric; there are {', '.join(known or metrics)}"
        else:
            met = _COMPARE[self.comparison](value, self.threshold)
            why = "" if met else f"is {value!r}"
        return Outcome(
            requirement=str(self), metric=self.metric, value=value, passed=not why, why=why
        )


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Return each requirement with its verdict."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for outcome in outcomes:
        verdict = "[green]pass[/]" if outcome.passed else "[bold red]FAIL[/]"
        told = "; ".join(text for text in (outcome.why, outcome.note) if text)
        table.add_row(verdict, escape(outcome.requirement), escape(told))
    return table


def conclude(
    outcomes: Sequence[Outcome],
    page: Callable[[], RenderableType],
    *,
    as_json: bool,
    **values: object,
) -> None:
    """Print what was judged, and end the command with 1 where a requirement does not hold.

    Args:
        outcomes: the verdicts.
        page: makes what people read.
        as_json: True prints the verdicts and `values` for machines instead.
        values: what was judged, by its name.
    """
    passed = all(outcome.passed for outcome in outcomes)
    if as_json:
        print_json({"passed": passed, "requirements": outcomes, **values})
    else:
        show(page())
    if not passed:
        raise typer.Exit(NOT_MET)
