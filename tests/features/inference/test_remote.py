"""Inference jobs by a version that somebody else serves."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from assay.features.artifacts.store import VersionArtifacts
from tests.support.inference_rpc import House
from tests.support.oip_server import OipServer
from tests.support.rpc_service import Running
from tests.support.trained_versions import TrainedVersion

SOURCES = {
    f"text {at:02d}": {"input.txt": f"number {at}" if at % 2 else "none"} for at in range(40)
}


@pytest.fixture(scope="module")
def server():
    """One server for all tests; each asks for the model that it is about."""
    with OipServer() as running:
        yield running


def served(rpc: Running, server: OipServer, name: str, **changes: Any) -> House:
    """An organization with a version of texts that is called at the server."""
    caller = rpc.organization(f"inference-remote-{uuid4().hex}")
    model = caller("CreateModel", name="remote", task_type="classification")
    remote = {
        "endpoint": server.endpoint,
        "model_name": name,
        "inputs": [{"name": "text", "datatype": "BYTES"}],
        "output": "label",
        "labels": ["no", "yes"],
        **changes,
    }
    made = caller("CreateVersion", model_id=model.model_id, remote=remote)
    where = (model.model_id, made.version_id)
    with rpc.backend.store.read() as uow:
        artifact = uow[VersionArtifacts].find(caller.organization, *where).artifact
    version = TrainedVersion(model_id=where[0], version_id=where[1], artifact=artifact)
    return House(rpc=rpc, caller=caller, version=version)


def test_inputs_are_predicted_by_the_endpoint_and_a_refused_one_fails_alone(
    rpc: Running, server: OipServer
):
    """Two inputs that the endpoint refuses with INTERNAL fail with its words, all others succeed."""
    house = served(rpc, server, "picky-INTERNAL")
    bad = {"bad 1": {"input.txt": "666"}, "bad 2": {"input.txt": "no 666"}}
    job = house.ended(house.submit(SOURCES | bad).job_id)
    assert (job.status, job.completed, job.failed) == ("COMPLETED", 40, 2)
    inputs = house.inputs(job.job_id)
    for name in bad:
        assert "row of 666" in inputs[name].error
    for name, output in house.outputs(job.job_id).items():
        best = output["result"]["classPredictions"][0]
        assert best == {"class": "yes" if int(name[-2:]) % 2 else "no", "score": 1.0}


def test_a_hanging_endpoint_fails_the_inputs_and_holds_nobody(rpc: Running, server: OipServer):
    """Each input fails with the reason, and soon: the endpoint is called three times a process."""
    house = served(rpc, server, "hang", deadline_seconds=0.2)
    before = len(server.requests)
    job = house.ended(house.submit(SOURCES).job_id)
    assert (job.status, job.failed) == ("COMPLETED", 40)
    assert all("did not answer" in one.error for one in house.inputs(job.job_id).values())
    assert len(server.requests) - before <= 12
