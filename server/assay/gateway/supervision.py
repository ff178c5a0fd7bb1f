"""Supervision of a gateway: one that ends by itself is started again, on the same ports."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from assay.gateway import process
from assay.gateway.config import GatewaySettings
from assay.gateway.process import RunningGateway
from assay.kernel.errors import Unavailable

log = logging.getLogger(__name__)

MOST_FAILURES = 5  # ends in a row, each within STEADY_SECONDS of its start
STEADY_SECONDS = 10.0
_PAUSE_SECONDS = 0.5  # times the failures so far


class SupervisedGateway:
    """A gateway that runs until it is stopped, or cannot be kept running."""

    def __init__(self, settings: GatewaySettings, monotonic: Callable[[], float]) -> None:
        """Start the gateway; raises Unavailable as `process.start` does."""
        self._monotonic = monotonic
        self._lock = threading.Lock()  # guards stopping against starting anew
        self._stopping = threading.Event()
        self.running: RunningGateway = process.start(settings)
        self._settings = replace(
            settings,
            http_port=self.running.http_port,
            grpc_port=self.running.grpc_port,
            admin_port=self.running.admin_port,
        )

    def wait(self) -> None:
        """Keep the gateway running; return when it was stopped or has failed too often."""
        failures, started = 0, self._monotonic()
        while True:
            self.running.wait()
            failures = failures + 1 if self._monotonic() - started < STEADY_SECONDS else 1
            if self._stopping.is_set() or failures >= MOST_FAILURES:
                return
            log.warning("the gateway ended by itself; it is started again")
            if self._stopping.wait(_PAUSE_SECONDS * (failures - 1)):
                return
            started = self._monotonic()
            self._restart()

    def stop(self) -> None:
        """Stop the gateway as `RunningGateway.stop` does."""
        self._stopping.set()
        with self._lock:
            self.running.stop()

    def _restart(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            try:
                self.running = process.start(self._settings)
            except Unavailable:
                log.exception("the gateway could not be started again")
