"""Storage that is full, away or damaged under the whole service: told as such, and gone through."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from assay.kernel.rpc.storage_health import STORAGE
from tests.support.damage import overwrite
from tests.support.rpc_service import binary
from tools import service as services

CSV = {"content-type": "text/csv"}
PATIENCE = 60.0  # seconds until something that never comes fails its test
POLL = 0.1
LONG = "x" * 4_000
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NEVER = resource.RLIM_INFINITY


class Site:
    """A service on a folder, and a caller of its REST routes."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.service = services.start(folder, ASSAY_WORKERS="1", **settings)
        self.web = self._caller()

    def _caller(self) -> httpx.Client:
        headers = {"authorization": f"ApiKey {self.service.key}"}
        return httpx.Client(
            base_url=self.service.rest, headers=headers, trust_env=False, timeout=PATIENCE
        )

    def limit_files(self, most: int) -> None:
        """Have no file of the server and its compute processes grow beyond some bytes."""
        server = psutil.Process(self.service.process.pid)
        children = [one for one in server.children(recursive=True) if "python" in one.name()]
        for process in (server, *children):
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send JSON."""
        return self.web.post(f"/api/v1/{path}", json=body)

    def model(self) -> str:
        """Create a model with a version; return the path of its evaluations."""
        made = self.post("models", {"name": "m", "task_type": "classification"})
        model = made.json()["model_id"]
        version = self.post(f"models/{model}/versions", {}).json()["version_id"]
        return f"models/{model}/versions/{version}/evaluations"

    def upload(self, path: str, rows: int) -> httpx.Response:
        """Send a file of predictions."""
        data = binary(rows).csv
        return self.web.post(f"/api/v1/{path}?dataset_split=test", content=data, headers=CSV)

    def until(self, ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
        """Ask again until the answer has a status."""
        deadline = time.monotonic() + PATIENCE
        while (answer := ask()).status_code != status:
            assert time.monotonic() < deadline, answer.text
            time.sleep(POLL)  # the service tells nobody that it can write again
        return answer

    def health(self, wanted: int) -> None:
        """Watch the storage's health until it is as wanted."""
        with grpc.insecure_channel(self.service.grpc) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest(service=STORAGE)
            seen = (one.status for one in stub.Watch(asked, timeout=PATIENCE))
            assert any(one == wanted for one in seen)
            own = stub.Check(health_pb2.HealthCheckRequest())
            assert own.status == SERVING

    def restart(self) -> None:
        """Stop the service and start it again."""
        self.web.close()
        assert self.service.stop() == []
        self.service = services.start(self.folder, ASSAY_BOOTSTRAP_KEY=self.service.key)
        self.web = self._caller()

    def blobs(self) -> list[Path]:
        """Return the files of all blobs."""
        root = self.folder / "blobs"
        return [one for one in root.rglob("*") if one.is_file() and "~tmp" not in one.parts]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.web.close()
    site.service.stop()


def refused(answer: httpx.Response) -> str:
    """Return the reason of an answer that must be a 503 that can be repeated."""
    assert answer.status_code == 503, answer.text
    assert answer.json()["retryable"] is True
    assert "retry-after" in answer.headers
    return str(answer.json()["details"][0]["reason"])


def test_a_full_disk_refuses_writes_until_there_is_space(site: Site) -> None:
    """While no file may grow creates and uploads are 503, reads answer; then all goes on by itself."""
    path = site.model()
    assert site.upload(path, 100).status_code == 201
    before = site.blobs()
    site.health(SERVING)
    site.limit_files(1)
    site.health(NOT_SERVING)
    for _ in range(3):
        made = site.post("models", {"name": "m", "task_type": "regression", "description": LONG})
        assert refused(made) == "STORAGE_UNAVAILABLE"
        assert refused(site.upload(path, 5_000)) == "STORAGE_UNAVAILABLE"
        assert site.web.get("/api/v1/models").status_code == 200
        assert site.web.get("/healthz").status_code == 200
    assert sorted(site.blobs()) == sorted(before)
    site.limit_files(NEVER)
    site.health(SERVING)
    assert site.post("models", {"name": "m", "task_type": "regression"}).status_code == 201
    assert site.upload(path, 5_000).status_code == 201


def test_a_job_waits_for_space_without_an_attempt(site: Site) -> None:
    """A job whose blobs find no space is put off, and succeeds in its first attempt with space."""
    path = site.model()
    server = psutil.Process(site.service.process.pid)
    fork_server = next(one for one in server.children() if "forkserver" in " ".join(one.cmdline()))
    (child,) = fork_server.children()
    _, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1_000, hard))
    jobs = "/api/v1/jobs"

    def put_off() -> list[dict[str, Any]]:
        found = site.web.get(jobs).json()["jobs"]
        return [one for one in found if one.get("next_attempt_at")]

    with httpx.Client(base_url=site.service.rest, trust_env=False, timeout=PATIENCE) as other:
        sent = other.build_request(
            "POST",
            f"/api/v1/{path}?dataset_split=test",
            content=binary(20_000).csv,
            headers={**CSV, "authorization": f"ApiKey {site.service.key}"},
        )
        with _answered(other, sent) as answer:
            deadline = time.monotonic() + PATIENCE
            while not put_off():
                assert time.monotonic() < deadline
                time.sleep(POLL)
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (NEVER, hard))
            assert answer().status_code == 201
    (job,) = site.web.get(jobs).json()["jobs"]
    assert (job["state"], job["attempts"]) == ("JOB_STATE_SUCCEEDED", 1)


@contextmanager
def _answered(
    client: httpx.Client, request: httpx.Request
) -> Iterator[Callable[[], httpx.Response]]:
    from concurrent.futures import ThreadPoolExecutor  # used here alone

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(client.send, request).result


def test_blobs_that_are_deleted_are_made_again(site: Site) -> None:
    """After the blobs were deleted under the service uploads work, and what is gone is said to be."""
    path = site.model()
    assert site.upload(path, 100).status_code == 201
    shutil.rmtree(site.folder / "blobs")
    assert site.until(lambda: site.upload(path, 200), 201)


def test_damaged_blobs_are_never_served(site: Site) -> None:
    """With a digit changed in every blob no route answers with a number that was stored in one."""
    path = site.model()
    assert site.upload(path, 500).status_code == 201
    model, version = path.split("/")[1], path.split("/")[3]
    assert site.post(f"models/{model}/versions/{version}/promote", {}).status_code == 200
    sections = ("calibration", "roc-curve", "pr-curve")
    routes = [f"/api/v1/models/{model}/performance/{one}" for one in sections]
    good = {route: site.web.get(route) for route in routes}
    assert {one.status_code for one in good.values()} <= {200, 404}
    routes = [route for route, one in good.items() if one.status_code == 200]
    assert routes
    kept = {blob: blob.read_bytes() for blob in site.blobs()}
    for blob, data in kept.items():
        at = next(at for at in range(len(data) // 2, len(data)) if chr(data[at]).isdigit())
        digit = b"1" if data[at : at + 1] != b"1" else b"2"
        overwrite(blob, data[:at] + digit + data[at + 1 :])
    site.restart()
    for route in routes:
        answer = site.web.get(route)
        assert answer.status_code == 500
        assert answer.json()["details"][0]["reason"] == "DATA_DAMAGED"
        assert "Stored data of the evaluation" in answer.json()["message"]
        assert not any(blob.name in answer.text for blob in kept)
    for blob in kept:
        blob.unlink()
    for route in routes:
        assert site.web.get(route).json()["details"][0]["reason"] == "DATA_MISSING"
    for blob, data in kept.items():
        blob.write_bytes(data)
    for route in routes:
        assert site.web.get(route).json() == good[route].json()


def test_an_organization_stays_within_its_quota(tmp_path: Path) -> None:
    """An upload beyond the quota is 413 and leaves nothing; with what was deleted it fits again."""
    site = Site(tmp_path, ASSAY_QUOTA_BYTES="400000")
    path = site.model()
    assert site.upload(path, 3_000).status_code == 201
    before = site.blobs()
    answer = site.upload(path, 50_000)
    assert answer.status_code == 413, answer.text
    assert answer.json()["details"][0]["reason"] == "QUOTA_EXCEEDED"
    assert site.blobs() == before
    assert site.web.delete(f"/api/v1/models/{path.split('/')[1]}").status_code in {200, 204}
    assert site.upload(site.model(), 3_000).status_code == 201
    site.web.close()
    site.service.stop()


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a file system of 24 MB that is filled up and freed again the same holds."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        site = Site(tmp_path)
        try:
            path = site.model()
            fill = tmp_path / "fill"
            with pytest.raises(OSError, match="No space"), fill.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            body = {"name": "m", "task_type": "regression", "description": LONG}
            answers = [site.post("models", body) for _ in range(40)]
            # What still fits into pages that are there is stored; nothing is refused otherwise.
            assert {one.status_code for one in answers} <= {201, 503}
            assert refused(answers[-1]) == "STORAGE_UNAVAILABLE"
            assert refused(site.upload(path, 5_000)) == "STORAGE_UNAVAILABLE"
            assert site.web.get("/api/v1/models").status_code == 200
            fill.unlink()
            assert site.post("models", body).status_code == 201
            assert site.upload(path, 5_000).status_code == 201
            made = sum(one.status_code == 201 for one in answers) + 2
            assert len(site.web.get("/api/v1/models?page_size=100").json()["models"]) == made
        finally:
            site.web.close()
            site.service.stop()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
