"""A benchmark as Markdown, for the comment of a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from assay.cli.bench_gate import ALPHA, FieldVerdict, overall_sign, verdicts
from assay.cli.bench_tables import LIVE, TESTS, numbers_of, spanned, winner
from assay.cli.console import number
from assay.client import BenchmarkComparison
from assay.client.types import BenchmarkReport, DocumentResult, FieldMeasures, FieldResult

MAX_FIELDS = 100
MAX_DOCUMENTS = 20
MAX_TEXT = 80  # characters of a value
SIGNS = {1: " ▲", -1: " ▼", 0: ""}


def markdown(
    report: BenchmarkReport,
    comparison: BenchmarkComparison | None,
    examples: Mapping[str, Sequence[DocumentResult]],
    alpha: float = ALPHA,
) -> str:
    """Return a completed benchmark, against another one where there is a comparison.

    Args:
        report: the benchmark.
        comparison: this benchmark as a, against another one as b.
        examples: documents with wrong values, by the field that they are wrong in.
        alpha: below it a difference is more than chance.
    """
    measures = report.measures
    assert measures is not None  # it is completed
    accuracy = report.benchmark.accuracy_overall
    right = "nothing" if accuracy is None else number(accuracy)
    summary = (
        f"**{right}** of {measures.overall.comparisons:,} comparisons right in"
        f" {measures.documents:,} documents ({measures.extracted_documents:,} read,"
        f" {measures.perfect_documents:,} without any error)."
    )
    lines = [f"### Extraction benchmark: {code(report.benchmark.name)}", "", summary, ""]
    if comparison is not None:
        lines += [_against(comparison), ""]
    lines += _table(report, comparison, alpha)
    lines += _examples(examples)
    if comparison is not None:
        lines += _documents("broken", comparison.overall.broken, comparison.broken_document_ids)
        lines += _documents("fixed", comparison.overall.fixed, comparison.fixed_document_ids)
    return "\n".join([*lines, "", *_small(report, comparison)]) + "\n"


def _against(found: BenchmarkComparison) -> str:
    overall = found.overall
    mark = {1: "✅", -1: "❌", 0: "➖"}[overall_sign(found)]
    return (
        f"{mark} Against {code(found.run_b.name)}: {winner(found, code)}"
        f" {overall.fixed:,} documents fixed, {overall.broken:,} broken"
        f" (McNemar, exact: p = {overall.p_value:.2g})."
    )


def _table(
    report: BenchmarkReport, comparison: BenchmarkComparison | None, alpha: float
) -> list[str]:
    assert report.measures is not None
    known = {one.path: one for one in verdicts(comparison, alpha)} if comparison else {}
    more = ("Δ", "95 % interval", "p") if comparison else ()
    first, *others = LIVE[1:]
    names = ("field", first, *more, *others)
    lines = [_row(names), _row(["---", *["---:"] * (len(names) - 1)])]
    fields = list(report.measures.by_field.items())
    for path, one in fields[:MAX_FIELDS]:
        cells = _compared(known.get(path)) if comparison else []
        lines.append(_row([code(path), *_cells(one, cells)]))
    if len(fields) > MAX_FIELDS:
        lines.append(_row([f"… {len(fields) - MAX_FIELDS} more", *[""] * (len(names) - 1)]))
    cells = []
    if comparison is not None:
        whole = comparison.overall
        sign = SIGNS[overall_sign(comparison)]
        delta = "–" if whole.delta is None else f"{whole.delta:+.4f}{sign}"
        cells = [delta, spanned(whole) or "–", f"{whole.p_value:.2g}"]
    lines.append(_row(["**all fields**", *_cells(report.measures.overall, cells)]))
    return lines


def _compared(one: FieldVerdict | None) -> list[str]:
    if one is None or one.difference.delta is None:
        return ["–", "–", "–"]
    delta = f"{one.difference.delta:+.4f}{SIGNS[one.sign]}"
    return [delta, spanned(one.difference) or "–", f"{one.p_value:.2g}"]


def _cells(one: FieldMeasures, compared: Sequence[str]) -> list[str]:
    values, counts = numbers_of(one)
    first, *others = ("–" if value is None else number(value) for value in values)
    return [first, *compared, *others, *(f"{count:,}" for count in counts)]


def _examples(examples: Mapping[str, Sequence[DocumentResult]]) -> list[str]:
    rows = [
        [code(one.place), code(document.document_id), one.outcome.replace("_", " "), *_values(one)]
        for path, documents in examples.items()
        for document in documents
        for one in [next(found for found in document.fields if found.field == path)]
    ]
    if not rows:
        return []
    names = ("where", "document", "outcome", "expected", "extracted")
    table = [_row(names), _row(["---"] * len(names)), *map(_row, rows)]
    return _folded("Examples from the weakest fields", table)


def _values(one: FieldResult) -> list[str]:
    texts = (one.expected_json, one.extracted_json)
    return ["–" if text is None else code(text) for text in texts]


def _documents(word: str, count: int, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    shown = ids[:MAX_DOCUMENTS]
    listed = ", ".join(map(code, shown))
    return _folded(f"{count:,} documents {word}", [listed + (" …" if count > len(shown) else "")])


def _folded(title: str, lines: Iterable[str]) -> list[str]:
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _small(report: BenchmarkReport, comparison: BenchmarkComparison | None) -> list[str]:
    assert report.spec is not None
    spec = report.spec
    parts = [
        f"benchmark {report.benchmark.benchmark_id}",
        f"{spec.normaliser}",
        f"schema {spec.schema_hash[:12]}{' (inferred)' if spec.schema_inferred else ''}",
        f"ground truth {spec.ground_truth_hash.removeprefix('sha256:')[:12]}",
    ]
    if comparison is not None:
        parts.append(TESTS)
    return [f"<sub>{' · '.join(parts)}</sub>"]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return a text as code in a table's cell: one line, cut, without a way out of the cell."""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= MAX_TEXT else flat[: MAX_TEXT - 1] + "…"
    ticks = max((len(run) for run in re.findall("`+", cut)), default=0) + 1
    room = " " if cut.startswith("`") or cut.endswith("`") or not cut else ""
    safe = cut.replace("|", "\\|")  # tables are cut at bars before code is looked for
    return f"{'`' * ticks}{room}{safe}{room}{'`' * ticks}"
