"""Clocks of leases, and whether an owner still lives.

PostgreSQL's own clock serves all hosts alike. SQLite's processes share one machine, so
the kernel's boot clock serves them: it never jumps and it counts while the machine
sleeps. Its readings mean nothing after a reboot, and neither do the processes that
took them, so a lease carries the boot's id and another boot's leases have all expired.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from assay.kernel.jobs.job import Owner


class BootClock:
    """The boot clock of this machine, by which the leases of a SQLite store expire."""

    def __init__(self) -> None:
        self._boot_id = _read("/proc/sys/kernel/random/boot_id") or "unknown"
        # macOS has no CLOCK_BOOTTIME; its monotonic clock stops while the machine sleeps,
        # which only makes a lease last longer.
        self._clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def boot_id(self) -> str:
        """Return the kernel's boot id, a text that changes when the machine starts anew."""
        return self._boot_id

    def seconds(self) -> float:
        """Return seconds since the machine started, which never jump."""
        return time.clock_gettime(self._clock)


def this_process(name: str = "") -> Owner:
    """Return the owner that stands for this process; `name` tells its runners apart."""
    return Owner(
        host=_host(),
        boot_id=BootClock().boot_id(),
        pid=os.getpid(),
        started=_started(os.getpid()) or "unknown",
        name=name,
    )


def is_dead(owner: Owner) -> bool:
    """Return whether `owner` has certainly ended.

    Certain is: the machine has started anew, or the process is gone, or its pid is now
    another process's. Of an owner on another host nothing is certain.
    """
    here = this_process()
    if owner.host != here.host:
        return False
    if owner.boot_id != here.boot_id:
        return True
    return (_started(owner.pid) or _probe(owner.pid)) not in (owner.started, "unknown")


def _host() -> str:
    # The pid namespace keeps two containers with one host name apart.
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}".replace("|", "/")


def _started(pid: int) -> str | None:
    """Return the kernel's start time of a process; None when that cannot be told."""
    stat = _read(f"/proc/{pid}/stat")
    if stat is None:
        return None
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended, although its parent has not yet asked how.
    return None if fields[0] in ("Z", "X") else fields[19]


def _probe(pid: int) -> str:
    """Return `unknown` for a process that lives where /proc does not tell, else `gone`."""
    if Path("/proc/self/stat").exists():
        return "gone"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "unknown"
    return "unknown"


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
