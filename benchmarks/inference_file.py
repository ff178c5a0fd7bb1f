"""The memory of the service while a large file is sent to an inference job in chunks.

A text of 100 MB comes in forms of 1 MiB, as the clients of the family send it. Memory is the
proportional set size of server and runner, and of the gateway, above what a warm, idle service
holds. The same is done with a fraction of the file; what is flat is alike in both. The time is
compared with writing and syncing the same chunks as bare files.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import processes
import projects
from projects import Project

from assay.learning.rows import TaskType

FILE_BYTES = 100_000_000
FRACTION = 8
CHUNK = 1024 * 1024
MAX_GROWTH_MIB = 16  # from the fraction to the whole
MOST_OF_BARE = 5.0  # times the bare files' time
BOUNDARY = "benchmark-of-chunks"
TASK = TaskType.TEXT_CLASSIFICATION
WORDS = {"yes": "good fine great nice", "no": "bad poor awful sad"}


def rows() -> bytes:
    """Return texts of two classes."""
    texts = [(label, f"{WORDS[label]} {at}") for at in range(40) for label in WORDS]
    lines = [
        json.dumps({"row_id": f"{at}", "text": text, "label": label})
        for at, (label, text) in enumerate(texts)
    ]
    return "\n".join(lines).encode()


class Sender:
    """A client who opens jobs and sends files to them."""

    def __init__(self, service: processes.Service, model_id: str) -> None:
        self._connection = http.client.HTTPConnection(service.rest.removeprefix("http://"))
        self._model_id = model_id

    def send(self, size: int) -> None:
        """Send a file of `size` bytes as the one input of a job, and cancel the job."""
        job = self._call("POST", "/api/jobs", {"model": {"identifier": self._model_id}})
        path = f"/api/jobs/{job['jobIdentifier']}"
        for first in range(0, size, CHUNK):
            data = chunk(first, min(CHUNK, size - first))
            received = self._call("POST", f"{path}/file/input.txt", form(data), MULTIPART)
        assert received["size"] == size
        self._call("DELETE", path)

    def _call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> Any:
        sent = json.dumps(body) if isinstance(body, dict) else body
        headers = {"authorization": f"Bearer {processes.SECRET}", "content-type": kind}
        self._connection.request(method, path, sent, headers)
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status >= 300:
            raise RuntimeError(read.decode())
        return json.loads(read)


MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def chunk(first: int, size: int) -> bytes:
    """Return the bytes of the file from `first` on; no two chunks are alike."""
    return (f"{first:09d} ".encode() + b"good " * (size // 5 + 1))[:size]


def form(data: bytes) -> bytes:
    """Return a chunk as the one part of a form."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="input"; filename="input"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def bare(size: int, folder: Path) -> float:
    """Return the seconds that it takes to write and sync the chunks as files."""
    start = time.perf_counter()
    for first in range(0, size, CHUNK):
        with (folder / str(first)).open("wb") as file:
            file.write(chunk(first, min(CHUNK, size - first)))
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start


def most_held(pids: list[int], call: Callable[[], object]) -> dict[int, float]:
    """Return the most MiB that each process held while `call` ran."""
    most = {pid: processes.mebibytes([pid]) for pid in pids}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):  # memory tells nobody when it grows
            for pid in pids:
                most[pid] = max(most[pid], processes.mebibytes([pid]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        call()
    finally:
        ended.set()
        thread.join()
    return most


def main() -> int:
    """Print what was held and how long it took; 1 if a bar is missed."""
    with processes.service(workers="1") as service:
        project = Project(
            service=service, channel=projects.channel_of(service), name="texts", task_type=TASK
        )
        for split in ("train", "validation"):
            project.upload(split, [rows()], "application/x-ndjson")
        project.run("training", {"num_train_epochs": 1})
        sender = Sender(service, project.model_id)
        sender.send(FILE_BYTES // FRACTION)
        pids = [service.pid, service.envoy]
        few = most_held(pids, lambda: sender.send(FILE_BYTES // FRACTION))
        start = time.perf_counter()
        many = most_held(pids, lambda: sender.send(FILE_BYTES))
        ours = time.perf_counter() - start
        with tempfile.TemporaryDirectory(prefix="bare-", dir=service.data) as folder:
            peer = bare(FILE_BYTES, Path(folder))
    missed = False
    print(
        f"\nA file of {FILE_BYTES / 1e6:.0f} MB in chunks of 1 MiB, and {1 / FRACTION:g} of it; MiB"
    )
    for who, pid in (("server and runner", service.pid), ("gateway", service.envoy)):
        growth = many[pid] - few[pid]
        missed |= growth > MAX_GROWTH_MIB
        print(
            f"  {who}: {few[pid]:.0f} then {many[pid]:.0f}, growth {growth:.0f}, "
            f"bar ≤ {MAX_GROWTH_MIB}: {'MISSED' if growth > MAX_GROWTH_MIB else 'ok'}"
        )
    ratio = harness.Ratio(
        name="sent and at rest",
        ours=ours,
        peer=peer,
        peer_name="bare files, synced",
        at_most=MOST_OF_BARE,
    )
    return int(missed) | harness.report("The same file, in time", [ratio])


if __name__ == "__main__":
    sys.exit(main())
