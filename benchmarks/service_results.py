"""What the results of ten thousand inputs cost by REST, against writing the same JSON to a file.

The peer has the document as Python objects, and writes it by the standard library. Ours reads rows
of the store, and the bytes pass server, gateway and client.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import harness
import processes

INPUTS = 10_000
ROUNDS = 15
ORG = "default"


def prepare(folder: Path) -> str:
    """Store a job of texts whose inputs have finished; return its id."""
    from assay.features.inference.model import (
        KIND,
        FinishedInput,
        InputOutput,
        InputState,
        InputType,
        Item,
        ItemForm,
        NewInferenceJob,
        NewInput,
    )
    from assay.features.inference.store import InferenceJobs
    from assay.kernel.jobs.job import NewJob
    from assay.kernel.jobs.ledger_runs import Jobs
    from assay.kernel.jobs.states import JobState
    from assay.kernel.storage.engine import sqlite_url
    from assay.kernel.storage.store import open_store
    from assay.learning.rows import TaskType

    new = NewInferenceJob(
        model_id="m",
        model_name="texts",
        version_id="v",
        version_label="1.0.0",
        task_type=TaskType.TEXT_CLASSIFICATION,
        input_type=InputType.TEXT,
        explain=False,
        timeout_ms=None,
        submitted_by="bench",
        key_prefix="bench",
    )
    scores = [{"class": name, "score": 0.123456789 / at} for at, name in enumerate("abcd", 1)]
    output = InputOutput(
        name="results.json",
        media_type="application/json",
        size=1,
        inline=json.dumps(
            {
                "modelType": "textClassification",
                "result": {"classPredictions": scores},
                "explanation": None,
            },
            separators=(",", ":"),
        ),
    )
    names = [f"input-{at:05}" for at in range(INPUTS)]
    item = Item(name="input.txt", form=ItemForm.TEXT, size=1, inline=b"x")
    now = datetime.now(UTC)
    finished = [
        FinishedInput(
            position=at,
            name=name,
            state=InputState.SUCCESSFUL,
            engine="pool-1",
            started_at=now + timedelta(milliseconds=50 * (at // 64)),  # 64 inputs run together
            ended_at=now + timedelta(milliseconds=50 * (at // 64) + 7),
            elapsed_ms=7,
            outputs=(output,),
        )
        for at, name in enumerate(names)
    ]
    with closing(open_store(sqlite_url(folder))) as store, store.write() as uow:
        # Open, so that no runner takes it; then it ends.
        job = uow[Jobs].submit(ORG, NewJob(kind=KIND, spec=b"{}", state=JobState.OPEN))
        inputs = [NewInput(name=name, items=(item,)) for name in names]
        uow[InferenceJobs].create(ORG, job.job_id, new, inputs)
        uow[InferenceJobs].finish_inputs(ORG, job.job_id, finished)
        uow[Jobs].request_cancel(ORG, job.job_id)
    return job.job_id


class Caller:
    """A REST caller with one connection."""

    def __init__(self, rest: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(rest).netloc)

    def get(self, path: str) -> bytes:
        """Return the body of a route."""
        headers = {"Authorization": f"ApiKey {processes.SECRET}"}
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        return body


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    with (
        processes.service(rate_read_per_minute="100000000") as service,
        tempfile.NamedTemporaryFile() as file,
    ):
        path = f"/api/results/{prepare(service.data)}"
        caller = Caller(service.rest)
        document = json.loads(caller.get(path))
        assert len(document["results"]) == INPUTS

        def write() -> None:
            file.seek(0)
            file.write(json.dumps(document).encode())
            file.flush()

        ours, peer = harness.alternate(lambda: caller.get(path), write, runs=ROUNDS)
        before = processes.mebibytes([service.pid])
        caller.get(path)
        grown = processes.mebibytes([service.pid]) - before
        print(f"{file.tell() / 2**20:.1f} MiB; the server grew by {grown:.1f} MiB")
    ratios = [
        harness.Ratio(
            name=f"results of {INPUTS} inputs by REST",
            ours=ours,
            peer=peer,
            peer_name="json.dumps of the same, to a file",
            at_most=2,
        )
    ]
    return harness.report("Results of inference", ratios)


if __name__ == "__main__":
    sys.exit(main())
