"""Assay's numbers beside scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

RELATIVE = 1e-12
# Made of counts alone: equal to the last bit. The others hold a sum of floats, which Assay
# rounds once and scikit-learn at every step.
FROM_COUNTS = frozenset({"accuracy", "precision", "recall", "f1_score"})


@dataclass(kw_only=True)
class Comparison:
    """Gathers what is not as it should be."""

    console: Console
    wrong: list[str] = field(default_factory=list)

    def metrics(
        self, title: str, ours: Mapping[str, float], theirs: Mapping[str, float], *, binary: bool
    ) -> None:
        """Compare headline numbers and print both sides."""
        table = Table("metric", "Assay", "scikit-learn", "", title=title, title_justify="left")
        for name, value in theirs.items():
            got = ours.get(name)
            # A weighted mean is a sum of floats even when its terms are counts.
            bitwise = name in FROM_COUNTS and (binary or name == "accuracy")
            same = got is not None and (got == value if bitwise else _close(got, value))
            verdict = "equal to the bit" if got == value else f"within {RELATIVE:g}"
            table.add_row(name, repr(got), repr(value), verdict if same else "[red]DIFFERS[/]")
            if not same:
                self.wrong.append(f"{title}: {name} is {got!r}, scikit-learn says {value!r}")
        self.console.print(table)

    def equal(self, title: str, ours: object, theirs: object) -> None:
        """Compare two values that must be the same."""
        if ours == theirs:
            self.console.print(f"{title}: equal to scikit-learn's to the bit")
        else:
            self.wrong.append(f"{title}: {ours!r}, scikit-learn says {theirs!r}")

    def that(self, holds: bool, otherwise: str) -> None:
        """Note `otherwise` unless `holds`."""
        if not holds:
            self.wrong.append(otherwise)
            self.console.print(f"NOT AS IT SHOULD BE: {otherwise}", style="bold red", markup=False)


def _close(ours: float, theirs: float) -> bool:
    return math.isclose(ours, theirs, rel_tol=RELATIVE, abs_tol=1e-15)


def rows(matrix: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return a matrix as lists, for comparing."""
    return [[int(cell) for cell in row] for row in matrix]
