"""Whatever is sent, every method answers in the words of its contract."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.rpc_service import CALLS, Caller, binary

WORDS = [
    "", "a", "m1", "v1", "test", "train", "classification", "regression", "extraction", "yes",
    "\x00", "a\x00b", "ä💥", "\ufffe", "../../etc/passwd", "a/b", "%", "'; DROP TABLE models;--",
    "x" * 300, "💥" * 3000, " ", "\n", "admin", "model:read", "weighted", "text/csv",
]  # fmt: skip  # a table
NUMBERS = [0, 1, -1, 2, 40, 500, 501, 2**31 - 1, -(2**31), 2**32, 2**53, 2**63 - 1, 2**64 - 1]
DOUBLES = [0.0, 0.1, -1.0, 5.0, 1e308, float("nan"), float("inf"), -float("inf")]
BYTES = [b"", b"\x00", b"x" * 32, b"y_true,y_pred\na,b\n", binary(5).chunk(0, 5), b"\xff" * 2000]
RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
ALLOWED = {
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION",
    "OUT_OF_RANGE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED",
}  # fmt: skip  # a table


def value(draw: Any, field: FieldDescriptor, depth: int) -> Any:
    """Draw a value of a field."""
    if field.message_type is not None:
        return field.message_type.full_name and message(draw, field.message_type, depth + 1)
    if field.type in RANGES:
        low, high = RANGES[field.type]
        return draw(st.sampled_from([n for n in NUMBERS if low <= n <= high]))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return draw(st.booleans())
    if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
        return draw(st.sampled_from(DOUBLES))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return draw(st.sampled_from(BYTES))
    if field.type == FieldDescriptor.TYPE_ENUM:
        return 0
    return draw(st.sampled_from(WORDS))


def message(draw: Any, descriptor: Any, depth: int = 0) -> Message:
    """Draw a message; most fields are set."""
    from google.protobuf.message_factory import GetMessageClass

    made = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if depth > 3 or draw(st.integers(0, 3)) == 0:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name["value"]
            for _ in range(draw(st.integers(0, 2))):
                key = draw(st.sampled_from(WORDS))
                if entry.message_type is not None:
                    getattr(made, field.name)[key].CopyFrom(value(draw, entry, depth))
        elif field.is_repeated:
            sent = [value(draw, field, depth) for _ in range(draw(st.integers(0, 3)))]
            getattr(made, field.name).extend(sent)
        elif field.message_type is not None:
            getattr(made, field.name).CopyFrom(value(draw, field, depth))
        else:
            setattr(made, field.name, value(draw, field, depth))
    return made


@pytest.fixture
def stocked(me: Caller) -> Caller:
    """A caller whose organization has a model m1 with a ready version v1."""
    me.ready(model_id="m1", labels=["no", "yes"])
    version = me("ListVersions", model_id="m1").versions[0].version_id
    assert version
    me.version("m1", version_id="v1")
    return me


@pytest.mark.parametrize("name", [n for n in CALLS if n != "DeleteModel"])
def test_no_message_is_a_fault_of_ours(stocked: Caller, name: str):
    """Any message of a method, however odd its values, is answered or refused, never INTERNAL."""
    method, _ = CALLS[name]

    @settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(data=st.data())
    def attempt(data: st.DataObject) -> None:
        count = data.draw(st.integers(1, 3)) if method.client_streaming else 1
        sent = [message(data.draw, method.request.DESCRIPTOR) for _ in range(count)]
        call = stocked.rest().begin(
            name, iter(sent) if method.client_streaming else sent[0], timeout=5
        )
        try:
            if method.server_streaming:
                next(iter(call), None)
                call.cancel()
                return
            call.result()
            code = "OK"
        except grpc.RpcError as error:
            code = error.code().name
        assert code in ALLOWED, (code, sent)

    attempt()
