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
from tools.demo.extractors import CANDIDATE, PRODUCTION, extractions
from tools.demo.invoices import SCHEMA, invoices
from tools.demo.service import Service

COUNT = 250  # three pieces

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
        self._target, self.cuts = (host, int(port)), 0
        self._limit: int | None = limit
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

    def heal(self) -> None:
        """Cut no connection that is made from now on."""
        self._limit = None

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


@pytest.fixture(scope="session")
def readings():
    """Invoices, and what two extractors read from them."""
    documents = list(invoices(COUNT, 3))
    read = {one.name: extractions(documents, one, 3) for one in (PRODUCTION, CANDIDATE)}
    return documents, read


@pytest.fixture(scope="session")
def dataset(service, readings):
    """The invoices' ground truth under a schema; returns its id."""
    with Client(service.grpc, api_key=service.key) as client:
        schema = client.create_field_schema("Invoices", SCHEMA["fields"])
        found = client.create_dataset("Invoices", user_schema_id=schema.user_schema_id or "")
        rows = ((one.document_id, one.truth()) for one in readings[0])
        assert client.import_ground_truth(found.dataset_id, rows).imported == COUNT
    return found.dataset_id


@pytest.fixture(scope="session")
def reports(service, dataset, readings):
    """The benchmark of each extractor, by its name."""
    found = {}
    with Client(service.grpc, api_key=service.key) as client:
        for name, read in readings[1].items():
            found[name] = client.run_benchmark(dataset, sent(read), name=name)
    return found


def sent(read):
    """What was read, as rows; documents that could not be read are left out."""
    return [
        {"document_id": one.document_id, "data": one.data, "confidence": one.confidence}
        for one in read
        if one.data is not None
    ]
