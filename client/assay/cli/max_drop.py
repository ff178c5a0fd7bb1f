"""Limits of how much worse a number may be than that of a baseline, such as `roc_auc=0.01`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.cli.console import counted
from assay.cli.metric_direction import Catalogue, worse_by
from assay.cli.nearest import nearest
from assay.cli.requirement import Outcome
from assay.client import BadInput, BenchmarkComparison
from assay.client.types import Benchmark

OVERALL = "overall"  # of a benchmark: all fields together
PROMOTED = "promoted"  # in place of a version's id


@dataclass(frozen=True, kw_only=True)
class MaxDrop:
    """How much worse a metric, or a field's accuracy, may be; "" names all fields."""

    name: str
    limit: float

    @classmethod
    def parse(cls, text: str, *, needs_name: bool) -> MaxDrop:
        """Return the limit that `text` writes: `NAME=0.01`, or `0.01` of all fields.

        Raises:
            BadInput: it is neither, or the number is below 0.
        """
        name, equals, number = text.rpartition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = math.nan
        bare = not name.strip()
        if not (0 <= limit < math.inf) or (bare and (needs_name or equals)):
            example = "roc_auc=0.01" if needs_name else "0.01, or total_amount=0.01 of one field"
            raise BadInput(f"'{text}' is no largest drop; write one such as {example}.")
        return cls(name=name.strip(), limit=limit)


def metric_drops(
    wanted: Sequence[MaxDrop],
    baseline: Mapping[str, float],
    values: Mapping[str, float],
    catalogue: Catalogue,
    note: str = "",
) -> list[Outcome]:
    """Say of each limit whether `values` keep it against those of the baseline."""
    outcomes = []
    for one in wanted:
        before, after = baseline.get(one.name), values.get(one.name)
        if before is None or after is None:
            drop, why = None, "one of the two has no value"
        else:
            drop = worse_by(one.name, before, after, catalogue)
            why = _why(drop, one.limit, before, after)
        outcomes.append(_outcome(one.name, one.limit, drop, why, note))
    return outcomes


def field_drops(
    wanted: Sequence[MaxDrop],
    baseline: Mapping[str, float],
    values: Mapping[str, float],
    note: str = "",
) -> list[Outcome]:
    """Say of each limit whether accuracies keep it against those of the baseline.

    Args:
        wanted: the limits.
        baseline: accuracies by field, and that of all of them as OVERALL.
        values: those that are judged.
        note: what is to be known of the verdicts.

    Raises:
        BadInput: there is no such field.
    """
    known = list(dict.fromkeys((OVERALL, *values, *baseline)))
    require_fields(wanted, known)
    outcomes = []
    for limit in wanted:
        both = [name for name in known if name in baseline and name in values]
        failed = []
        for name in [limit.name] if limit.name else both:
            if name not in both:
                failed.append(_outcome(name, limit.limit, None, "nothing was compared", note))
                continue
            drop = baseline[name] - values[name]
            why = _why(drop, limit.limit, baseline[name], values[name])
            if why:
                failed.append(_outcome(name, limit.limit, drop, why, note))
        of = limit.name or counted(len(both) - (OVERALL in both), "field")
        outcomes += failed or [_outcome(of, limit.limit, None, "", note)]
    return outcomes


def require_fields(wanted: Sequence[MaxDrop], known: Sequence[str]) -> None:
    """Raise BadInput at a limit of a field that there is none of."""
    for limit in wanted:
        if limit.name and limit.name not in known:
            raise BadInput(f"There is no field '{limit.name}'; {nearest(limit.name, known)}")


def accuracies(one: Benchmark) -> dict[str, float]:
    """Return the accuracies of a benchmark by field, and that of all of them as OVERALL."""
    overall = {} if one.accuracy_overall is None else {OVERALL: one.accuracy_overall}
    return {**overall, **one.accuracy_by_field}


def both_accuracies(found: BenchmarkComparison) -> tuple[dict[str, float], dict[str, float]]:
    """Return the accuracies of benchmark b and of a, on the documents that both have."""
    fields = {OVERALL: found.overall, **found.by_field}.items()
    return (
        {name: one.accuracy_b for name, one in fields if one.accuracy_b is not None},
        {name: one.accuracy_a for name, one in fields if one.accuracy_a is not None},
    )


def _why(drop: float, limit: float, before: float, after: float) -> str:
    # Of two doubles such as 0.95 and 0.94 the difference is a hair above 0.01.
    kept = drop <= limit or math.isclose(drop, limit, rel_tol=1e-9)
    return "" if kept else f"is {after!r} against {before!r}: worse by {drop:.4g}"


def _outcome(name: str, limit: float, drop: float | None, why: str, note: str = "") -> Outcome:
    return Outcome(
        requirement=f"max drop {name}={limit:g}",
        metric=name,
        value=drop,
        passed=not why,
        why=why,
        note=note,
    )
