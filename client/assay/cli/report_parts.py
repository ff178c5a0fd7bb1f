"""The tables of a version's report."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from assay.cli.console import number
from assay.client.types import (
    IntervalReport,
    MisclassificationErrors,
    PerformanceSummary,
    ReliabilityTable,
    ResidualReport,
    Slice,
)

SLICE_METRICS = ("accuracy", "precision", "recall", "f1_score", "roc_auc", "mae", "rmse", "r2")
MAX_SLICES = 30
NONE = "[dim]–[/]"


def interval_table(summary: PerformanceSummary, intervals: IntervalReport | None) -> Table:
    """Return each metric with its interval, and those without a value with the reason."""
    table = _table("metric", "value", "interval", "")
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
    table = _table("confidence", "records", "mean confidence", "right", "gap")
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
    table = _table("share below", "residual")
    table.add_row("least", number(found.minimum))
    for share, value in found.quantiles.items():
        table.add_row(f"{share:.0%}", number(value))
    table.add_row("greatest", number(found.maximum))
    return table


def slice_table(parts: Sequence[Slice]) -> Table:
    """Return the metrics of each value's rows, one line a value."""
    shown = [name for name in SLICE_METRICS if any(name in one.metrics for one in parts)]
    table = _table("value", "rows", *shown)
    for one in parts[:MAX_SLICES]:
        cells = [number(one.metrics[name]) if name in one.metrics else NONE for name in shown]
        table.add_row(NONE if one.value is None else escape(one.value), f"{one.rows:,}", *cells)
    if len(parts) > MAX_SLICES:
        table.add_row(f"… {len(parts) - MAX_SLICES} more")
    return table


def mistake_table(found: MisclassificationErrors) -> Table:
    """Return mistakes, the most confident first, with what is known of their rows."""
    table = _table("row", "true", "predicted", "confidence", "features")
    table.columns[-1].justify = "left"
    for one in found.errors:
        table.add_row(
            escape(one.row_id) if one.row_id is not None else str(one.row),
            escape(one.true_label),
            escape(one.predicted_label),
            NONE if one.confidence is None else number(one.confidence),
            escape("  ".join(f"{name}={_plain(value)}" for name, value in one.features.items())),
        )
    return table


def _plain(value: object) -> str:
    """Return a feature's value; whole numbers, which JSON makes floats, without a fraction."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return f"{value:.0f}" if whole else str(value)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, style="cyan")
    for name in others:
        table.add_column(name, justify="right")
    return table
