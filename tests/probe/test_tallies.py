"""The probe feature in the whole service: server, runner's process pool, real Envoy, command."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc
import httpx
import pytest

from assay.gateway import process as gateways
from tests.fixtures.gateway import http_client, settings
from tests.support.probe import FEATURE, KEY, PROBE, ProbeProcess, generate

WAIT = 60.0  # seconds until what never comes fails its test
LINES = [f"one two{number % 3} three{number % 7}" for number in range(1_200)]


class Probe(NamedTuple):
    """The service and the ways to it."""

    process: ProbeProcess
    web: httpx.Client
    messages: Any  # the generated module
    stub: Any  # of TallyService


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """The service with the feature, behind an Envoy that has its routes."""
    generated, folder = tmp_path_factory.mktemp("generated"), tmp_path_factory.mktemp("data")
    generate(generated)
    sys.path.insert(0, str(generated))
    process = ProbeProcess(folder, generated)
    process.start()
    gateway = gateways.start(
        settings(
            upstreams=(process.address,), contract=generated, access_log=str(folder / "access.log")
        )
    )
    with http_client(gateway) as web, grpc.insecure_channel(process.address) as channel:
        web.headers["authorization"] = f"ApiKey {KEY}"
        stubs = importlib.import_module("tally_service_pb2_grpc")
        yield Probe(
            process=process,
            web=web,
            messages=importlib.import_module("tally_service_pb2"),
            stub=stubs.TallyServiceStub(channel),
        )
    gateway.stop(0)
    process.end()
    sys.path.remove(str(generated))


def frames(web: httpx.Client, job_id: str, after: int = 0) -> Iterator[Any]:
    """Yield the data of each Server-Sent Event of a job, to the end of the stream."""
    headers = {"last-event-id": str(after)}
    path = f"/api/v1/jobs/{job_id}:watch"
    with web.stream("GET", path, headers=headers, timeout=WAIT) as stream:
        assert stream.status_code == 200, stream.read()
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                yield json.loads(value)


def create(probe: Probe, lines: list[str]) -> dict[str, Any]:
    """Create a tally over REST."""
    made = probe.web.post("/api/v1/tallies", json={"text": "\n".join(lines)})
    assert made.status_code == 201, made.text
    return made.json()


def counts(probe: Probe, tally: dict[str, Any]) -> Any:
    """Return the view of a tally, without its id."""
    view = probe.web.get(f"/v1/quality/tallies/{tally['tally_id']}").json()
    assert view.pop("id") == tally["tally_id"]
    return view


def test_a_feature_is_at_most_twelve_files():
    """A table, a store, a job kind, an RPC, a view and a command are at most 12 files by hand."""
    files = [
        path.relative_to(PROBE).as_posix()
        for folder in (FEATURE, PROBE / "protos")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert len(files) <= 12, files
    assert [name for name in files if not name.startswith("tallies/")] == [
        "protos/tally_service.proto"
    ]
    assert {f"tallies/{name}.py" for name in ("store", "job", "api", "rest")} <= set(files)


def test_a_tally_is_watched_over_server_sent_events(probe):
    """The feature's own event and status reach a subscriber through Envoy, with their data."""
    tally = create(probe, ["a b a", "b", "c"])
    seen = list(frames(probe.web, tally["job_id"]))
    events = [data for data in seen if "sequence" in data]
    counted = {one["line_counted"].get("line", 0): one["line_counted"]["words"]
               for one in events if one["type"] == "line_counted"}  # fmt: skip
    assert counted == {0: 3, 1: 1, 2: 1}
    assert events[-1]["state_changed"]["to"] == "JOB_STATE_SUCCEEDED"
    status = [data["newest_line"]["text"] for data in seen if data["type"] == "newest_line"]
    assert status
    assert set(status) <= {"a b a", "b", "c"}
    assert counts(probe, tally) == {"words": 5, "counts": {"a": 2, "b": 2, "c": 1}}


def test_a_tally_is_made_and_read_over_grpc(probe):
    """The typed methods make a tally and read it, and a repeat makes no second one."""
    asked = probe.messages.CreateTallyRequest(text="x y", request_id="once")
    metadata = (("authorization", f"ApiKey {KEY}"),)
    made = probe.stub.CreateTally(asked, metadata=metadata, timeout=WAIT)
    assert probe.stub.CreateTally(asked, metadata=metadata, timeout=WAIT).job_id == made.job_id
    list(frames(probe.web, made.job_id))
    request = probe.messages.GetTallyRequest(tally_id=made.tally_id)
    assert probe.stub.GetTally(request, metadata=metadata, timeout=WAIT).words == 2


def test_the_contract_of_a_tally_enforces_itself(probe):
    """Required fields, unknown keys, absent rows and missing credentials are refused over REST."""
    assert probe.web.post("/api/v1/tallies", json={}).status_code == 400
    unknown = probe.web.post("/api/v1/tallies", json={"text": "a", "request": "b"})
    assert unknown.status_code == 400
    assert "request_id" in unknown.text
    assert probe.web.get("/v1/quality/tallies/none").status_code == 404
    nobody = probe.web.get("/api/v1/tallies/none", headers={"authorization": ""})
    assert nobody.status_code == 401


def test_the_command_of_a_feature_is_found(probe):
    """`assay tally` exists by its entry point alone, and shows a tally."""
    tally = create(probe, ["p q r"])
    list(frames(probe.web, tally["job_id"]))
    shown = subprocess.run(
        [sys.executable, "-m", "assay", "tally", tally["tally_id"]],
        env=probe.process.environment,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == "3 words\n", shown.stderr


def test_a_tally_survives_a_kill(probe):
    """Kill -9 of server and runner in the middle of a job changes no number and loses no event."""
    calm = create(probe, LINES)
    list(frames(probe.web, calm["job_id"]))
    rough = create(probe, LINES)
    events = []
    for data in frames(probe.web, rough["job_id"]):
        events += [data] if "sequence" in data else []
        if data["type"] == "line_counted":
            break
    probe.process.end(signal.SIGKILL)
    probe.process.start()
    deadline = time.monotonic() + WAIT
    while probe.web.get("/api/v1/server").status_code != 200:
        assert time.monotonic() < deadline  # Envoy asks a server that was away once a second
    rest = frames(probe.web, rough["job_id"], events[-1]["sequence"])
    events += [data for data in rest if "sequence" in data]
    assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
    lines = [one["line_counted"].get("line", 0) for one in events if one["type"] == "line_counted"]
    assert sorted(lines) == list(range(len(LINES)))
    causes = [one["state_changed"]["cause"] for one in events if one["type"] == "state"]
    assert "lease_lost" in causes  # it was killed before the end
    assert counts(probe, rough) == counts(probe, calm)
    assert counts(probe, calm)["words"] == 3 * len(LINES)
