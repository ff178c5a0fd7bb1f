"""A client of the running service, and a way to break its connections."""

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from assay.client import Client
from tools.demo.service import Service

_numbers = itertools.count(1)


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client with all permissions."""
    with Client(service.grpc, api_key=service.key) as made:
        yield made


@pytest.fixture
def fresh(client):
    """Makes a model and a version that nobody else has; returns their ids."""

    def make(task_type="classification", **options):
        model = client.create_model(f"test {next(_numbers)}", task_type, **options)
        return model.model_id, client.create_version(model.model_id).version_id

    return make


@pytest.fixture
def assay(service: Service, tmp_path):
    """Runs the command line against the service; returns the finished process."""

    def run(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "assay", *map(str, arguments)],
            cwd=tmp_path,
            env={**service.environment(), "NO_COLOR": "1", "COLUMNS": "200", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


class Cutter:
    """A TCP relay that cuts its connections after so many bytes, again and again."""

    def __init__(self, target: str, limit: int) -> None:
        host, _, port = target.partition(":")
        self._target, self._limit, self.cuts = (host, int(port)), limit, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, function, *arguments) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._start(self._relay, near, far, self._limit)
            self._start(self._relay, far, near, None)

    def _relay(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                passed += len(data)
                if limit is not None and passed > limit:
                    self.cuts += 1
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def cutter(service: Service):
    """Makes relays to the service that cut connections; closed at the end."""
    made: list[Cutter] = []

    def make(limit: int) -> Cutter:
        made.append(Cutter(service.grpc, limit))
        return made[-1]

    yield make
    for one in made:
        one.close()
