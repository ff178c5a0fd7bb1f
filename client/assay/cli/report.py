"""An evaluation as people read it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from assay.cli.console import number
from assay.cli.requirement import Outcome
from assay.client.types import ClassificationReport, Evaluation

MAX_CLASSES = 50


def evaluation_report(
    evaluation: Evaluation, report: ClassificationReport | None, outcomes: Sequence[Outcome]
) -> RenderableType:
    """Return everything worth reading about an evaluation that has succeeded."""
    head = (
        f"[bold]{escape(evaluation.model_id)}[/] {escape(evaluation.version_id)}"
        f" on [bold]{evaluation.dataset_split}[/], revision {evaluation.revision}:"
        f" {evaluation.rows:,} rows"
    )
    parts: list[RenderableType] = [head, metrics_table(evaluation.metrics, evaluation.undefined)]
    if report is not None:
        parts.append(class_table(report))
    if evaluation.label_set_inferred:
        parts.append("[yellow]The labels were inferred from the predictions; declare them.[/]")
    if outcomes:
        parts.append(outcome_table(outcomes))
    return Group(*parts)


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
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class", style="cyan")
    scored = any(one.roc_auc is not None for one in report.per_class.values())
    more = ("roc_auc",) if scored else ()
    for name in ("precision", "recall", "f1_score", "support", *more):
        table.add_column(name, justify="right")
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


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Return each requirement with its verdict."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for outcome in outcomes:
        verdict = "[green]pass[/]" if outcome.passed else "[bold red]FAIL[/]"
        table.add_row(verdict, escape(outcome.requirement), escape(outcome.why))
    return table
