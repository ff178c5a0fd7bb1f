"""Versions that somebody else serves, on the whole service: made, shown, evaluated, asked."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import text

from assay.features.remote.model import (
    Content,
    Datatype,
    RemoteCredentials,
    RemoteInput,
    RemoteSpec,
    RemoteTls,
)
from assay.features.remote.service import RemoteEndpoints
from assay.kernel.errors import InvalidArgument
from assay.kernel.sealing import Sealer
from assay.learning.rows import TaskType, canonical_schema
from assay.records import replace
from tests.support.certificates import Authority
from tests.support.oip_server import BAD, OipServer
from tests.support.rpc_service import Caller, Running, message
from tests.support.training_project import Project, project

SECRET = "s3cret-token-of-mine"
FEATURES = [pa.field("a", pa.float64()), pa.field("b", pa.float64())]


@pytest.fixture(scope="module")
def server():
    """One server for all tests; each asks for the model that it is about."""
    with OipServer() as running:
        yield running


@pytest.fixture(scope="module")
def mine(rpc: Running) -> Project:
    """A model and a dataset of 300 rows of two features, every tenth of which is mislabelled."""
    first = np.random.default_rng(5).normal(size=300) * 3
    labels = ["yes" if (value > 0) != (row % 10 == 0) else "no" for row, value in enumerate(first)]
    schema = canonical_schema(TaskType.TABULAR_CLASSIFICATION, FEATURES)
    columns = {
        "row_id": [f"r{row}" for row in range(300)],
        "a": first.tolist(),
        "b": [0.0] * 300,
        "label": labels,
    }
    table = pa.table(columns, schema=schema)
    caller = rpc.organization(f"remote-{uuid4().hex}")
    return project(rpc, caller, {"test": table}, TaskType.TABULAR_CLASSIFICATION)


def remote(server: OipServer, name: str = "good", **changes: Any) -> dict[str, Any]:
    """What is sent as `remote`."""
    return {
        "endpoint": server.endpoint,
        "protocol": "oip-v2-grpc",
        "model_name": name,
        "inputs": [{"name": "x", "datatype": "FP32", "columns": ["a", "b"]}],
        "output": "scores",
        "labels": ["no", "yes"],
        **changes,
    }


def made(project: Project, sent: dict[str, Any], **fields: Any) -> Any:
    """Create a version that calls what was sent."""
    return project.caller("CreateVersion", model_id=project.model_id, remote=sent, **fields)


def test_a_remote_version_is_ready_and_shows_all_but_its_secrets(
    rpc: Running, mine: Project, server: OipServer, tmp_path: Path
):
    """It can be promoted at once; the reply and later reads have the endpoint, and no secret rests in clear."""
    own = Authority(tmp_path, "authority").issue("client")
    key = own.key.read_text()
    tls = {"client_certificate": own.certificate.read_text(), "client_key": key}
    sent = remote(server, token=SECRET, max_rows=7, tls=tls)
    version = made(mine, sent, label="2.0")
    assert (version.status, version.label) == ("ready", "2.0")
    assert version.remote.endpoint == server.endpoint
    assert (version.remote.model_name, version.remote.max_rows) == ("good", 7)
    assert (version.remote.max_bytes, version.remote.deadline_seconds) == (4 << 20, 30)
    assert [one.content for one in version.remote.inputs] == ["columns"]
    assert (version.remote.token, version.remote.tls.client_key) == ("", "")
    again = mine.caller("GetVersion", model_id=mine.model_id, version_id=version.version_id)
    assert again == version
    mine.caller("PromoteVersion", model_id=mine.model_id, version_id=version.version_id)
    with rpc.backend.store.read() as uow:
        rows = uow.select(text("select artifact from version_artifacts"))
        assert any("s1." in row.artifact for row in rows)
        part = key.splitlines()[1]
        assert not any(SECRET in row.artifact or part in row.artifact for row in rows)
    assert SECRET not in json.dumps(rpc.lines())


def test_a_repeated_create_is_the_same_version(mine: Project, server: OipServer):
    """The same request_id returns the first version; with another token it is refused."""
    first = made(mine, remote(server, token="a"), request_id="once")
    assert made(mine, remote(server, token="a"), request_id="once") == first
    sent = {"model_id": mine.model_id, "remote": remote(server, token="b"), "request_id": "once"}
    assert mine.caller.refused("CreateVersion", **sent).told[1] == "REQUEST_ID_REUSED"
    chosen = made(mine, remote(server), version_id="served", if_absent=True)
    assert made(mine, remote(server, "other"), version_id="served", if_absent=True) == chosen


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "http://example.com/v2"}, "remote.endpoint"),
        ({"endpoint": "example.com"}, "remote.endpoint"),
        ({"endpoint": "user:secret@example.com:80"}, "remote.endpoint"),
        ({"endpoint": "example.com:0"}, "remote.endpoint"),
        ({"protocol": "http"}, "remote.protocol"),
        ({"model_name": "n" * 501}, "remote.model_name"),
        ({"labels": ["no"]}, "remote.labels"),
        ({"labels": ["no", "no"]}, "remote.labels"),
        ({"scores": "odds"}, "remote.scores"),
        ({"max_bytes": 1}, "remote.max_bytes"),
        ({"max_rows": 10**6}, "remote.max_rows"),
        ({"deadline_seconds": 1e9}, "remote.deadline_seconds"),
        ({"deadline_seconds": float("nan")}, "remote.deadline_seconds"),
        ({"endpoint": "grpc://grpcs://example.com:1"}, "remote.endpoint"),
        ({"token": "two\nlines"}, "remote.token"),
        ({"token": "a", "endpoint": "8.8.8.8:8001"}, "remote.token"),
        ({"labels": [f"{row:050d}" for row in range(6000)]}, "remote"),
        ({"tls": {"ca_certificate": "file.pem"}}, "remote.tls.ca_certificate"),
        ({"tls": {"client_certificate": "-----BEGIN X-----"}}, "remote.tls.client_key"),
        ({"inputs": [{"name": "x", "datatype": "FP99"}]}, "remote.inputs[0].datatype"),
        ({"inputs": [{"name": "x", "datatype": "FP32"}]}, "remote.inputs[0].datatype"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "content": "columns"}]},
         "remote.inputs[0].columns"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "columns": ["a", "a"]}]},
         "remote.inputs[0].columns"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "columns": ["a"], "shape": [-1, 2]}]},
         "remote.inputs[0].shape"),
        ({"inputs": [{"name": "x", "datatype": "UINT8", "content": "image", "shape": [-1, 9, 8, 3]}]},
         "remote.inputs[0].shape"),
        ({"inputs": [{"name": "x", "datatype": "BYTES", "content": "words"}]}, "remote.inputs"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "columns": ["a"]}] * 2}, "remote.inputs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip  # a table
def test_what_cannot_be_called_is_refused_by_field(
    mine: Project, server: OipServer, change: dict[str, Any], field: str
):
    """A wrong value of a remote model is refused when the version is made, and the field is named."""
    sent = {"model_id": mine.model_id, "remote": remote(server, **change)}
    refused = mine.caller.refused("CreateVersion", **sent)
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.violations[0][0] == field
    assert "secret" not in refused.message


def test_certificates_that_cannot_be_read_are_refused(
    mine: Project, server: OipServer, tmp_path: Path
):
    """Cut ones, a key with a password, and that of another certificate; the field is named."""
    authority = Authority(tmp_path, "authority")
    own, other = authority.issue("own"), authority.issue("other")
    pem, key = own.certificate.read_text(), own.key.read_text()
    for tls, field in (
        ({"ca_certificate": pem[:200]}, "ca_certificate"),
        ({"client_certificate": pem[:200], "client_key": key}, "client_certificate"),
        ({"client_certificate": pem, "client_key": key[:90]}, "client_key"),
        ({"client_certificate": pem, "client_key": other.key.read_text()}, "client_key"),
        (
            {
                "client_certificate": pem,
                "client_key": authority.issue("shut", password=b"p").key.read_text(),
            },
            "client_key",
        ),
    ):
        sent = {"model_id": mine.model_id, "remote": remote(server, tls=tls)}
        refused = mine.caller.refused("CreateVersion", **sent)
        assert refused.violations[0][0] == f"remote.tls.{field}"
        assert "BEGIN" not in refused.message


def test_a_token_without_tls_needs_a_network_that_the_operator_allows(
    mine: Project, server: OipServer
):
    """Without such a network every endpoint is public; with one, a name may be in it."""
    sealer = Sealer.of("s" * 32)
    table = RemoteInput(name="x", datatype=Datatype.FP32, content=Content.COLUMNS, columns=("a",))
    spec = RemoteSpec(endpoint="models.internal:8001", model_name="m", inputs=(table,), output="y")
    for allowed, credentials, is_taken in (
        ((), RemoteCredentials(token="a"), False),
        ((), RemoteCredentials(), True),
        (("10.0.0.0/8",), RemoteCredentials(token="a"), True),
    ):
        endpoints = RemoteEndpoints(sealer=sealer, allowed=allowed)
        with nullcontext() if is_taken else pytest.raises(InvalidArgument, match="Write grpcs://"):
            endpoints.sealed(spec, credentials)
    tls = replace(spec, tls=RemoteTls())
    assert RemoteEndpoints(sealer=sealer, allowed=()).sealed(tls, RemoteCredentials(token="a"))


def test_private_endpoints_are_refused_at_once(mine: Project, server: OipServer):
    """An address outside the operator's ranges is refused when the version is made."""
    sent = {"model_id": mine.model_id, "remote": remote(server, endpoint="10.0.0.1:8001")}
    refused = mine.caller.refused("CreateVersion", **sent)
    assert refused.told == ("FAILED_PRECONDITION", "ADDRESS_NOT_ALLOWED")


def evaluated(project: Project, version: Any) -> Any:
    """Evaluate a version on the dataset; return the job when it has ended."""
    submitted = project.submit(job_type="evaluation", version_id=version.version_id, hyperparams={})
    return project.ended(submitted.job_id)


def test_a_remote_version_is_evaluated_on_a_dataset(rpc: Running, mine: Project, server: OipServer):
    """The job sends the rows within limits, with the token, and stores exact metrics."""
    version = made(mine, remote(server, token=SECRET, max_rows=64))
    del server.requests[:], server.tokens[:]
    job = evaluated(mine, version)
    assert job.status == "OK", job.msg
    assert sum(one.inputs[0].shape[0] for one in server.requests) == 300
    assert set(server.tokens) == {f"Bearer {SECRET}"}
    with rpc.backend.store.read() as uow:
        specs = [row.spec for row in uow.select(text("select spec from jobs"))]
    assert not any(SECRET.encode() in spec for spec in specs)
    summary = mine.caller(
        "GetPerformanceSummary", model_id=mine.model_id, version_id=version.version_id
    )
    assert summary.metrics["accuracy"] == 0.9


def test_an_extraction_is_evaluated_word_by_word(rpc: Running, me: Caller, server: OipServer):
    """Documents are sent one by one, and the fields that their labels spell are measured."""
    schema = canonical_schema(TaskType.EXTRACTION)
    columns = {
        "row_id": ["d1", "d2", "d3"],
        "words": [["Total", "12.50", "EUR"], ["none"], ["Sum", "seven"]],
        "labels": [["O", "total", "O"], ["O"], ["O", "total"]],
    }
    table = pa.table(columns, schema=schema)
    mine = project(rpc, me, {"test": table}, TaskType.EXTRACTION)
    words = [{"name": "w", "datatype": "BYTES", "content": "words"}]
    version = made(mine, remote(server, "words", inputs=words, labels=["O", "total"]))
    before = len(server.requests)
    job = evaluated(mine, version)
    assert job.status == "OK", job.msg
    assert [list(one.inputs[0].shape) for one in server.requests[before:]] == [
        [1, 3],
        [1, 1],
        [1, 2],
    ]
    summary = mine.caller(
        "GetPerformanceSummary", model_id=mine.model_id, version_id=version.version_id
    )
    assert (summary.metrics["precision"], summary.metrics["recall"]) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short", "rows were sent"),
        ("nan", "NaN"),
    ],
)
def test_an_endpoint_that_lies_fails_the_job_with_its_reason(
    mine: Project, server: OipServer, name: str, words: str
):
    """The error of the job says what the endpoint did; the version stays as it is."""
    version = made(mine, remote(server, name))
    job = evaluated(mine, version)
    assert job.status == "ERROR"
    assert words in job.msg
    assert server.endpoint in job.msg


def test_a_file_is_predicted_by_the_endpoint(mine: Project, server: OipServer):
    """The rows of a file are sent and their predictions told; a row that it refuses is named."""
    version = made(mine, remote(server, "picky-UNKNOWN"))

    def sent(values: list[float]) -> Any:
        lines = "".join(
            json.dumps({"row_id": f"r{row}", "a": value, "b": 0}) + "\n"
            for row, value in enumerate(values)
        )
        file = {"content_type": "application/x-ndjson", "data": lines.encode()}
        yield message(
            "PredictFile", model_id=mine.model_id, version_id=version.version_id, file=file
        )

    parts = mine.caller.raw("PredictFile", sent([1.0, -1.0]))
    told = [json.loads(line) for line in b"".join(part.data for part in parts).splitlines()]
    assert [row["y_pred"] for row in told] == ["yes", "no"]
    refused = mine.caller.refused("PredictFile", sent([1.0, BAD, 1.0]))
    assert refused.told == ("INVALID_ARGUMENT", "BAD_FILE")
    assert refused.metadata["row_id"] == "r1"


def test_a_remote_version_has_no_artifact_to_download_and_is_not_pruned(
    mine: Project, server: OipServer, other: Caller
):
    """What needs the model itself is refused; another organization sees nothing of it."""
    version = made(mine, remote(server))
    refused = mine.refused(
        job_type="pruning", version_id=version.version_id, target_sparsity=0.5, hyperparams={}
    )
    assert refused.code == "FAILED_PRECONDITION"
    hidden = other.refused("GetVersion", model_id=mine.model_id, version_id=version.version_id)
    assert hidden.code == "NOT_FOUND"
