"""EdgeClient of modzy-sdk, unchanged, in an environment of its own."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.edge import ORGANIZATION, keyless_server
from tools.environments import python_environment

SCRIPT = Path(__file__).with_name("modzy_edge_run.py")


def run(port: int, model: str, key: str | None) -> Any:
    """Return what a program that makes every call got."""
    python = python_environment("modzy_sdk")
    given = {"host": "127.0.0.1", "port": port, "model": model, "version": "1.0.0", "key": key}
    done = subprocess.run(
        [str(python), str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory, loop_thread):
    with keyless_server(tmp_path_factory.mktemp("edge"), loop_thread) as found:
        yield found


@pytest.fixture(scope="module", params=["without a key", "with a key"])
def told(request, server) -> dict[str, Any]:
    """What callers with and without a key got."""
    running, version = server
    key = None
    if request.param == "with a key":
        key = running.organization(ORGANIZATION).credential
    return run(running.port, version.model_id, key)


def test_a_job_is_waited_for_and_its_results_are_read(told):
    """It is COMPLETE; results and failures are keyed by the names of inputs."""
    job, results = told["job"], told["results"]
    assert (job["status"], job["total"], job["completed"], job["failed"]) == ("COMPLETE", 2, 1, 1)
    assert results["jobIdentifier"] == job["jobIdentifier"]
    assert (results["finished"], results["explained"]) == (True, True)
    assert set(results["results"]) == {"first"}
    first = results["results"]["first"]
    assert first["status"] == "SUCCESSFUL"
    assert first["results.json"]["result"]["classPredictions"]
    failure = results["failures"]["wrong"]
    assert failure["@type"].endswith("google.protobuf.Struct")
    assert "input.txt" in failure["value"]["error"]
    assert set(told["embedded"]["results"]) == {"job"}


def test_jobs_are_listed(told):
    """With the words of this API."""
    assert job_of(told) in {one["jobIdentifier"] for one in told["jobs"]["jobs"]}
    assert {one["status"] for one in told["jobs"]["jobs"]} == {"COMPLETE"}


def test_inferences_run(told):
    """One at a time and in streams; the one of a wrong input fails with its reason."""
    assert told["inference"]["status"] == "COMPLETE"
    wanted = told["results"]["results"]["first"]["results.json"]["result"]
    assert output(told["inference"])["result"] == wanted
    for name in ("stream", "both_ways"):
        good, bad = told[name]
        assert output(good)["result"] == wanted
        assert bad["status"] == "FAILED"
        assert b"input.txt" in base64.b64decode(bad["result"]["outputs"]["error"]["data"])


def test_without_the_setting_a_key_is_needed(rpc):
    """The client's own message says so."""
    assert "No credential was sent" in run(rpc.port, "m", None)["refused"]


def job_of(told: dict[str, Any]) -> str:
    return told["job"]["jobIdentifier"]


def output(inference: dict[str, Any]) -> Any:
    """Return the JSON that an inference gave."""
    found = inference["result"]["outputs"]["results.json"]
    assert found["contentType"] == "application/json"
    return json.loads(base64.b64decode(found["data"]))
