"""What every benchmark shares: a fixed environment, alternating runs, ratios and bars.

Import it before numpy: it fixes the CPU features and threads that Assay's computing processes
are started with, for both sides of every comparison.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}

if "numpy" in sys.modules and any(os.environ.get(k) != v for k, v in ENVIRONMENT.items()):
    raise RuntimeError("import harness before numpy")
os.environ.update(ENVIRONMENT)
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT)]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One comparison. `at_least`: peer / ours must reach it; `at_most`: ours / peer must not pass."""

    name: str
    ours: float  # seconds, median
    peer: float  # seconds, median
    peer_name: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        """The ratio that the bar is about."""
        return self.ours / self.peer if self.at_most is not None else self.peer / self.ours

    @property
    def met(self) -> bool:
        """Whether the bar is reached; a comparison without a bar always is."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.at_least is None or self.value >= self.at_least

    @property
    def bar(self) -> str:
        """The bar in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}×"
        return "" if self.at_least is None else f"≥ {self.at_least:g}×"


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(
    ours: Callable[[], object], peer: Callable[[], object], *, runs: int = 5, warm: bool = True
) -> tuple[float, float]:
    """Return the medians of `runs` alternating timings, in seconds; `warm` drops a first pair."""
    if warm:
        ours()
        peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def report(title: str, ratios: Sequence[Ratio]) -> int:
    """Print a table and return the exit code: 1 if a bar is missed."""
    print(f"\n{title}")
    head = ("what", "assay", "peer", "against", "ratio", "bar", "")
    lines = [head] + [
        (
            ratio.name,
            _milliseconds(ratio.ours),
            _milliseconds(ratio.peer),
            ratio.peer_name,
            f"{ratio.value:.2f}×",
            ratio.bar,
            "ok" if ratio.met else "MISSED",
        )
        for ratio in ratios
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        cells = zip(line, widths, strict=True)
        print("  " + "  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    return 0 if all(ratio.met for ratio in ratios) else 1


def _milliseconds(value: float) -> str:
    return f"{value * 1e3:.2f} ms"
