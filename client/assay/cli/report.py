"""The tables of an evaluation and of a version's report, as people read them on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from assay.cli.console import NONE, counted, number, optional_number, quiet_table
from assay.cli.requirement import Outcome, outcome_table
from assay.client.types import (
    ClassificationReport,
    Evaluation,
    IntervalReport,
    MisclassificationErrors,
    PerformanceSummary,
    ReliabilityTable,
    ResidualReport,
    Slice,
    TruthCoverage,
)

HELD_BACK = {
    "REQUIREMENT_NOT_MET": "the version is promoted, and a requirement does not hold",
    "OTHER_ROWS": "the version is promoted and serves other rows or labels",
    "OLDER_REVISION": "a newer revision is served",
}
MAX_CLASSES = 50
SLICE_METRICS = ("accuracy", "precision", "recall", "f1_score", "roc_auc", "mae", "rmse", "r2")
MAX_SLICES = 30


def evaluation_report(
    evaluation: Evaluation, report: ClassificationReport | None, outcomes: Sequence[Outcome]
) -> RenderableType:
    """Return everything worth reading about an evaluation that has succeeded."""
    head = (
        f"[bold]{escape(evaluation.model_id)}[/] {escape(evaluation.version_id)}"
        f" on [bold]{evaluation.dataset_split}[/], revision {evaluation.revision}:"
        f" {counted(evaluation.rows, 'row')}"
    )
    parts: list[RenderableType] = [head, metrics_table(evaluation.metrics, evaluation.undefined)]
    if evaluation.truth is not None:
        parts += _coverage(evaluation.truth)
    if report is not None:
        parts.append(class_table(report))
    if evaluation.label_set_inferred:
        parts.append(
            "[yellow]The labels were inferred from the predictions; declare them by "
            "`assay models update MODEL --label …`.[/]"
        )
        alike = _alike(evaluation.labels)
        if alike:
            parts.append(
                f"[yellow]Labels that differ by case alone: {escape(', '.join(alike))}.[/]"
            )
    if outcomes:
        parts.append(outcome_table(outcomes))
    if evaluation.held_back:
        why = HELD_BACK.get(evaluation.held_back, evaluation.held_back)
        parts.append(
            f"[yellow]Not served: {why}. --replace, or `assay evaluations serve"
            f" {evaluation.evaluation_id}`, serves it.[/]"
        )
    return Group(*parts)


def _coverage(truth: TruthCoverage) -> list[str]:
    """Return how predictions met the ground truth of a dataset, in a line for each side."""
    split = f"{truth.dataset_id}:{truth.split}, revision {truth.revision},"
    lines = [f"{truth.matched:,} of {counted(truth.rows, 'row')} of {split} have a prediction"]
    for count, what, ids in (
        (truth.without_prediction, "without a prediction", truth.unpredicted_ids),
        (truth.without_truth, "predicted without a truth, left out", truth.unknown_ids),
    ):
        if count:
            named = ", ".join(ids) + (", …" if count > len(ids) else "")
            lines.append(f"[yellow]{counted(count, 'row')} {what}: {escape(named)}[/]")
    return lines


def _alike(labels: Sequence[str]) -> list[str]:
    forms = Counter(label.casefold() for label in labels)
    return [label for label in labels if forms[label.casefold()] > 1]


def metrics_table(metrics: Mapping[str, float], undefined: Mapping[str, str]) -> Table:
    """Return metrics with their values, and those that have none with the reason."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="cyan")
    table.add_column(justify="right")
    for name, value in metrics.items():
        table.add_row(name, number(value))
    for name, reason in undefined.items():
        if name not in metrics and ":" not in name:
            table.add_row(name, f"[yellow]{reason}[/]")
    return table


def class_table(report: ClassificationReport) -> Table:
    """Return precision, recall, F1 and support of each class and their average."""
    scored = any(one.roc_auc is not None for one in report.per_class.values())
    more = ("roc_auc",) if scored else ()
    table = quiet_table("class", "precision", "recall", "f1_score", "support", *more)
    for label, scores in list(report.per_class.items())[:MAX_CLASSES]:
        table.add_row(
            escape(label),
            number(scores.precision),
            number(scores.recall),
            number(scores.f1_score),
            f"{scores.support:,}",
            *(["" if scores.roc_auc is None else number(scores.roc_auc)] if scored else []),
        )
    if len(report.per_class) > MAX_CLASSES:
        table.add_row(f"… {len(report.per_class) - MAX_CLASSES} more")
    overall = report.overall
    table.add_row(
        f"[dim]{overall.average}[/]",
        number(overall.precision),
        number(overall.recall),
        number(overall.f1_score),
        f"{sum(scores.support for scores in report.per_class.values()):,}",
    )
    return table


def interval_table(summary: PerformanceSummary, intervals: IntervalReport | None) -> Table:
    """Return each metric with its interval, and those without a value with the reason."""
    table = quiet_table("metric", "value", "interval", "")
    known = intervals.intervals if intervals else {}
    lacking = intervals.undefined if intervals else {}
    for name, value in summary.metrics.items():
        one = known.get(name)
        span = f"{number(one.low)} – {number(one.high)}" if one else ""
        how = f"[dim]{one.level:.0%} {one.method}[/]" if one else f"[dim]{lacking.get(name, '')}[/]"
        table.add_row(name, number(value), span, how)
    for name, reason in summary.undefined.items():
        if name not in summary.metrics and ":" not in name:
            table.add_row(name, f"[yellow]{reason}[/]", "", "")
    return table


def calibration_table(found: ReliabilityTable) -> Table:
    """Return the bins that hold records: how sure, and how often right."""
    table = quiet_table("confidence", "records", "mean confidence", "right", "gap")
    for one in found.bins:
        if one.mean_confidence is None or one.accuracy is None or one.gap is None:
            continue
        gap = f"[{'yellow' if abs(one.gap) > 0.1 else 'default'}]{one.gap:+.4f}[/]"
        table.add_row(
            f"{one.low:.2f} – {one.high:.2f}",
            f"{one.count:,.10g}",
            number(one.mean_confidence),
            number(one.accuracy),
            gap,
        )
    return table


def residual_table(found: ResidualReport) -> Table:
    """Return the quantiles of residuals, from the least to the greatest."""
    table = quiet_table("share below", "residual")
    table.add_row("least", number(found.minimum))
    for share, value in found.quantiles.items():
        table.add_row(f"{share:.0%}", number(value))
    table.add_row("greatest", number(found.maximum))
    return table


def slice_metrics(parts: Sequence[Slice]) -> list[str]:
    """Return the metrics that are shown of slices: those of SLICE_METRICS that any has."""
    return [name for name in SLICE_METRICS if any(name in one.metrics for one in parts)]


def slice_table(parts: Sequence[Slice]) -> Table:
    """Return the metrics of each value's rows, one line a value."""
    shown = slice_metrics(parts)
    table = quiet_table("value", "rows", *shown)
    for one in parts[:MAX_SLICES]:
        cells = [number(one.metrics[name]) if name in one.metrics else NONE for name in shown]
        table.add_row(NONE if one.value is None else escape(one.value), f"{one.rows:,}", *cells)
    if len(parts) > MAX_SLICES:
        table.add_row(f"… {len(parts) - MAX_SLICES} more")
    return table


def mistake_table(found: MisclassificationErrors) -> Table:
    """Return mistakes, the most confident first, with what is known of their rows."""
    table = quiet_table("row", "true", "predicted", "confidence", "features")
    table.columns[-1].justify = "left"
    for one in found.errors:
        table.add_row(
            escape(one.row_id) if one.row_id is not None else str(one.row),
            escape(one.true_label),
            escape(one.predicted_label),
            optional_number(one.confidence),
            escape("  ".join(f"{name}={plain(value)}" for name, value in one.features.items())),
        )
    return table


def plain(value: object) -> str:
    """Return a feature's value; whole numbers, which JSON makes floats, without a fraction."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return f"{value:.0f}" if whole else str(value)
