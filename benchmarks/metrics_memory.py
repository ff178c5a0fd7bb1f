"""Memory that measuring adds to its rows, against scikit-learn, each side in a process of its own.

What counts is VmHWM, the most memory that the process ever held, reset once the rows are there and
each side has measured a small upload, so that neither imports nor lazy set-up count.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import metrics_scores as scores
import numpy as np

MIB = 1 << 20
ROWS = 1_000_000


def added(case: str, side: str) -> int:
    """Run one side in a fresh process and return the bytes it added."""
    command = [sys.executable, __file__, case, side]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(work: Callable[[int], Callable[[], object]]) -> int:
    """Return the bytes that a call on a million rows adds, after one on a thousand."""
    work(1000)()
    call = work(ROWS)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    kept = call()
    after = _status("VmHWM")
    del kept
    return after - before


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


def _ours(case: str, n: int) -> Callable[[], object]:
    upload = scores.Upload(*scores.probabilities(n, 10))
    return lambda: scores.log_loss(upload) if case == "log_loss" else scores.classifier(upload)


def _peer(case: str, n: int) -> Callable[[], object]:
    true, columns, _ = scores.probabilities(n, 10)
    by_row = np.ascontiguousarray(columns.T)
    del columns
    if case == "log_loss":
        return lambda: scores.sk.log_loss(true, by_row, labels=range(10))
    return lambda: scores.peer(true, by_row)


def main() -> int:
    """Print what each side adds; 1 if a bar is missed."""
    if len(sys.argv) == 3:
        case, side = sys.argv[1:]
        sides = {"assay": _ours, "sklearn": _peer}
        print(measure(lambda n: sides[side](case, n)))
        return 0
    ours, theirs = added("log_loss", "assay"), added("log_loss", "sklearn")
    every, peers = added("classifier", "assay"), added("classifier", "sklearn")
    rows = [
        ("log loss, exact sum, 1 M × 10", ours, theirs, "≤ 20 MiB", ours <= 20 * MIB),
        ("full classifier evaluation, 1 M × 10", every, peers, "≤ 1/8", 8 * every <= peers),
    ]
    print("\nMemory added to the rows, VmHWM of a fresh process each")
    for name, mine, peer, bar, met in rows:
        print(
            f"  {name:38} assay {mine / MIB:7.1f} MiB   sklearn {peer / MIB:7.1f} MiB   "
            f"1/{peer / max(mine, 1):.1f}   {bar:9} {'ok' if met else 'MISSED'}"
        )
    return 0 if all(met for *_, met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
