"""The summary page of a step of GitHub Actions, to which gates append what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.cli.bench_markdown import code
from assay.cli.console import number
from assay.cli.requirement import Outcome
from assay.client.settings import step_summary_file


def append(text: str) -> None:
    """Append Markdown to the summary, where the environment names one; raises OSError."""
    page = step_summary_file()
    if page is not None:
        with page.open("a", encoding="utf-8") as file:
            file.write(f"{text.rstrip()}\n\n")


def verdicts(outcomes: Sequence[Outcome]) -> str:
    """Return a line of Markdown for each requirement: whether it holds, and why not."""
    return "".join(
        f"- {'✅ pass' if one.passed else '❌ FAIL'} {code(one.requirement)}"
        f"{f' {code(one.why)}' if one.why else ''}\n"
        for one in outcomes
    )


def metrics(title: str, values: Mapping[str, float], outcomes: Sequence[Outcome]) -> str:
    """Return an evaluation as Markdown: its verdicts and its metrics."""
    rows = "".join(f"| {name} | {number(value)} |\n" for name, value in values.items())
    return f"### {title}\n\n{verdicts(outcomes)}\n| metric | value |\n| --- | ---: |\n{rows}"
