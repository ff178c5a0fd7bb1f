"""A program written with modzy-sdk, which tells as JSON what it got: run in an environment of its own.

It reads on standard input what to run it on: `url`, `key`, and of a model of texts and of one of
images `model`, `version` and, of the latter, the base64 of a PNG.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable
from typing import Any

from modzy import ApiClient, error

WAIT = {"timeout": 60, "poll_interval": 0.2}


def main() -> None:
    """Make every call that programs make, and print what came."""
    given = json.load(sys.stdin)
    client = ApiClient(base_url=given["url"], api_key=given["key"])
    told = {
        "text": text(client, **given["text"]),
        "embedded": embedded(client, **given["image"]),
        "files": files(client, **given["text"]),
        "canceled": canceled(client, **given["text"]),
        "history": history(client),
        "models": models(client, **given["text"]),
        "tags": tags(client),
        "refused": refused(client, **given["text"]),
    }
    json.dump(told, sys.stdout, default=plain)


def text(client: ApiClient, model: str, version: str) -> Any:
    """Two texts and one input of a wrong name, explained."""
    sources = {
        "first": {"input.txt": "refund of the invoice"},
        "second": {"input.txt": "the parcel is late"},
        "wrong": {"no-such-input": "nothing"},
    }
    job = client.jobs.submit_text(model, version, sources, explain=True)
    job.block_until_complete(**WAIT)
    result = client.results.block_until_complete(job, **WAIT)
    try:
        failure = result.get_source_outputs("wrong")
    except error.ResultsError as refusal:
        failure = str(refusal)
    return {
        "job": client.jobs.get(job),
        "result": result,
        "first": result.get_source_outputs("first"),
        "failure": failure,
    }


def embedded(client: ApiClient, model: str, version: str, png: str) -> Any:
    """An image in the request."""
    sources = {"picture": {"input.png": base64.b64decode(png)}}
    job = client.jobs.submit_embedded(model, version, sources)
    return client.results.block_until_complete(job, **WAIT).get_first_outputs()


def files(client: ApiClient, model: str, version: str) -> Any:
    """A file in chunks, which are cut inside characters."""
    long = ("refund of the invoice, s'il vous plaît, für Müller " * 40_000).encode()
    sources = {"letter": {"input.txt": io.BytesIO(long)}, "bytes": {"input.txt": b"parcel"}}
    job = client.jobs.submit_file(model, version, sources)
    return {"job": job, "result": client.results.block_until_complete(job, **WAIT)}


def canceled(client: ApiClient, model: str, version: str) -> Any:
    """A job that waits for its inputs, and is canceled."""
    body = {"model": {"identifier": model, "version": version}, "explain": False}
    job = client.http.post("/jobs", body)
    return client.jobs.cancel(job["jobIdentifier"])


def history(client: ApiClient) -> Any:
    """The jobs of before."""
    return [
        client.jobs.get_history(page=1, per_page=2, direction="DESC"),
        client.jobs.get_history(status="terminated", sort_by="createdAt"),
    ]


def models(client: ApiClient, model: str, version: str) -> Any:
    """Everything about models."""
    found = client.models.get(model)
    client.models.update_processing_engines(
        model, version, min_engines=1, max_engines=1, timeout=30, poll_rate=1
    )
    processing = client.models.get_model_processing_details(model, version)
    client.models.update_processing_engines(model, version, min_engines=0, max_engines=1)
    return {
        "all": client.models.get_all(),
        "named": client.models.get_models(name=found["name"], is_active=True),
        "model": found,
        "by_name": client.models.get_by_name(found["name"]),
        "related": client.models.get_related(model),
        "versions": client.models.get_versions(model),
        "version": client.models.get_version(model, version),
        "input": client.models.get_version_input_sample(model, version),
        "output": client.models.get_version_output_sample(model, version),
        "engines": client.models.get_minimum_engines(),
        "processing": processing,
    }


def tags(client: ApiClient) -> Any:
    """Tags, and the models that have them."""
    return {
        "all": client.tags.get_all(),
        "of": client.tags.get_tags_and_models(["support"]),
        "unknown": client.tags.get_tags_and_models(["no-such-tag"]),
    }


def refused(client: ApiClient, model: str, version: str) -> Any:
    """What is not there."""
    told = []
    calls: tuple[Callable[[], Any], ...] = (
        lambda: client.models.get("no-such-model"),
        lambda: client.jobs.get("no-such-job"),
        lambda: client.jobs.submit_text("no-such-model", version, {"a": {"input.txt": "b"}}),
        lambda: client.jobs.submit_text(model, "77.0.0", {"a": {"input.txt": "b"}}),
    )
    for call in calls:
        try:
            told.append(call())
        except error.NotFoundError as refusal:
            told.append(str(refusal))
    return told


def plain(value: Any) -> Any:
    """Return an object of the client as JSON can hold it."""
    return {name: each for name, each in vars(value).items() if not name.startswith("_")}


if __name__ == "__main__":
    main()
