"""An organization that sends inputs to open jobs over REST, in chunks."""

from __future__ import annotations

import httpx

from assay.features.inference.store import InferenceJobs
from assay.kernel.storage.blob_references import BlobReferences
from tests.support.rpc_service import Caller, Running
from tests.support.trained_versions import TrainedVersion


def check(answer: httpx.Response, status: int) -> dict:
    """Return the body of a refusal, which has this status and says why."""
    body = answer.json()
    assert (answer.status_code, body["statusCode"]) == (status, status), answer.text
    assert body["message"]
    return body


class Sender:
    """An organization with a version of texts, who sends chunks over REST."""

    def __init__(self, rpc: Running, caller: Caller, web: httpx.Client, version: TrainedVersion):
        self.rpc, self.caller, self.web, self.version = rpc, caller, web, version

    def opened(self, **more) -> str:
        """Open a job and return its path."""
        model = {"identifier": self.version.model_id, "version": self.version.version_id}
        answer = self.web.post("/api/jobs", json={"model": model, "explain": False, **more})
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "OPEN"
        return f"/api/jobs/{answer.json()['jobIdentifier']}"

    def send(self, path: str, data: bytes, **headers: str) -> httpx.Response:
        """Send a chunk as the SDKs of the family do."""
        return self.web.post(path, files={"input": data}, headers=headers)

    def close(self, job: str) -> dict:
        """Close a job and return its details once it has ended."""
        answer = self.web.post(f"{job}/close")
        assert answer.status_code == 200, answer.text
        self.caller("WatchJob", job_id=job.rpartition("/")[2])
        return self.web.get(job).json()

    def errors(self, job: str) -> dict[str, str | None]:
        """Return why each input of a job failed, by its name."""
        with self.rpc.backend.store.read() as uow:
            found = uow[InferenceJobs].inputs(
                self.caller.organization, job.rpartition("/")[2], limit=20_000
            )
        return {one.name: one.error for one in found}

    def kept(self) -> set[str]:
        """Return the blobs that something keeps of the organization."""
        with self.rpc.backend.store.read() as uow:
            every = uow[BlobReferences].every()
        return {blob for owner, blob in every if owner == self.caller.organization}
