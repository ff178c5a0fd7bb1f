"""Two versions beside each other, as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from assay.cli.console import counted, number, quiet_table
from assay.cli.metric_direction import Catalogue, in_order, sign_of, span_of
from assay.cli.requirement import Outcome, outcome_table
from assay.client.types import Comparison, PairedTests

SIGNIFICANT = 0.05
_REASONS: Mapping[str, str] = {
    "DIFFERENT_ROWS": "they were measured on different rows",
    "DIFFERENT_SPECS": "they were measured by different metric definitions",
    "TOO_MANY_ROWS": "there are too many rows",
    "SPLIT_NOT_EVALUATED": "one of them is not evaluated on the test split",
}


def comparison_report(
    found: Comparison, outcomes: Sequence[Outcome], catalogue: Catalogue
) -> RenderableType:
    """Return deltas, what the tests on the same rows say, and the settings that differ."""
    a, b = found.version_a, found.version_b
    head = (
        f"[bold]{escape(found.model_id)}[/]: {escape(b.version_id)} (number {b.version_number})"
        f" against {escape(a.version_id)} (number {a.version_number}), on [bold]test[/]"
    )
    parts: list[RenderableType] = [head]
    if not found.comparable:
        parts.append("[bold yellow]Not comparable: measured by different metric definitions.[/]")
    parts.append(_metrics(found, catalogue))
    parts += _tests(found.paired_tests)
    for name, one in found.config_diff.items():
        parts.append(escape(f"{name}: {one.version_a!r} → {one.version_b!r}"))
    if outcomes:
        parts.append(outcome_table(outcomes))
    return Group(*parts)


def _metrics(found: Comparison, catalogue: Catalogue) -> Table:
    table = quiet_table("metric", "a", "b", "b - a", "95 % interval")
    table.add_column("b is", no_wrap=True)
    for name in in_order(found.metric_deltas, catalogue):
        delta = found.metric_deltas[name]
        span = span_of(found, name)
        table.add_row(
            name,
            number(found.version_a.metrics[name]),
            number(found.version_b.metrics[name]),
            f"{delta:+.4f}" if abs(delta) >= 1e-4 or not delta else f"{delta:+.1g}",
            f"{span[0]:+.4f} to {span[1]:+.4f}" if span else "",
            _verdict(sign_of(found, name, catalogue), tested=span is not None),
        )
    return table


def _verdict(sign: int, *, tested: bool) -> str:
    if not sign:
        return ""
    word, color = ("better", "green") if sign > 0 else ("worse", "red")
    return f"[{color}]{word}[/]" if tested else f"[dim]{word}, untested[/]"


_NAMES = {"mcnemar": "McNemar", "roc_auc": "DeLong", "differences": "Intervals of differences"}


def _tests(tests: PairedTests) -> list[str]:
    if tests.status != "done":
        reason = tests.reason or ""
        why = _REASONS.get(reason, reason)
        told = f"Tests on the same rows: {tests.status.replace('_', ' ')}"
        return [f"[dim]{escape(f'{told}: {why}' if why else told)}.[/]"]
    lines = []
    if tests.mcnemar is not None:
        one = tests.mcnemar
        lines.append(
            f"McNemar, exact, {counted(tests.rows or 0, 'row')}: a alone is right in {one.only_a:,.10g},"
            f" b alone in {one.only_b:,.10g}; {_chance(one.p_value)}"
        )
    if tests.roc_auc is not None and tests.roc_auc.p_value is not None:
        areas = tests.roc_auc
        lines.append(
            f"DeLong: the area under the ROC curve is {areas.area_a:.4f} and {areas.area_b:.4f};"
            f" {_chance(areas.p_value)}"
        )
    for name, reason in tests.undefined.items():
        lines.append(f"[dim]{_NAMES.get(name, name)}: none, {reason}[/]")
    return lines


def _chance(p_value: float | None) -> str:
    if p_value is None:
        return "no p-value"
    verdict = "more than chance" if p_value < SIGNIFICANT else "chance explains it"
    return f"p = {p_value:.3g}, {verdict}"
