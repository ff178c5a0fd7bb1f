"""Markdown of reports: rows of tables, code, parts that are folded, and verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assay.cli.requirement import Outcome

MAX_TEXT = 80  # characters of a value


def row(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def table(names: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a table: texts in the first column, numbers in the others."""
    return [row(names), row(["---", *["---:"] * (len(names) - 1)]), *map(row, rows)]


def folded(title: str, lines: Iterable[str]) -> list[str]:
    """Return lines that are seen once they are unfolded."""
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def verdict_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return whether all requirements hold, and a line for each: whether it does, and why not."""
    if not outcomes:
        return []
    failed = sum(not one.passed for one in outcomes)
    head = (
        f"**❌ FAIL**: {failed} of {len(outcomes)}" if failed else f"**✅ pass**: {len(outcomes)}"
    )
    return [
        f"{head} {'requirement' if len(outcomes) == 1 else 'requirements'}",
        "",
        *(
            f"- {'✅ pass' if one.passed else '❌ FAIL'} {code(one.requirement)}"
            f"{''.join(f' {code(text)}' for text in (one.why, one.note) if text)}"
            for one in outcomes
        ),
    ]


def code(text: str) -> str:
    """Return a text as code in a table's cell: one line, cut, without a way out of the cell."""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= MAX_TEXT else flat[: MAX_TEXT - 1] + "…"
    ticks = max((len(run) for run in re.findall("`+", cut)), default=0) + 1
    room = " " if cut.startswith("`") or cut.endswith("`") or not cut else ""
    safe = cut.replace("|", "\\|")  # tables are cut at bars before code is looked for
    return f"{'`' * ticks}{room}{safe}{room}{'`' * ticks}"
