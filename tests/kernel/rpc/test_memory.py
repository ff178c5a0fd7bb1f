"""Memory that is given back after large work."""

from __future__ import annotations

import threading
from pathlib import Path

from assay.kernel import memory

PAGE = 4096


def resident() -> int:
    """Return the bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def test_what_small_pieces_held_is_given_back():
    """After a trim the process holds hardly more than before a hundred megabytes of small pieces."""
    before = resident()
    pieces = [bytearray(2_000) for _ in range(50_000)]
    kept = pieces[::1000]  # keep the top of the heap in use, as a server's other calls do
    held = resident()
    del pieces
    memory.trim()
    assert held - before > 80_000_000
    assert resident() - before < 20_000_000
    assert kept


def test_a_crowd_of_large_bodies_is_trimmed_once():
    """What comes within a second is trimmed together."""
    trims = threading.Semaphore(0)
    trimmer = memory.Trimmer(trims.release)
    for _ in range(100):
        trimmer.soon()
    assert trims.acquire(timeout=10)
    assert not trims.acquire(timeout=1.5 * memory.TRIM_SECONDS)
