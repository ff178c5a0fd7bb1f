"""Requirements of a pipeline on a benchmark, and whether one is worse than another."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assay.cli.console import counted, err
from assay.cli.max_drop import (
    OVERALL,
    MaxDrop,
    accuracies,
    both_accuracies,
    field_drops,
    require_fields,
)
from assay.cli.nearest import nearest
from assay.cli.requirement import FIELD_METRIC, Outcome, Requirement
from assay.client import BadInput, BenchmarkComparison, Client
from assay.client.types import AccuracyDifference, BenchmarkReport, FieldMeasures

ALPHA = 0.05
_MEASURES = (
    "accuracy", "accuracy_present", "accuracy_exact", "precision", "recall", "f1_score",
    "missed_rate", "invented_rate", "mean_similarity", "ece",
)  # fmt: skip
_OVERALL = ("accuracy_overall", "document_accuracy", *_MEASURES[1:])
_PLAIN = re.compile(r"[\w\[\].-]+")
EXAMPLE = "accuracy_overall>=0.93"


@dataclass(frozen=True, kw_only=True)
class BenchmarkGate:
    """Requirements of a benchmark, and of what it is compared with."""

    requirements: Sequence[Requirement]
    drops: Sequence[MaxDrop]
    regression: bool = False  # True: nothing may be worse by more than chance
    alpha: float = ALPHA

    @classmethod
    def parse(
        cls,
        require: Sequence[str],
        max_drop: Sequence[str],
        *,
        regression: bool = False,
        alpha: float = ALPHA,
    ) -> BenchmarkGate:
        """Return the gate that options write; raises BadInput."""
        return cls(
            requirements=[Requirement.parse(text, FIELD_METRIC, EXAMPLE) for text in require],
            drops=[MaxDrop.parse(text, needs_name=False) for text in max_drop],
            regression=regression,
            alpha=alpha,
        )

    @property
    def asks(self) -> bool:
        """True where anything is required."""
        return bool(self.requirements or self.drops or self.regression)

    def check(self, paths: Sequence[str]) -> None:
        """Raise BadInput where something is required of a field that is none of these."""
        if not all(map(_PLAIN.fullmatch, paths)):
            return  # other names are written otherwise in paths: the report will tell
        require_known(self.requirements, paths)
        require_fields(self.drops, [OVERALL, *paths])

    def judge(self, report: BenchmarkReport, found: BenchmarkComparison) -> list[Outcome]:
        """Return what comes of all that is required of benchmark a of a comparison.

        Raises:
            BadInput: there is no such field or measure.
        """
        outcomes = judged(report, self.requirements)
        outcomes += field_drops(self.drops, *both_accuracies(found))
        return outcomes + (no_regression(found, self.alpha) if self.regression else [])

    def judge_alone(self, client: Client, report: BenchmarkReport) -> list[Outcome]:
        """Return what comes of all that is required of a benchmark that was just made.

        Limits are held against what it was compared with: by numbers alone, as its documents
        may be others.
        """
        outcomes = judged(report, self.requirements)
        if not self.drops:
            return outcomes
        other = report.benchmark.compared_to_run_id
        if not other:
            err.print(
                "There is no benchmark of the dataset before: --max-drop is held against nothing.",
                style="dim",
            )
            return outcomes
        base = client.benchmarks.get(other)
        same = base.spec is not None and base.spec == report.spec
        note = f"against {base.benchmark.name}"
        note += "" if same else ", whose ground truth or schema is another one"
        return outcomes + field_drops(
            self.drops, accuracies(base.benchmark), accuracies(report.benchmark), note
        )


def judged(report: BenchmarkReport, wanted: Sequence[Requirement]) -> list[Outcome]:
    """Say of each requirement whether a completed benchmark meets it.

    Raises:
        BadInput: there is no such field or measure.
    """
    values, undefined, known = numbers(report)
    for one in wanted:
        if one.metric not in values and one.metric not in undefined:
            near = nearest(one.metric, known)
            raise BadInput(f"There is no field or measure '{one.metric}'; {near}")
    return [one.judge(values, undefined, known) for one in wanted]


def require_known(wanted: Sequence[Requirement], paths: Sequence[str]) -> None:
    """Raise BadInput at what is neither a measure of all fields nor of one of these."""
    known = {*_OVERALL, *paths, *(f"{path}:{one}" for path in paths for one in _MEASURES)}
    for one in wanted:
        if one.metric not in known:
            near = nearest(one.metric, [*paths, *_OVERALL])
            raise BadInput(f"There is no field or measure '{one.metric}'; {near}")


def numbers(report: BenchmarkReport) -> tuple[dict[str, float], dict[str, str], list[str]]:
    """Return all that can be required: values by name, reasons by name, and names to show.

    `accuracy_overall`, `recall` and the like are of all fields together; a field's path is its
    accuracy, and `total_amount:recall` a measure of it.
    """
    measures = report.measures
    assert measures is not None  # it is completed
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    _put(values, undefined, measures.overall, "")
    if "accuracy" in values:
        values["accuracy_overall"] = values.pop("accuracy")
    elif "accuracy" in undefined:
        undefined["accuracy_overall"] = undefined.pop("accuracy")
    if measures.documents:
        values["document_accuracy"] = measures.perfect_documents / measures.documents
    known = [*values, *measures.by_field, "FIELD:recall and the like"]
    for path, one in measures.by_field.items():
        _put(values, undefined, one, f"{path}:")
        if f"{path}:accuracy" in values:
            values[path] = values[f"{path}:accuracy"]
        else:
            undefined[path] = undefined[f"{path}:accuracy"]
    return values, undefined, known


def _put(
    values: dict[str, float], undefined: dict[str, str], one: FieldMeasures, before: str
) -> None:
    for name, value in one.normalised.values.items():
        values[before + name] = value
    for name, reason in one.normalised.undefined.items():
        undefined[before + name] = reason
    if "accuracy" in one.exact.values:
        values[f"{before}accuracy_exact"] = one.exact.values["accuracy"]
    if one.mean_similarity is not None:
        values[f"{before}mean_similarity"] = one.mean_similarity
    if one.calibration is not None:
        values[f"{before}ece"] = one.calibration.ece


@dataclass(frozen=True, kw_only=True)
class FieldVerdict:
    """What a comparison says of one field, all fields being looked at together."""

    path: str
    difference: AccuracyDifference
    p_value: float  # adjusted for the number of fields
    sign: int  # 1 better, -1 worse, 0 nobody can say


def verdicts(found: BenchmarkComparison, alpha: float = ALPHA) -> list[FieldVerdict]:
    """Return the fields with Holm-adjusted p-values: among many, one differs by chance alone."""
    adjusted = holm({path: one.p_value for path, one in found.by_field.items()})
    return [
        FieldVerdict(
            path=path,
            difference=one,
            p_value=adjusted[path],
            sign=_sign(one) if adjusted[path] < alpha else 0,
        )
        for path, one in found.by_field.items()
    ]


def in_order(found: BenchmarkComparison, report: BenchmarkReport) -> BenchmarkComparison:
    """Return a comparison whose fields stand as in a report: in the schema's order."""
    order = report.measures.by_field if report.measures is not None else {}
    places = {path: place for place, path in enumerate(order)}
    paths = sorted(found.by_field, key=lambda path: (places.get(path, len(places)), path))
    return replace(found, by_field={path: found.by_field[path] for path in paths})


def overall_sign(found: BenchmarkComparison) -> int:
    """Return 1 where run a is better over all fields, -1 where it is worse, 0 where nobody knows."""
    return {"a_better": 1, "b_better": -1}.get(found.overall.verdict, 0)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted by Holm's method: the family's error stays below any level.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    out: dict[str, float] = {}
    highest = 0.0
    for rank, path in enumerate(sorted(p_values, key=lambda path: (p_values[path], path))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[path]))
        out[path] = highest
    return out


def _sign(one: AccuracyDifference) -> int:
    return (one.fixed > one.broken) - (one.fixed < one.broken)


def no_regression(found: BenchmarkComparison, alpha: float) -> list[Outcome]:
    """Say whether run a is worse than run b: over all fields, and in any of them."""
    overall = found.overall
    worse = [one for one in verdicts(found, alpha) if one.sign < 0]
    whole = overall.p_value < alpha and overall.fixed < overall.broken
    outcomes = [_outcome(one.path, one.difference, one.p_value) for one in worse]
    if whole or overall_sign(found) < 0:
        outcomes.insert(0, _outcome(OVERALL, overall, overall.p_value))
    return outcomes or [
        Outcome(
            requirement=f"no regression in {counted(len(found.by_field), 'field')}",
            metric="regression",
            value=overall.delta,
            passed=True,
            why="",
            note=least_visible(found, alpha),
        )
    ]


def least_visible(found: BenchmarkComparison, alpha: float) -> str:
    """Return how large a regression must be to be seen at all, where that is above a hundredth.

    Documents that are all broken and none fixed make McNemar's exact p-value 2 / 2ⁿ; that of a
    field is adjusted for the number of fields.
    """
    fields, documents = max(1, len(found.by_field)), found.documents
    of_all, of_one = (math.floor(math.log2(2 * many / alpha)) + 1 for many in (1, fields))
    if documents == 0 or of_one <= documents / 100:
        return ""
    if of_all > documents:
        return f"too few documents ({documents:,}) to see any regression; --max-drop does"
    seen = f"too few documents ({documents:,}) to see a regression below {of_all / documents:.2g}"
    in_one = "any" if of_one > documents else f"one below {of_one / documents:.2g}"
    return f"{seen} over all fields, or {in_one} in a single one; --max-drop does"


def _outcome(path: str, one: AccuracyDifference, p_value: float) -> Outcome:
    delta = "" if one.delta is None else f"{one.delta:+.4f}, "
    return Outcome(
        requirement=f"no regression {path}",
        metric=path,
        value=one.delta,
        passed=False,
        why=f"{delta}{counted(one.broken, 'document')} broken and {one.fixed} fixed, p = {p_value:.3g}",
    )
