"""Memory of the process given back to the system, which the C allocator keeps for itself.

glibc keeps what was freed, in as many arenas as threads ever allocated at a time: after a few large
bodies a server held gigabytes that nothing used.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable
from typing import Any

ARENAS = 2
LARGE_BYTES = 2 * 1024 * 1024  # from this size on given back when freed; batches are smaller
YOUNG_OBJECTS = 50_000  # that are made before the collector of garbage walks them
FREE_BYTES = 16 * 1024 * 1024  # kept at an arena's end, so that each batch finds its pages there
TRIM_SECONDS = 1.0  # after large work; what comes within them is trimmed with it

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h


def keep_small() -> None:
    """Let this process have few arenas; without glibc nothing happens."""
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, FREE_BYTES)


def collect_seldom() -> None:
    """Let the collector of garbage leave out what is there now, and walk what comes less often.

    What a process has loaded stays for good. What comes with a large request is some hundred
    thousand objects: walked after every 700 of them, they cost several times their making.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def trim() -> None:
    """Give back what is free; takes some ten milliseconds.

    An error that was caught holds the frames through which it came, with all that they read, in a
    cycle, which is not collected before many other objects have been made.
    """
    gc.collect()
    malloc_trim = _of_libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


class Trimmer:
    """Trims the memory some time after large work, on a thread of its own."""

    def __init__(self, trimmed: Callable[[], None] = trim) -> None:
        self._trimmed = trimmed
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """Trim once TRIM_SECONDS have passed."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(TRIM_SECONDS, self._run)
                self._timer.daemon = True
                self._timer.start()

    def _run(self) -> None:
        with self._lock:
            self._timer = None
        self._trimmed()


def _of_libc(name: str) -> Callable[..., Any] | None:
    return getattr(ctypes.CDLL(None), name, None)
