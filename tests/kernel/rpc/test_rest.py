"""REST views as JSON: order, nulls, absence, and the text of numbers, messages and strings."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from google.api import httpbody_pb2
from google.protobuf import struct_pb2
from msgspec import UNSET, Raw, UnsetType

from assay.kernel.rpc import rest
from assay.records import Record
from assay.v1 import job_pb2, performance_pb2, training_pb2


class Inner(Record, kw_only=True):
    z: float | None
    gone: str | UnsetType = UNSET
    a: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a page is made of."""

    items: tuple[int, ...] = (1, 2)
    total: int = 7
    limit: int = 2
    next_cursor: str | None = None


def test_members_and_keys_stand_in_their_declared_order():
    """Fields are written as declared and keys as the map has them; None is null, UNSET nothing."""
    assert rest.text(Inner(z=None, a={"b": 1, "a": 2})) == '{"z":null,"a":{"b":1,"a":2}}'
    assert rest.text((Inner(z=0.5, gone="", a={}),)) == '[{"z":0.5,"gone":"","a":{}}]'


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (6.0, "6"), (0.1 + 0.2, "0.30000000000000004"), (1 / 3, "0.33333333333333331"),
        (1e15, "1e+15"), (2.0**53, "9007199254740992"), (1e-7, "1e-07"), (-0.0, "-0"), (4200, "4200"),
    ],
)  # fmt: skip  # a table
def test_numbers_have_the_text_of_the_transcoder(number: float, text: str):
    """A double is written with 15 digits, or 17 where it takes them, as Envoy writes it."""
    assert rest.text([number, True]) == f"[{text},true]"
    assert float(text) == number


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_refused(number: float):
    """NaN and infinity never leave."""
    with pytest.raises(ValueError, match="no number of JSON"):
        rest.text([1.0, number])


def test_a_struct_is_the_object_that_it_holds():
    """Values of any JSON inside a message are written as that JSON, and numbers as all others."""
    values = struct_pb2.Struct()
    values.update({"rate": 1 / 3, "size": 16, "gone": None, "names": ["a", {"b": True}]})
    text = rest.text(training_pb2.TrialFinished(trial=1, hyperparams=values))
    assert json.loads(text)["hyperparams"] == {
        "rate": 1 / 3, "size": 16, "gone": None, "names": ["a", {"b": True}],
    }  # fmt: skip  # one object
    assert '"size":16,' in text or '"size":16}' in text


def test_texts_are_safe_in_a_page():
    """What would end a script, and what nobody sees, is escaped; all else stays as it is."""
    text = 'é✓"\n</script>\u2028\ufeff'
    assert rest.text(text) == '"é✓\\"\\n\\u003c/script\\u003e\\u2028\\ufeff"'
    assert json.loads(rest.text({text: text})) == {text: text}


def test_kept_json_is_written_as_it_is():
    """The text of a caller's own object keeps every digit."""
    assert rest.text({"data": Raw('{"n":1.10}')}) == '{"data":{"n":1.10}}'


def test_messages_are_written_as_the_transcoder_writes_them():
    """Plain fields are always there, unset ones with presence never; 64 bits are a text."""
    overall = performance_pb2.OverallScores(accuracy=1.0)
    assert rest.text(overall) == (
        '{"accuracy":1,"precision":0,"recall":0,"f1_score":0,"average":""}'
    )
    matrix = performance_pb2.ConfusionMatrix(labels=["a"], counts=[2**60])
    assert json.loads(rest.text(matrix)) == {
        "model_id": "", "version_id": "", "dataset_split": "", "labels": ["a"],
        "counts": [str(2**60)], "shares": [],
    }  # fmt: skip  # a table
    report = performance_pb2.ClassificationReport(labels=["b"])
    report.per_class["b"].support = 1
    report.per_class["a"].support = 2
    assert list(json.loads(rest.text(report))["per_class"]) == ["a", "b"]
    assert '"state":"JOB_STATE_QUEUED"' in rest.text(job_pb2.Job(state="JOB_STATE_QUEUED"))


def test_a_page_says_whether_there_is_another():
    """A listing has data and pagination; a next cursor means that there is more."""
    last = json.loads(rest.text(rest.page(Listed(), str)))
    pagination = {"total": 7, "limit": 2, "has_more": False, "next_cursor": None}
    assert last == {"data": ["1", "2"], "pagination": pagination}
    assert json.loads(rest.text(rest.page(Listed(next_cursor="c"), str)))["pagination"] == {
        **pagination, "has_more": True, "next_cursor": "c",
    }  # fmt: skip  # one value


def test_a_body_is_an_encoded_reply():
    """A view leaves as a google.api.HttpBody of JSON."""
    reply = httpbody_pb2.HttpBody.FromString(rest.body(Inner(z=1.0, a={})))
    assert (reply.content_type, reply.data) == ("application/json", b'{"z":1,"a":{}}')
