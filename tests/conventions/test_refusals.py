"""One table of refusals: what is made from the error classes agrees with them everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from assay.gateway.local_replies import local_replies
from assay.kernel.errors import GATEWAY_STATUSES, AssayError, error_classes, http_statuses
from tools import protos
from tools.pages import reason_comments

ROOT = Path(__file__).parents[2]
CLASSES = [
    kind
    for kind in error_classes()
    if "reason" in vars(kind) and kind.__module__.startswith("assay.") and kind is not AssayError
]


def test_lua_has_the_words_of_every_status():
    """The response filter of the gateway names each HTTP status as the error classes do."""
    rest = yaml.safe_load((ROOT / "gateway/envoy.yaml").read_text())["static_resources"][
        "listeners"
    ][0]
    filters = rest["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    lua = next(one for one in filters if one["name"].endswith(".lua"))["typed_config"]
    row = r'\["(\d+)"\] = \{"(\w+)", "(\w+)", "([\w ]+)", (true|false)\}'
    found = re.findall(row, lua["default_source_code"]["inline_string"])
    assert {int(number): tuple(words) for number, *words in found} == {
        number: (one.name, one.code, one.phrase, json.dumps(one.retryable))
        for number, one in http_statuses().items()
    }


def test_local_replies_have_the_words_of_their_status():
    """What Envoy answers by itself has the words of the table and a reason of the catalogue."""
    reasons = {kind.reason for kind in CLASSES}
    for reply in local_replies(1):
        assert reply.status == http_statuses()[reply.status.http_status]
        assert reply.reason in reasons


def test_openapi_has_a_response_for_every_status():
    """Each status that a server refuses with is a shared response under its phrase."""
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    gone = {499, *GATEWAY_STATUSES}
    assert set(document["components"]["responses"]) == {
        kind.status.phrase.replace(" ", "")
        for kind in CLASSES
        if kind.status.http_status not in gone
    }


def test_pages_and_protos_tell_the_status_of_every_reason():
    """docs/errors.md and the comments of ErrorReason give each reason the status of its class."""
    page = (ROOT / "docs/errors.md").read_text()
    comments = dict(reason_comments(protos.descriptor_set(source_info=True)))
    for kind in CLASSES:
        comment = comments.get(kind.reason, "")
        if comment:  # a fault of ours has the reason INTERNAL on the wire
            assert comment.startswith(f"{kind.status.http_status}. "), kind
            again = "yes" if kind.status.retryable else "no"
            row = (f"`{kind.reason}`", kind.status.http_status, f"`{kind.status.code}`")
            assert f"| {' | '.join(map(str, row))} | {kind.status.grpc_code} | {again} |" in page
