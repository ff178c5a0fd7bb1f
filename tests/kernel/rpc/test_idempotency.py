"""A repeated create answers with what the first one made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.kernel.jobs.job import MAX_REQUEST_ID
from tests.support.rpc_service import Caller


def test_a_repeated_create_returns_the_first(me: Caller):
    """The same request_id with the same body makes one model, version or evaluation."""
    first = me.model(request_id="r1")
    assert me.model(request_id="r1") == first
    version = me.version(first.model_id, request_id="r1")
    assert me.version(first.model_id, request_id="r1") == version
    fields = {
        "model_id": first.model_id, "version_id": version.version_id,
        "dataset_split": "test", "request_id": "r1",
    }  # fmt: skip  # short
    assert me("CreateEvaluation", **fields) == me("CreateEvaluation", **fields)
    assert len(me("ListModels").models) == 1


def test_another_body_is_a_conflict(me: Caller):
    """The same request_id with another body is refused as 409 and names the first resource."""
    first = me.model(request_id="r1")
    refused = me.rest().refused(
        "CreateModel", name="other", task_type="regression", request_id="r1"
    )
    assert refused.told == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert refused.body["statusCode"] == 409
    assert refused.metadata["resource_id"] == first.model_id


def test_a_repeat_after_a_delete_is_a_conflict(me: Caller):
    """A create that is repeated after what it made was deleted says so, and makes nothing."""
    first = me.model(request_id="r1")
    me("DeleteModel", model_id=first.model_id)
    refused = me.refused("CreateModel", name="m", task_type="classification", request_id="r1")
    assert refused.told == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert "was deleted since" in refused.message
    assert list(me("ListModels").models) == []


def test_the_header_is_the_same_as_the_field(me: Caller):
    """Idempotency-Key over REST and request_id in the message name one request."""
    first = me.having(idempotency_key="k1").model()
    assert me.model(request_id="k1") == first


def test_methods_and_organizations_do_not_share_request_ids(me: Caller, other: Caller):
    """A request_id belongs to one method of one organization."""
    mine = me.model(request_id="r1")
    theirs = other.model(request_id="r1")
    assert mine.model_id != theirs.model_id
    assert me.version(mine.model_id, request_id="r1").model_id == mine.model_id


def test_another_principal_may_repeat(organization: Callable[..., Caller], me: Caller, rpc):
    """A retry with another key of the organization is the same request."""
    model_id = me.model().model_id
    again = rpc.organization(me.organization)
    assert again.version(model_id, request_id="r1") == me.version(model_id, request_id="r1")


def test_concurrent_repeats_make_one(me: Caller):
    """Of sixteen equal requests at once one makes the model and all return it."""
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: me.model(request_id="r1").model_id, range(16)))
    assert len(set(made)) == 1
    assert len(me("ListModels").models) == 1


@pytest.mark.parametrize("sent", ["x" * (MAX_REQUEST_ID + 1), "a\nb", "a\x00"])
def test_a_request_id_is_short_and_printable(me: Caller, sent: str):
    """A request_id of more than 128 characters, or of control characters, is refused."""
    refused = me.refused("CreateModel", name="n", task_type="regression", request_id=sent)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0] == "request_id"
