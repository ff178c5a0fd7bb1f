"""modzy-sdk, unchanged, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.environments import python_environment

SCRIPT = Path(__file__).parents[2] / "tools" / "demo" / "modzy_sdk.py"


@pytest.fixture(scope="module")
def told(given) -> dict[str, Any]:
    """What a program that makes every call got."""
    python = python_environment("modzy_sdk")
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


def test_texts_are_explained_and_a_wrong_input_fails_alone(told, given):
    """The job is COMPLETED; results and failures are keyed by the names of inputs."""
    job, result = told["text"]["job"], told["text"]["result"]
    assert job["status"] == "COMPLETED"
    assert job["model"]["identifier"] == given["text"]["model"]
    assert (result["total"], result["completed"], result["failed"]) == (3, 2, 1)
    assert (result["finished"], result["explained"]) == (True, True)
    assert result["submittedByKey"] == given["key"].partition(".")[0]
    assert (set(result["results"]), set(result["failures"])) == ({"first", "second"}, {"wrong"})
    assert "input.txt" in told["text"]["failure"]
    first = told["text"]["first"]["results.json"]
    assert first["modelType"] == "textClassification"
    assert first["result"]["classPredictions"][0]["class"] == "billing"
    words = [one["word"] for one in first["explanation"]["wordImportances"]["billing"]]
    assert set(words[:2]) == {"refund", "invoice"}


def test_an_image_in_the_request_is_predicted(told):
    """Its bytes come as a data URI of no type of its own."""
    predictions = told["embedded"]["results.json"]["result"]["classPredictions"]
    assert predictions[0]["class"] == "red"


def test_files_come_in_chunks(told):
    """Chunks are joined as bytes, and the job is closed without a body."""
    result = told["files"]["result"]
    labels = {
        name: one["results.json"]["result"]["classPredictions"][0]["class"]
        for name, one in result["results"].items()
    }
    assert labels == {"letter": "billing", "bytes": "delivery"}
    assert told["files"]["job"]["jobIdentifier"] == result["jobIdentifier"]


def test_an_open_job_is_canceled(told):
    """The answer is the job as it is then."""
    assert told["canceled"]["status"] == "CANCELED"


def test_the_history_has_the_newest_jobs(told):
    """It is cut into pages, and asked for by status in any case."""
    newest, terminated = told["history"]
    assert [one["status"] for one in newest] == ["CANCELED", "COMPLETED"]
    assert "IN_PROGRESS" not in {one["status"] for one in terminated}


def test_models_are_found_and_told_of(told, given):
    """By id, by name, and with their versions, samples and engines."""
    found, model = told["models"], given["text"]["model"]
    assert model in {one["modelId"] for one in found["all"]}
    assert model in {one["modelId"] for one in found["named"]}
    assert {found["model"]["modelId"], found["by_name"]["modelId"]} == {model}
    assert found["model"]["tags"][0]["identifier"] == "support"
    assert "1.0.0" in {one["version"] for one in found["versions"]}
    assert found["version"]["inputs"][0]["name"] == "input.txt"
    assert found["version"]["outputs"][0]["name"] == "results.json"
    assert found["input"]["model"]["identifier"] == model
    assert isinstance(found["engines"], int)
    assert (found["processing"]["identifier"], found["processing"]["ready"]) == (model, 1)


def test_tags_lead_to_models(told, given):
    """A tag that nothing has leads to none."""
    assert "support" in {one["identifier"] for one in told["tags"]["all"]}
    _, tagged = told["tags"]["of"]
    assert given["text"]["model"] in {one["identifier"] for one in tagged}
    assert told["tags"]["unknown"] == [[], []]


def test_what_is_absent_is_not_found(told):
    """A model, a job and a version that are not there are refused as such, with a message."""
    assert len(told["refused"]) == 4
    assert all(
        (isinstance(one, str) and "no-such" in one) or "77.0.0" in one for one in told["refused"]
    )
