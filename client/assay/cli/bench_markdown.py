"""A benchmark as Markdown, for the comment of a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.cli.bench_gate import ALPHA, FieldVerdict, overall_sign, verdicts
from assay.cli.bench_tables import LIVE, TESTS, numbers_of, spanned, winner
from assay.cli.console import counted, number
from assay.cli.markdown import code, folded, row, verdict_lines
from assay.cli.requirement import Outcome
from assay.client import BenchmarkComparison
from assay.client.types import BenchmarkReport, DocumentResult, FieldMeasures, FieldResult

MAX_FIELDS = 100
MAX_DOCUMENTS = 20
SIGNS = {1: " ▲", -1: " ▼", 0: ""}


def markdown(
    report: BenchmarkReport,
    comparison: BenchmarkComparison | None,
    examples: Mapping[str, Sequence[DocumentResult]],
    outcomes: Sequence[Outcome] = (),
    alpha: float = ALPHA,
) -> str:
    """Return a completed benchmark, against another one where there is a comparison.

    Args:
        report: the benchmark.
        comparison: this benchmark as a, against another one as b.
        examples: documents with wrong values, by the field that they are wrong in.
        outcomes: what came of each requirement.
        alpha: below it a difference is more than chance.
    """
    measures = report.measures
    assert measures is not None  # it is completed
    accuracy = report.benchmark.accuracy_overall
    right = "nothing" if accuracy is None else number(accuracy)
    summary = (
        f"**{right}** of {counted(measures.overall.comparisons, 'comparison')} right in"
        f" {counted(measures.documents, 'document')} ({measures.extracted_documents:,} read,"
        f" {measures.perfect_documents:,} without any error)."
    )
    lines = [f"### Extraction benchmark: {code(report.benchmark.name)}", "", summary, ""]
    if outcomes:
        lines += [*verdict_lines(outcomes), ""]
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
        f" {counted(overall.fixed, 'document')} fixed, {overall.broken:,} broken"
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
    lines = [row(names), row(["---", *["---:"] * (len(names) - 1)])]
    fields = list(report.measures.by_field.items())
    for path, one in fields[:MAX_FIELDS]:
        cells = _compared(known.get(path)) if comparison else []
        lines.append(row([code(path), *_cells(one, cells)]))
    if len(fields) > MAX_FIELDS:
        lines.append(row([f"… {len(fields) - MAX_FIELDS} more", *[""] * (len(names) - 1)]))
    cells = []
    if comparison is not None:
        whole = comparison.overall
        sign = SIGNS[overall_sign(comparison)]
        delta = "–" if whole.delta is None else f"{whole.delta:+.4f}{sign}"
        cells = [delta, spanned(whole) or "–", f"{whole.p_value:.2g}"]
    lines.append(row(["**all fields**", *_cells(report.measures.overall, cells)]))
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
    lines = [row(names), row(["---"] * len(names)), *map(row, rows)]
    return folded("Examples from the weakest fields", lines)


def _values(one: FieldResult) -> list[str]:
    texts = (one.expected_json, one.extracted_json)
    return ["–" if text is None else code(text) for text in texts]


def _documents(word: str, count: int, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    shown = ids[:MAX_DOCUMENTS]
    listed = ", ".join(map(code, shown))
    return folded(
        f"{counted(count, 'document')} {word}", [listed + (" …" if count > len(shown) else "")]
    )


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
