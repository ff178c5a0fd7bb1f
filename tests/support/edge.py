"""A server that lets callers of this machine use the edge API without a key, with a runner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.app import Backend, RunnerProcess
from assay.learning.rows import TaskType
from assay.settings import prepare_compute_environment
from tests.support.rpc_service import LoopThread, Running, serve, settings
from tests.support.trained_versions import TrainedVersion, put_version

ORGANIZATION = "edge"
SECRET = "of-the-gateway-0123456789"


@contextmanager
def keyless_server(folder: Path, thread: LoopThread) -> Iterator[tuple[Running, TrainedVersion]]:
    """Serve, with a version of texts in the organization of callers without a key."""
    prepare_compute_environment()
    backend = Backend(
        settings(folder, edge_organization=ORGANIZATION, gateway_secret=SECRET), upgrade=True
    )
    version = put_version(backend.store, backend.blobs, ORGANIZATION, TaskType.TEXT_CLASSIFICATION)
    runner = RunnerProcess(backend)
    running = serve(thread, backend)
    runner.start()
    try:
        yield running, version
    finally:
        runner.stop()
        running.stop()
        backend.close()
