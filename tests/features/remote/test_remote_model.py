"""A remote model predicts rows by its endpoint, and says what is wrong with one that lies."""

from __future__ import annotations

import socket
import threading

import grpc
import numpy as np
import pyarrow as pa
import pytest

from assay.features.remote.model import (
    Content,
    Datatype,
    RemoteCredentials,
    RemoteInput,
    RemoteSpec,
    RemoteTls,
    Scores,
)
from assay.features.remote.oip_calls import OipCalls
from assay.features.remote.remote_model import RemoteModel
from assay.kernel.errors import AddressNotAllowed, RemoteFailed
from assay.learning.errors import DataError
from assay.learning.predictions import ClassPredictions, ValuePredictions, WordPredictions
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.certificates import Authority
from tests.support.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    frame,
    header_block,
)
from tests.support.oip_server import BAD, LOOPBACK, OipServer

TABLE = RemoteInput(name="x", datatype=Datatype.FP32, content=Content.COLUMNS, columns=("a", "b"))
SPEC = RemoteSpec(
    endpoint="127.0.0.1:1",
    model_name="good",
    inputs=(TABLE,),
    output="scores",
    labels=("no", "yes"),
    deadline_seconds=10,
)


@pytest.fixture(scope="module")
def server():
    """One server for all tests; each asks for the model whose lie it is about."""
    with OipServer() as running:
        yield running


def model(server, name="good", task=TaskType.TABULAR_CLASSIFICATION, credentials=None, **changes):
    """A remote model at the server, and what it slept between tries."""
    spec = replace(SPEC, endpoint=server.endpoint, model_name=name, **changes)
    slept = []
    calls = OipCalls(
        spec,
        credentials or RemoteCredentials(),
        allowed=LOOPBACK,
        jitter=lambda: 0.0,
        sleep=slept.append,
    )
    return RemoteModel(spec=spec, task_type=task, calls=calls), slept


def rows(first=(0.0, 2.0, -3.0)):
    """Canonical rows of two features."""
    count = len(first)
    return pa.record_batch(
        {
            "row_id": pa.array([f"r{number}" for number in range(count)]),
            "a": pa.array(first, pa.float64()),
            "b": pa.array([1.0] * count, pa.float64()),
        },
        schema=pa.schema(
            [
                pa.field("row_id", pa.string(), nullable=False),
                ("a", pa.float64()),
                ("b", pa.float64()),
            ]
        ),
    )


def expected(first=(0.0, 2.0, -3.0)):
    second = 1 / (1 + np.exp(-np.array(first, np.float32).astype(np.float64)))
    return np.stack([1 - second, second], axis=1)


@pytest.mark.parametrize("name", ["good", "typed"])
def test_probabilities_come_as_the_endpoint_gives_them(server, name):
    """Raw and typed contents give the endpoint's own numbers, and only the output is asked for."""
    found = model(server, name)[0].predict(rows())
    assert isinstance(found, ClassPredictions)
    np.testing.assert_array_equal(found.probabilities, expected())
    assert (found.row_ids, found.labels) == (("r0", "r1", "r2"), ("no", "yes"))
    sent = server.requests[-1]
    assert [one.name for one in sent.outputs] == ["scores"]
    assert list(sent.inputs[0].shape) == [3, 2]


def test_no_rows_ask_nothing(server):
    """A batch without rows has predictions of none, and no call is made."""
    before = len(server.requests)
    assert model(server)[0].predict(rows(())).probabilities.shape == (0, 2)
    assert len(server.requests) == before


def test_requests_are_cut_by_rows_and_by_bytes(server):
    """No request has more rows or bytes than the version allows, and all rows are answered in order."""
    first = np.linspace(-3, 3, 1000).tolist()
    for limits in ({"max_rows": 300}, {"max_bytes": 4096}):
        del server.requests[:]
        found = model(server, **limits)[0].predict(rows(first))
        np.testing.assert_array_equal(found.probabilities, expected(first))
        sent = [request.inputs[0].shape[0] for request in server.requests]
        assert sum(sent) == 1000
        assert len(sent) >= 3
        assert max(sent) <= limits.get("max_rows", 1000)
        largest = max(request.ByteSize() for request in server.requests)
        assert largest <= limits.get("max_bytes", 4 << 20)


def test_a_row_larger_than_a_request_is_named(server):
    """A text beyond max_bytes is refused before it is sent, with the row and both sizes."""
    text = RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.TEXT)
    remote, _ = model(server, task=TaskType.TEXT_CLASSIFICATION, inputs=(text,), max_bytes=2048)
    with pytest.raises(DataError, match="max_bytes") as refused:
        remote.predict(texts("short", "long" * 1000))
    assert refused.value.row_id == "r1"


def texts(*pages):
    schema = pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False),
            pa.field("pages", pa.list_(pa.large_string()), nullable=False),
        ]
    )
    ids = [f"r{number}" for number in range(len(pages))]
    return pa.record_batch({"row_id": ids, "pages": [[page] for page in pages]}, schema=schema)


def test_texts_are_strings_and_labels_may_be_the_answer(server):
    """Text travels as BYTES in UTF-8; a label as the answer gives its class probability 1."""
    text = RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.TEXT, shape=(-1,))
    remote, _ = model(server, task=TaskType.TEXT_CLASSIFICATION, inputs=(text,))
    found = remote.predict(texts("ü 7", "none", ""))
    assert found.probabilities.tolist() == [[0, 1], [1, 0], [1, 0]]
    remote, _ = model(server, "strange", task=TaskType.TEXT_CLASSIFICATION, inputs=(text,))
    with pytest.raises(DataError, match="'maybe'") as refused:
        remote.predict(texts("a", "b"))
    assert refused.value.row_id == "r0"


def test_words_of_a_document_get_labels_and_fields(server):
    """An extraction asks document by document, and puts the labelled words together."""
    words = RemoteInput(name="w", datatype=Datatype.BYTES, content=Content.WORDS)
    remote, _ = model(
        server, "words", task=TaskType.EXTRACTION, inputs=(words,), labels=("O", "total")
    )
    schema = pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False),
            pa.field("words", pa.list_(pa.string()), nullable=False),
        ]
    )
    documents = [["Total", "12.50", "7", "EUR"], [], ["no", "number"]]
    batch = pa.record_batch({"row_id": ["a", "b", "c"], "words": documents}, schema=schema)
    found = remote.predict(batch)
    assert isinstance(found, WordPredictions)
    assert found.codes.tolist() == [0, 1, 1, 0, 0, 0]
    assert found.fields == ({"total": "12.50 7"}, {}, {})


def test_numbers_of_classes_are_read_in_the_order_of_the_labels(server):
    """An output of whole numbers names classes; one that there is not is refused with its row."""
    assert model(server, "codes")[0].predict(rows()).codes.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="class 7, and the version has 2 labels"):
        model(server, "codes-beyond")[0].predict(rows())


def test_a_regression_reads_one_number_a_row(server):
    """A regression's output is (rows,) or (rows, 1) numbers; two a row are refused."""
    remote, _ = model(server, "codes", task=TaskType.TABULAR_REGRESSION, labels=())
    found = remote.predict(rows())
    assert isinstance(found, ValuePredictions)
    assert found.values.tolist() == [0.0, 1.0, 0.0]
    remote, _ = model(server, task=TaskType.TABULAR_REGRESSION, labels=())
    with pytest.raises(RemoteFailed, match="2 numbers a row"):
        remote.predict(rows())


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ("short", r"shape is \[2, 2\], and 3 rows were sent"),
        ("wide", "4 scores a row, and the version has 2 labels"),
        ("nan", "NaN or an infinite number, of every row"),
        ("unsure", "no probabilities; logits are declared by scores"),
        ("negative", "negative length"),
        ("vast", "has 48 bytes"),
        ("deep", "its shape has 1000000 dimensions"),
        ("beyond", "a number is beyond those of INT8"),
        ("dtype", "datatype 'BF16' is not read"),
        ("name", "absent; the endpoint returned other"),
        ("cut", "has 45 bytes"),
        ("huge", "larger than 67108864 bytes"),
    ],
)
def test_an_endpoint_that_lies_is_told_on(server, lie, told):
    """Wrong shapes, datatypes, names, numbers and sizes fail with what is wrong, after one call."""
    remote, slept = model(server, lie)
    with pytest.raises(RemoteFailed, match=told) as refused:
        remote.predict(rows())
    assert server.endpoint in refused.value.message
    assert slept == []


def test_one_row_of_nan_is_named(server):
    """NaN in the answer of one row is that row's fault alone."""
    with pytest.raises(DataError, match="NaN") as refused:
        model(server, "nan-second")[0].predict(rows())
    assert refused.value.row_id == "r1"


def test_logits_are_made_probabilities(server):
    """Scores that are declared as logits go through a softmax."""
    found = model(server, "unsure", scores=Scores.LOGITS)[0].predict(rows())
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert found.codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN", "INVALID_ARGUMENT"])
def test_a_row_that_is_refused_is_found_among_others(server, code):
    """A refusal of a whole request is not tried again, and the row to blame is found by halves."""
    first = [1.0] * 37 + [BAD] + [2.0] * 26
    del server.requests[:]
    remote, slept = model(server, f"picky-{code}")
    with pytest.raises(DataError, match="row of 666") as refused:
        remote.predict(rows(first))
    assert refused.value.row_id == "r37"
    assert slept == []
    assert len(server.requests) <= 10


def test_an_endpoint_that_refuses_everything_is_to_blame_itself(server):
    """When another row is refused as well, it is the endpoint and not a row."""
    with pytest.raises(RemoteFailed, match="refused every row: INTERNAL"):
        model(server, "picky-INTERNAL")[0].predict(rows([BAD] * 8))


@pytest.mark.parametrize("name", ["away", "busy"])
def test_what_is_worth_it_is_tried_again_with_growing_waits(server, name):
    """UNAVAILABLE and RESOURCE_EXHAUSTED are tried up to four times, each time later."""
    server.failures = 3
    remote, slept = model(server, name)
    assert len(remote.predict(rows()).row_ids) == 3
    assert slept == [0.25, 0.5, 1.0]
    server.failures = 4
    remote, slept = model(server, name)
    with pytest.raises(RemoteFailed, match="later"):
        remote.predict(rows())
    assert server.failures == 0


def test_a_hanging_endpoint_is_left_alone_after_three_calls(server):
    """A call ends with its deadline and is not tried again; the fourth one is not even made."""
    remote, slept = model(server, "hang", deadline_seconds=0.1)
    before = len(server.requests)
    for _ in range(3):
        with pytest.raises(RemoteFailed, match=r"did not answer within 0\.1 s"):
            remote.predict(rows())
    with pytest.raises(RemoteFailed, match="did not answer 3 calls in a row"):
        remote.predict(rows())
    assert len(server.requests) == before + 3
    assert slept == []


def test_a_dropped_connection_is_told():
    """A connection that ends in the middle of a call fails with a reason, after more tries."""
    with OipServer() as mortal:
        remote, _ = model(mortal, "drop")
        with pytest.raises(RemoteFailed, match="failed"):
            remote.predict(rows())
        assert len(mortal.requests) == 1


def test_tls_is_spoken_with_the_authority_and_the_certificate_that_are_declared(tmp_path):
    """With its authority and a client's certificate a TLS endpoint is served; without, it is not."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    served, client = ours.issue("server", ("models.example",)), ours.issue("client")
    credentials = grpc.ssl_server_credentials(
        [(served.key.read_bytes(), served.certificate.read_bytes())], ours.file.read_bytes(), True
    )
    tls = RemoteTls(
        ca_certificate=ours.file.read_text(),
        server_name="models.example",
        client_certificate=client.certificate.read_text(),
    )
    secrets = RemoteCredentials(token="t", client_key=client.key.read_text())
    with OipServer(credentials=credentials) as safe:
        assert len(model(safe, tls=tls, credentials=secrets)[0].predict(rows()).row_ids) == 3
        for wrong in (
            replace(tls, ca_certificate=theirs.file.read_text()),
            replace(tls, server_name=""),
        ):
            with pytest.raises(RemoteFailed, match="UNAVAILABLE"):
                model(safe, tls=wrong, credentials=secrets)[0].predict(rows())
        assert len(safe.requests) == 1


def test_a_token_does_not_travel_in_the_clear_over_public_networks():
    """A public endpoint without TLS gets no token, and no connection."""
    spec = replace(SPEC, endpoint="8.8.8.8:9")
    calls = OipCalls(spec, RemoteCredentials(token="t"), allowed=())
    with pytest.raises(RemoteFailed, match="use TLS"):
        RemoteModel(spec=spec, task_type=TaskType.TABULAR_CLASSIFICATION, calls=calls).predict(
            rows()
        )


def test_a_redirect_is_not_followed():
    """An endpoint that answers with a redirect fails, and where it points to is not called."""
    with OipServer() as target, socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=redirect, args=(listening, target.endpoint), daemon=True)
        thread.start()
        spec = replace(SPEC, endpoint=f"127.0.0.1:{listening.getsockname()[1]}")
        calls = OipCalls(spec, RemoteCredentials(), allowed=LOOPBACK, sleep=lambda _: None)
        remote = RemoteModel(spec=spec, task_type=TaskType.TABULAR_CLASSIFICATION, calls=calls)
        with pytest.raises(RemoteFailed, match="302"):
            remote.predict(rows())
        calls.close()
        thread.join(10)
        assert target.requests == []


def redirect(listening, target):
    """Answer each call of one connection with a redirect, in frames of HTTP/2."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as reader:
        assert reader.read(len(PREFACE)) == PREFACE
        connection.sendall(frame(SETTINGS, 0, 0))
        while head := reader.read(9):
            reader.read(int.from_bytes(head[:3], "big"))
            if head[3] == SETTINGS and not head[4] & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if head[3] == HEADERS:
                block = header_block({":status": "302", "location": f"http://{target}/"})
                connection.sendall(
                    frame(HEADERS, END_HEADERS | END_STREAM, int.from_bytes(head[5:]), block)
                )


def test_tokens_travel_as_bearer_and_never_come_back(server):
    """The token is sent in the header, and is cut out of what an endpoint says."""
    secret = RemoteCredentials(token="s3cret-token")
    with pytest.raises(RemoteFailed, match="UNAUTHENTICATED: no good") as refused:
        model(server, "gossip", credentials=secret)[0].predict(rows())
    assert server.tokens[-1] == "Bearer s3cret-token"
    assert "s3cret" not in refused.value.message + str(refused.value.metadata)


def test_loopback_is_refused_unless_it_is_allowed(server):
    """Without the operator's range the endpoint is not connected to."""
    spec = replace(SPEC, endpoint=server.endpoint)
    calls = OipCalls(spec, RemoteCredentials(), allowed=())
    before = len(server.requests)
    with pytest.raises(AddressNotAllowed):
        RemoteModel(spec=spec, task_type=TaskType.TABULAR_CLASSIFICATION, calls=calls).predict(
            rows()
        )
    assert len(server.requests) == before


def test_missing_and_fractional_numbers_are_no_whole_ones(server):
    """A tensor of whole numbers refuses a row with a fraction or with nothing, and names it."""
    whole = replace(TABLE, datatype=Datatype.INT64)
    remote, _ = model(server, inputs=(whole,))
    for value in (1.5, None, 2.0**63):
        with pytest.raises(DataError, match="whole numbers") as refused:
            remote.predict(rows((1.0, value)))
        assert refused.value.row_id == "r1"
    with pytest.raises(DataError, match="no column 'c'"):
        model(server, inputs=(replace(TABLE, columns=("a", "c")),))[0].predict(rows())


def test_features_are_known_without_a_call(server):
    """The feature columns are those of the tensors: numbers, but text for BYTES."""
    mixed = (
        TABLE,
        RemoteInput(name="c", datatype=Datatype.BYTES, content=Content.COLUMNS, columns=("c",)),
    )
    features = model(server, inputs=mixed)[0].features
    assert [(one.name, str(one.type)) for one in features] == [
        ("a", "double"), ("b", "double"), ("c", "string"),
    ]  # fmt: skip  # a list
