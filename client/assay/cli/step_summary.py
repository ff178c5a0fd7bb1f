"""The summary page of a step of GitHub Actions, to which gates append what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.cli.console import number
from assay.cli.markdown import table, verdict_lines
from assay.cli.requirement import Outcome
from assay.client.settings import step_summary_file


def append(text: str) -> None:
    """Append Markdown to the summary, where the environment names one; raises OSError."""
    page = step_summary_file()
    if page is not None:
        with page.open("a", encoding="utf-8") as file:
            file.write(f"{text.rstrip()}\n\n")


def metrics(title: str, values: Mapping[str, float], outcomes: Sequence[Outcome]) -> str:
    """Return an evaluation as Markdown: its verdicts and its metrics."""
    rows = ((name, number(value)) for name, value in values.items())
    parts = [f"### {title}", "", *verdict_lines(outcomes), "", *table(("metric", "value"), rows)]
    return "\n".join(parts)
