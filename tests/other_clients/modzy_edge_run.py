"""What a program written with EdgeClient of modzy-sdk does, told as JSON: run by the interpreter of its environment.

It reads on standard input what to run it on: `host`, `port`, `model`, `version`, and `key`, which
is sent as metadata, or null.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from modzy.edge import InputSource
from modzy.edge.client import EdgeClient
from modzy.edge.inferences import EdgeInferenceClient
from modzy.edge.jobs import EdgeJobsClient
from modzy.error import ApiError


class Key(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Sends a key with every call."""

    def __init__(self, key: str) -> None:
        self._metadata = [("authorization", f"Bearer {key}")]

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Call with the key."""
        return continuation(details._replace(metadata=self._metadata), request)

    intercept_stream_stream = intercept_unary_unary


def main() -> None:
    """Make every call that programs make, and print what came."""
    given = json.load(sys.stdin)
    with EdgeClient(given["host"], given["port"]) as client:
        if given["key"] is not None:
            channel = grpc.intercept_channel(client._channel, Key(given["key"]))
            client.jobs = EdgeJobsClient(channel, origin=client.origin)
            client.inferences = EdgeInferenceClient(channel, origin=client.origin)
        try:
            told = everything(client, given["model"], given["version"])
        except ApiError as refusal:
            told = {"refused": str(refusal)}
    json.dump(told, sys.stdout)


def everything(client: EdgeClient, model: str, version: str) -> Any:
    """Submit, wait, read, infer and stream."""
    sources = {"first": {"input.txt": "hej med dig"}, "wrong": {"no-such-input": "nothing"}}
    job = client.jobs.submit_text(model, version, sources, explain=True)
    done = client.jobs.block_until_complete(job)
    embedded = client.jobs.submit_embedded(model, version, {"input.txt": b"hej med dig"})
    client.jobs.block_until_complete(embedded)
    infer = client.inferences
    good = [InputSource(key="input.txt", text="hej med dig")]
    bad = [InputSource(key="no-such-input", data=b"nothing")]
    requests = [infer.build_inference_request(model, version, one) for one in (good, bad)]
    return {
        "job": done,
        "jobs": client.jobs.get_all_job_details(),
        "results": client.jobs.get_results(job),
        "embedded": client.jobs.get_results(embedded),
        "inference": MessageToDict(infer.run(model, version, good, tags={"team": "north"})),
        "stream": [MessageToDict(one) for one in infer.stream(requests)],
        "both_ways": [MessageToDict(one) for one in infer.client.StreamInferences(iter(requests))],
    }


if __name__ == "__main__":
    main()
