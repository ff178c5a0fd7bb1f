"""Benchmarks as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from assay.cli.bench_gate import ALPHA, overall_sign, verdicts
from assay.cli.console import NONE, counted, number, optional_number, quiet_table
from assay.cli.requirement import Outcome, outcome_table
from assay.client import BenchmarkComparison, BenchmarkProgress
from assay.client.types import (
    AccuracyDifference,
    Benchmark,
    BenchmarkReport,
    FieldAccuracy,
    FieldMeasures,
)

MAX_FIELDS = 200
TESTS = (
    "fixed are those all right in a and not in b, broken the other way round; p is McNemar's exact"
    " test of the two, adjusted (Holm) over the fields"
)
LIVE = ("right", "accuracy", "exact", "precision", "recall", "wrong", "invented", "missed")
BENCHMARK_COLUMNS = ("benchmark", "name", "status", "accuracy", "delta", "documents", "created")
WAYS = {1: "[green]better[/]", -1: "[red]worse[/]", 0: ""}


def live_fields(standing: BenchmarkProgress) -> Table:
    """Return how right each field is so far."""
    table = quiet_table("field", *LIVE)
    for path, one in list(standing.fields.items())[:MAX_FIELDS]:
        table.add_row(escape(path), *_live(one))
    if standing.overall is not None:
        table.add_row("[bold]all fields[/]", *_live(standing.overall))
    return table


def _live(one: FieldAccuracy) -> list[str]:
    values = (one.accuracy, one.accuracy_exact, one.precision, one.recall)
    counts = (one.wrong_value, one.invented, one.missed)
    return [
        f"{one.right:,}/{one.comparisons:,}",
        *map(optional_number, values),
        *(f"{count:,}" if count else NONE for count in counts),
    ]


def benchmark_page(report: BenchmarkReport, outcomes: Sequence[Outcome]) -> RenderableType:
    """Return everything worth reading about a completed benchmark."""
    parts: list[RenderableType] = [headline(report), field_table(report)]
    if report.spec is not None and report.spec.schema_inferred:
        parts.append("[yellow]The fields were inferred from the ground truth; give a schema.[/]")
    if report.measures is not None and report.measures.unexpected_fields:
        found = report.measures
        names = ", ".join(list(found.unexpected_by_path)[:5])
        parts.append(
            f"[dim]{found.unexpected_fields:,} extracted values are of fields that the schema"
            f" does not know: {escape(names)}[/]"
        )
    if outcomes:
        parts.append(outcome_table(outcomes))
    return Group(*parts)


def headline(report: BenchmarkReport) -> str:
    """Return a benchmark in a line or two."""
    one, measures = report.benchmark, report.measures
    head = f"[bold]{escape(one.name)}[/] {one.benchmark_id}: "
    if measures is None:
        return (
            f"{head}{one.status}, {one.documents_processed:,} of"
            f" {counted(one.documents_total, 'document')}"
        )
    overall = measures.overall
    right = "nothing" if one.accuracy_overall is None else number(one.accuracy_overall)
    text = (
        f"{head}{right} of {counted(overall.comparisons, 'comparison')} right in"
        f" {counted(measures.documents, 'document')}"
        f" ({measures.extracted_documents:,} read, {measures.perfect_documents:,} without any error)"
    )
    if one.accuracy_delta is not None:
        text += f"\n[dim]{one.accuracy_delta:+.4f} against {one.compared_to_run_id}[/]"
    return text


def field_table(report: BenchmarkReport) -> RenderableType:
    """Return the measures of each field, and of all together, a line each."""
    if report.measures is None:
        return ""
    table = quiet_table("field", *LIVE, "ece")
    rows = list(report.measures.by_field.items())
    for path, one in rows[:MAX_FIELDS]:
        table.add_row(escape(path), *_cells(one))
    if len(rows) > MAX_FIELDS:
        table.add_row(f"… {len(rows) - MAX_FIELDS} more")
    table.add_row("[bold]all fields[/]", *_cells(report.measures.overall))
    return table


def numbers_of(one: FieldMeasures) -> tuple[list[float | None], list[int]]:
    """Return a field's accuracies by both tracks, precision and recall; and its wrong outcomes."""
    track = one.normalised
    first, *others = map(track.values.get, ("accuracy", "precision", "recall"))
    counts = [track.wrong_value, track.invented, track.missed]
    return [first, one.exact.values.get("accuracy"), *others], counts


def _cells(one: FieldMeasures) -> list[str]:
    values, counts = numbers_of(one)
    return [
        f"{one.normalised.right:,}/{one.comparisons:,}",
        *map(optional_number, values),
        *(f"{count:,}" if count else NONE for count in counts),
        NONE if one.calibration is None else number(one.calibration.ece),
    ]


def comparison_page(
    found: BenchmarkComparison, outcomes: Sequence[Outcome], alpha: float = ALPHA
) -> RenderableType:
    """Return what run a has over run b, field by field, and whether chance explains it."""
    table = quiet_table("field", "a", "b", "a - b", "95 % interval", "fixed", "broken", "p", "a is")
    for one in verdicts(found, alpha)[:MAX_FIELDS]:
        table.add_row(
            escape(one.path), *_difference(one.difference), f"{one.p_value:.2g}", WAYS[one.sign]
        )
    overall = found.overall
    table.add_row(
        "[bold]all fields[/]",
        *_difference(overall),
        f"{overall.p_value:.2g}",
        WAYS[overall_sign(found)],
    )
    parts: list[RenderableType] = [
        f"a: [bold]{escape(found.run_a.name)}[/] {found.run_a.benchmark_id}",
        f"b: [bold]{escape(found.run_b.name)}[/] {found.run_b.benchmark_id}",
        table,
        f"[dim]{counted(found.documents, 'document')}; {TESTS}[/]",
        f"[bold]{escape(winner(found))}[/]",
    ]
    if outcomes:
        parts.append(outcome_table(outcomes))
    return Group(*parts)


def winner(found: BenchmarkComparison, shown: Callable[[str], str] = str) -> str:
    """Return who is better over all fields, by how much, and how surely.

    `shown` turns a name into what may stand in the text.
    """
    overall, sign = found.overall, overall_sign(found)
    if overall.delta is None:
        return "Nothing was compared."
    span = f" ({overall.level:.0%} interval {spanned(overall)})" if overall.low is not None else ""
    if not sign:
        return f"Nobody can say which is better: {overall.delta:+.4f}{span}."
    name = found.run_a.name if sign > 0 else found.run_b.name
    return (
        f"{shown(name)} is better by {abs(overall.delta):.4f}: a - b is {overall.delta:+.4f}{span}."
    )


def spanned(one: AccuracyDifference) -> str:
    """Return an interval as text."""
    return "" if one.low is None or one.high is None else f"{one.low:+.4f} to {one.high:+.4f}"


def _difference(one: AccuracyDifference) -> list[str]:
    return [
        optional_number(one.accuracy_a),
        optional_number(one.accuracy_b),
        _signed(one.delta),
        spanned(one) or NONE,
        f"{one.fixed:,}",
        f"{one.broken:,}",
    ]


def benchmark_cells(one: Benchmark) -> Sequence[str]:
    """Return a benchmark as a line of a listing, in the order of BENCHMARK_COLUMNS."""
    return (
        one.benchmark_id,
        escape(one.name),
        one.status,
        optional_number(one.accuracy_overall),
        _signed(one.accuracy_delta),
        f"{one.documents_processed:,}/{one.documents_total:,}",
        f"{one.created_at:%Y-%m-%d %H:%M}",
    )


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{value:+.4f}"
