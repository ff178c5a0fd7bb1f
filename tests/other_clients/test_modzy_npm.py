"""@modzy/modzy-sdk, unchanged, by the Node.js of a wheel."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.environments import node_environment

SCRIPT = Path(__file__).with_name("modzy_npm_run.cjs")


@pytest.fixture(scope="module")
def told(given) -> dict[str, Any]:
    """What a program that makes every call got."""
    node, packages = node_environment("modzy_npm")
    done = subprocess.run(
        [str(node), str(SCRIPT), str(packages)],
        input=json.dumps({**given, "text": {**given["text"], "name": "Tickets"}}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def predicted(result: dict[str, Any], name: str) -> str:
    """Return the class of an input."""
    return result["results"][name]["results.json"]["result"]["classPredictions"][0]["class"]


def test_jobs_are_submitted_and_waited_for(told):
    """Texts, an image in the request and a file in chunks are predicted; a wrong input fails alone."""
    text = told["text"]["result"]
    assert predicted(text, "first") == "billing"
    assert set(text["failures"]) == {"wrong"}
    assert predicted(told["embedded"], "picture") == "red"
    assert predicted(told["files"], "letter") == "billing"
    assert told["details"]["jobIdentifier"] == told["text"]["job"]["jobIdentifier"]
    assert told["details"]["status"] == "COMPLETED"
    assert told["history"][0]["jobIdentifier"] == told["files"]["jobIdentifier"]


def test_models_are_found(told, given):
    """By id, and by a similar name."""
    model = given["text"]["model"]
    assert model in {one["modelId"] for one in told["models"]}
    assert {told["model"]["modelId"], told["byName"]["modelId"]} == {model}
    assert told["version"]["inputs"][0]["name"] == "input.txt"


def test_its_calls_for_tags_are_refused(told):
    """This client sends no credential with them, and without one nothing of anybody is told."""
    assert told["tags"]["code"] == 401


def test_refusals_have_a_code_and_a_message(told):
    """What is absent is 404 in the body, where this client looks for it."""
    assert [one["code"] for one in told["refused"]] == [404, 404, 404]
    assert all(one["message"] for one in told["refused"])
