"""Reading of JSON values as fields of messages, against protobuf's own json_format."""

from __future__ import annotations

import json

import pytest
from google.api import http_pb2
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    field_mask_pb2,
    json_format,
    message_factory,
    struct_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.rpc import error_details_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.kernel.errors import BadContentType, TooLarge
from assay.kernel.rpc.http_binding import check_content_type, decode, path_text
from assay.kernel.rpc.json_reading import JsonValueError, UnknownKey, object_reader
from assay.kernel.suggestion import nearest
from assay.v1 import (
    evaluation_service_pb2,
    ground_truth_service_pb2,
    job_pb2,
    job_service_pb2,
    key_service_pb2,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def read(message, value):
    """Return the message that a JSON value is read as."""
    return message(**object_reader(message.DESCRIPTOR)(value))


ACCEPTED = [
    (evaluation_service_pb2.EvaluateRowsRequest, {
        "modelId": "m", "version_id": "v", "renormalize": True, "rows": [
            {"y_true": "a", "y_pred": 3, "score": 1, "scores": {"a b": 0.5, "é": "0.25"}},
            {"yTrue": None, "features": {"x": [1, {"y": None}], "z": {}}, "weight": "1.5e1"}, {},
        ]}),
    (evaluation_service_pb2.EvaluateRowsRequest, {"rows": None, "model_id": None}),
    (key_service_pb2.CreateKeyRequest, {"permissions": ["a"], "expires_at": "2026-01-02T03:04:05.25+01:00"}),
    (job_service_pb2.ListJobsRequest, {"page_size": "7", "createdAfter": None}),
    (job_service_pb2.ListJobsRequest, {"page_size": 1e1, "status": []}),
    (type_pb2.Field, {"kind": "TYPE_STRING", "number": -5, "cardinality": 3, "packed": False}),
    (descriptor_pb2.UninterpretedOption, {
        "doubleValue": "Infinity", "positive_int_value": "18446744073709551615",
        "negativeIntValue": -9223372036854775808, "stringValue": "YWI-_w==", "aggregateValue": "é"}),
    (descriptor_pb2.DescriptorProto, {"nestedType": [{"nestedType": [{"name": "deep"}]}]}),
    (error_details_pb2.RetryInfo, {"retryDelay": "1.5s"}),
    (http_pb2.HttpRule, {"get": "/a", "additionalBindings": [{"custom": {"kind": "HEAD"}}]}),
    (struct_pb2.Struct, {}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "value"), ACCEPTED, ids=lambda one: str(one)[:40])
def test_values_are_read_as_json_format_reads_them(message, value):
    """A message has the same fields whichever of the two reads the JSON."""
    if message is not struct_pb2.Struct:
        assert read(message, value) == json_format.ParseDict(value, message())


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_value_is_kept(value):
    """A caller's own value arrives as it was sent, however it is nested."""
    row = {"y_true": value, "features": {"any": value}}
    message = evaluation_service_pb2.EvaluateRowsRequest
    sent = {"rows": [row]}
    assert read(message, sent) == json_format.ParseDict(sent, message())


REFUSED = [
    ({"rows": {}}, "rows", "an object was sent where a list is allowed"),
    ({"rows": [{}, None]}, "rows[1]", "null was sent where an object is allowed"),
    ({"rows": [{"score": "x"}]}, "rows[0].score", '"x" was sent where a number is allowed'),
    ({"rows": [{"score": True}]}, "rows[0].score", "true was sent where a number is allowed"),
    ({"rows": [{"score": 10**400}]}, "rows[0].score", "was sent where a number is allowed"),
    ({"rows": [{"scores": {"a": None}}]}, "rows[0].scores.a", "null was sent where a number"),
    ({"rows": [{"slices": {"a b": 1}}]}, 'rows[0].slices["a b"]', "1 was sent where text"),
    ({"renormalize": 1}, "renormalize", "1 was sent where true or false is allowed"),
    ({"model_id": "\ud800"}, "model_id", "half of a surrogate pair"),
    ({"rows": [{"features": {"a": ["\udfff"]}}]}, "rows[0].features.a[0]", "half of a surrogate"),
    ({"model_id": "a", "modelId": "b"}, "modelId", "given twice, by two spellings"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "place", "told"), REFUSED, ids=lambda one: str(one)[:40])
def test_a_wrong_value_is_refused_with_its_place(value, place, told):
    """A value of another type is named by its path, with what was sent and what is allowed."""
    with pytest.raises(JsonValueError) as refused:
        read(evaluation_service_pb2.EvaluateRowsRequest, value)
    assert path_text(refused.value.path) == place
    assert told in refused.value.description


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (job_service_pb2.ListJobsRequest, {"page_size": 2**31}),
        (job_service_pb2.ListJobsRequest, {"page_size": 1.5}),
        (job_service_pb2.ListJobsRequest, {"page_size": "1" * 5000}),
        (job_service_pb2.ListJobsRequest, {"page_size": True}),
        (job_service_pb2.ListJobsRequest, {"created_after": "yesterday"}),
        (job_service_pb2.ListJobsRequest, {"created_after": 5}),
        (type_pb2.Field, {"kind": "TYPE_NONE"}),
        (type_pb2.Field, {"kind": 99}),
        (error_details_pb2.RetryInfo, {"retryDelay": "1.5"}),
        (descriptor_pb2.UninterpretedOption, {"stringValue": "a!"}),
    ],
)
def test_values_out_of_range_are_refused(message, value):
    """A number, time, word or text that its field cannot hold is refused."""
    with pytest.raises(JsonValueError):
        read(message, value)


def test_wrappers_and_masks_are_read_as_their_values():
    """A wrapper is read as its scalar, a field mask as names, and null as absence."""
    kinds = ("Int32Value", "StringValue", "BytesValue", "BoolValue", "FieldMask")
    file = descriptor_pb2.FileDescriptorProto(name="wrapped.proto", package="wrapped")
    file.dependency.extend([wrappers_pb2.DESCRIPTOR.name, field_mask_pb2.DESCRIPTOR.name])
    message = file.message_type.add(name="Wrapped")
    for number, kind in enumerate(kinds, 1):
        name = f".google.protobuf.{kind}"
        message.field.add(name=kind.lower(), number=number, type=11, label=1, type_name=name)
    pool = descriptor_pool.Default()  # the one that holds the classes of those messages
    pool.AddSerializedFile(file.SerializeToString())
    wrapped = message_factory.GetMessageClass(pool.FindMessageTypeByName("wrapped.Wrapped"))
    full = dict(zip([kind.lower() for kind in kinds], [5, "a", "YQ==", False, "a,b"], strict=True))
    for value in (full, dict.fromkeys(full)):
        made = wrapped(**object_reader(wrapped.DESCRIPTOR)(value))
        expected = json_format.ParseDict(value, wrapped())
        assert made.SerializeToString() == expected.SerializeToString()


@pytest.mark.parametrize("depth", [1, 32, 33, 300])
def test_values_are_nested_in_32_levels(depth):
    """A caller's own lists and objects may be nested as deeply as protobuf parses them."""
    value = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    message = evaluation_service_pb2.EvaluateRowsRequest
    if depth > 32:
        with pytest.raises(JsonValueError, match="nested too deeply; at most 32 levels"):
            read(message, {"rows": [{"y_true": value}]})
    else:
        found = read(message, {"rows": [{"y_true": value}]})
        assert message.FromString(found.SerializeToString()) == found


def test_a_key_given_twice_is_refused_wherever_it_stands():
    """The first key that is given twice is named, among rows and in a caller's own objects."""
    for text, place in {
        '{"rows":[{},{"a":1,"y_true":1,"y_true":1}]}': "rows[1].y_true",
        '{"rows":[{"features":{"a":{"b":1,"c":2,"b":3}}}]}': "rows[0].features.a.b",
        '{"a":1,"a":1}': "a",
    }.items():
        with pytest.raises(JsonValueError, match="given twice") as refused:
            read(evaluation_service_pb2.EvaluateRowsRequest, decode(text.encode()))
        assert path_text(refused.value.path) == place


def test_two_keys_that_exclude_each_other_are_refused():
    """Only one field of a oneof may be given; null is absence."""
    message = ground_truth_service_pb2.CreateEntryRequest
    with pytest.raises(JsonValueError, match="beside expected_json; only one") as refused:
        read(message, {"expected_json": "{}", "expected_data": {}})
    assert path_text(refused.value.path) == "expected_data"
    found = read(message, {"expected_json": "{}", "expected_data": None})
    assert found.WhichOneof("expected") == "expected_json"


def test_a_key_is_unknown_to_the_object_that_it_stands_in():
    """The allowed keys are those of the object, in the order of the contract."""
    with pytest.raises(UnknownKey) as refused:
        read(job_pb2.Job, {"error": {"reasons": "x"}})
    assert refused.value.key == "reasons"
    assert list(refused.value.allowed) == [
        field.name for field in job_pb2.JobError.DESCRIPTOR.fields
    ]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("expire_at", "expires_at"), ("ExpiresAt", "expires_at"), ("expires-at", "expires_at"),
        ("wieght", "weight"), ("zzz", None), ("", None), ("w" * 4_000_000, None),
    ],
)  # fmt: skip  # a table
def test_the_nearest_name_is_found(sent, meant):
    """A misspelt name is answered with the one that was meant, at once however long it is."""
    assert nearest(sent, ["name", "weight", "expires_at"]) == meant


@pytest.mark.parametrize("kind", ["", "application/json", 'application/json; charset="UTF-8"'])
def test_json_content_types_are_taken(kind):
    """JSON in UTF-8 may be called so, or nothing."""
    check_content_type(kind)
    with pytest.raises(BadContentType):
        check_content_type("text/" + kind)


def test_a_body_of_more_values_than_are_read_is_refused_before_it_is_read():
    """Empty objects by the million are refused as such; as many commas inside a text are one value."""
    with pytest.raises(TooLarge, match="500000 values"):
        decode(b'{"rows":[' + b",".join([b"{}"] * 1_300_000) + b"]}")
    text = "[{," * 300_000 + '\\"'
    assert decode(json.dumps({"name": text}).encode()) == {"name": text}
