"""The report of a version as Markdown, for the comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from assay.cli.console import counted, number
from assay.cli.markdown import code, folded, table
from assay.cli.report import MAX_CLASSES, MAX_SLICES, plain, slice_metrics
from assay.cli.version_page import TARGETS, Page
from assay.client.types import (
    ClassificationReport,
    IntervalReport,
    MisclassificationErrors,
    PerformanceSummary,
    ReliabilityTable,
    ResidualReport,
    Slice,
)

NONE = "–"


def markdown(page: Page) -> str:
    """Return all parts of a report; all but metrics and classes are folded."""
    summary = page.summary
    lines = [
        f"### {code(summary.model_id)} {code(summary.version_id)} on {summary.dataset_split}",
        "",
        f"{counted(summary.rows, 'row')}, measured {summary.evaluated_at:%Y-%m-%d %H:%M} UTC.",
        "",
        *_metrics(summary, page.intervals),
    ]
    if page.report is not None:
        lines += ["", *_classes(page.report)]
    if page.calibration is not None:
        title = f"Calibration of the {TARGETS[page.calibration.target]}"
        lines += folded(title, _calibration(page.calibration.headline))
    if page.residuals is not None:
        lines += folded("Residuals, true less predicted", _residuals(page.residuals))
    for name, parts in (page.slices.columns if page.slices else {}).items():
        lines += folded(f"Slices by {escape(name)}", _slices(parts))
    if page.mistakes is not None and page.mistakes.errors:
        shown, total = len(page.mistakes.errors), counted(page.mistakes.total, "mistake")
        lines += folded(f"The {shown} most confident of {total}", _mistakes(page.mistakes))
    for name, why in page.absent.items():
        lines += ["", f"No {name}: {why}"]
    return "\n".join(lines) + "\n"


def _metrics(summary: PerformanceSummary, intervals: IntervalReport | None) -> list[str]:
    known = intervals.intervals if intervals else {}
    rows = []
    for name, value in summary.metrics.items():
        one = known.get(name)
        span = f"{number(one.low)} to {number(one.high)}" if one else NONE
        rows.append([name, number(value), span])
    undefined = summary.undefined.items()
    rows += [[name, NONE, reason] for name, reason in undefined if name not in summary.metrics]
    levels = {f"{one.level:.0%} interval" for one in known.values()} or {"interval"}
    return table(("metric", "value", ", ".join(sorted(levels))), rows)


def _classes(report: ClassificationReport) -> list[str]:
    rows = [
        [
            code(label),
            *map(number, (one.precision, one.recall, one.f1_score)),
            f"{one.support:,}",
        ]
        for label, one in list(report.per_class.items())[:MAX_CLASSES]
    ]
    overall = report.overall
    support = sum(one.support for one in report.per_class.values())
    last = [f"**{overall.average}**"]
    last += map(number, (overall.precision, overall.recall, overall.f1_score))
    rows = [*_more(rows, len(report.per_class)), [*last, f"{support:,}"]]
    return table(("class", "precision", "recall", "f1_score", "support"), rows)


def _calibration(found: ReliabilityTable) -> list[str]:
    rows = [
        [
            f"{one.low:.2f} – {one.high:.2f}",
            f"{one.count:,.10g}",
            number(one.mean_confidence),
            number(one.accuracy),
            f"{one.gap:+.4f}",
        ]
        for one in found.bins
        if one.mean_confidence is not None and one.accuracy is not None and one.gap is not None
    ]
    return table(("confidence", "records", "mean confidence", "right", "gap"), rows)


def _residuals(found: ResidualReport) -> list[str]:
    rows = [[f"{share:.0%}", number(value)] for share, value in found.quantiles.items()]
    ends = ["least", number(found.minimum)], ["greatest", number(found.maximum)]
    return table(("share below", "residual"), [ends[0], *rows, ends[1]])


def _slices(parts: Sequence[Slice]) -> list[str]:
    names = slice_metrics(parts)
    rows = [
        [
            NONE if one.value is None else code(one.value),
            f"{one.rows:,}",
            *(number(one.metrics[name]) if name in one.metrics else NONE for name in names),
        ]
        for one in parts[:MAX_SLICES]
    ]
    return table(("value", "rows", *names), _more(rows, len(parts)))


def _mistakes(found: MisclassificationErrors) -> list[str]:
    rows = (
        [
            code(one.row_id) if one.row_id is not None else str(one.row),
            code(one.true_label),
            code(one.predicted_label),
            NONE if one.confidence is None else number(one.confidence),
            " ".join(code(f"{name}={plain(value)}") for name, value in one.features.items()),
        ]
        for one in found.errors
    )
    return table(("row", "true", "predicted", "confidence", "features"), rows)


def _more(rows: Iterable[list[str]], total: int) -> list[list[str]]:
    """Return rows, and one more that says how many are left out, if any."""
    shown = list(rows)
    left = total - len(shown)
    return [*shown, [f"… {left} more", *[""] * (len(shown[0]) - 1)]] if left > 0 else shown
