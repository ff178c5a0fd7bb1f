"""Keys, tokens, rates and the access log, on a running service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.app import Backend
from assay.commands.running import bootstrap_key
from assay.kernel.rpc import tokens
from tests.support import rpc_service
from tests.support.rpc_service import (
    BOOTSTRAP,
    CALLS,
    Caller,
    LoopThread,
    Running,
    SetClock,
    message,
)

LIMITS = {"read": 5, "write": 4, "stream": 3}


@pytest.fixture(scope="module")
def clock() -> SetClock:
    """The clock of the small service."""
    return SetClock()


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, loop_thread: LoopThread, clock: SetClock
) -> Iterator[Running]:
    """A service with tight rates and a clock that the tests move; nothing is computed in it."""
    folder: Path = tmp_path_factory.mktemp("small")
    rates = {f"rate_{name}_per_minute": rate for name, rate in LIMITS.items()}
    backend = Backend(rpc_service.settings(folder, workers=1, **rates), upgrade=True)
    bootstrap_key(backend)
    backend.clock = clock
    running = rpc_service.serve(loop_thread, backend)
    yield running
    running.stop()
    backend.close()


def test_the_bootstrap_key_works_in_both_schemes(rpc: Running):
    """The key of the settings is an admin key, sent as Bearer or as ApiKey."""
    for header in (BOOTSTRAP, f"Bearer {BOOTSTRAP}", f"ApiKey {BOOTSTRAP}", f"apikey {BOOTSTRAP}"):
        assert Caller(rpc.channel, header, "default")("ListKeys").keys


def test_a_second_start_makes_no_second_bootstrap_key(rpc: Running):
    """A store that holds a key gets no bootstrap key any more."""
    assert bootstrap_key(rpc.backend) is None


def test_a_key_shows_its_secret_once(me: Caller):
    """A new key works with the permissions it was given; listings show no secret."""
    made = me("CreateKey", name="ci", permissions=["model:read", "job:read"])
    assert made.secret.startswith(made.key.prefix + ".")
    assert len(made.secret.partition(".")[2]) >= 22
    assert list(made.key.permissions) == ["job:read", "model:read"]
    reader = me.with_credential(made.secret)
    assert reader("ListModels") is not None
    assert (
        reader.refused("CreateModel", name="n", task_type="regression").code == "PERMISSION_DENIED"
    )
    listed = me("ListKeys").keys
    assert listed[0].prefix == made.key.prefix
    assert made.secret.partition(".")[2] not in str(listed)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "n" * 201, "permissions": ["admin"]}, "name"),
        ({"name": "n", "permissions": ["model:all"]}, "permissions"),
        ({"name": "n", "permissions": ["admin"], "expires_at": {"seconds": 1}}, "expires_at"),
        ({"name": "n", "permissions": ["admin"], "expires_at": {"seconds": 2**62}}, "expires_at"),
        ({"name": "n", "permissions": ["admin"], "expires_at": {"nanos": -5}}, "expires_at"),
    ],
)
def test_a_wrong_key_is_refused_by_field(me: Caller, fields: dict[str, Any], named: str):
    """A long name, an unknown permission and a bad or past expiry are refused by field."""
    refused = me.refused("CreateKey", **fields)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0] == named


def test_a_revoked_key_is_refused_within_five_seconds(small: Running, clock: SetClock):
    """A key that worked a moment ago is refused five seconds after its revocation."""
    me = small.organization("revoking")
    made = me("CreateKey", name="k", permissions=["model:read"])
    held = me.with_credential(made.secret)
    held("ListModels")
    me("RevokeKey", prefix=made.key.prefix)
    clock.ahead += 5
    refused = held.refused("ListModels")
    assert refused.told == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert me("RevokeKey", prefix=made.key.prefix) is not None
    clock.ahead += 5
    shown = next(key for key in me("ListKeys").keys if key.prefix == made.key.prefix)
    assert shown.HasField("revoked_at")


def test_an_expired_key_is_refused(small: Running, clock: SetClock):
    """A key stops working when it expires."""
    me = small.organization("expiring")
    expires = clock.now() + timedelta(seconds=60)
    request = message("CreateKey", name="k", permissions=["model:read"])
    request.expires_at.FromDatetime(expires)
    held = me.with_credential(me.raw("CreateKey", request).secret)
    held("ListModels")
    clock.ahead += 61
    assert held.refused("ListModels").code == "UNAUTHENTICATED"


def test_revoking_an_absent_key_is_404(me: Caller):
    """A prefix that is not of the organization is absent."""
    assert me.refused("RevokeKey", prefix="nothing").told == ("NOT_FOUND", "NOT_FOUND")


def test_a_local_token_is_accepted(rpc: Running):
    """A token of the development key in the data folder is accepted as its organization."""
    path = rpc.backend.settings.development_key_path

    def minted(**changes: Any) -> Caller:
        given: dict[str, Any] = {
            "organization_id": "tokens", "subject": "ada", "permissions": ["model:write"],
            "now": datetime.now(UTC), "lifetime": timedelta(minutes=5),
        }  # fmt: skip  # a table
        return Caller(rpc.channel, tokens.mint(path, **(given | changes)), "tokens")

    ada = minted()
    model_id = ada.model().model_id
    assert ada.version(model_id).trained_by == "ada"
    assert ada.refused("GetModel", model_id=model_id).code == "PERMISSION_DENIED"
    viewer = minted(permissions=["organization:viewer"])
    assert viewer("GetModel", model_id=model_id).model_id == model_id
    assert viewer.refused("DeleteModel", model_id=model_id).code == "PERMISSION_DENIED"
    assert minted(lifetime=timedelta(minutes=-5)).refused("ListModels").code == "UNAUTHENTICATED"
    assert viewer.with_credential(f"ApiKey {viewer.credential}").refused("ListModels").code == (
        "UNAUTHENTICATED"
    )


def test_a_viewer_may_call_exactly_what_reads(rpc: Running):
    """organization:viewer passes every method that needs only reads, and no other."""
    viewer = rpc.organization("viewing", ("organization:viewer",))
    for name, (method, _) in CALLS.items():
        if method.anonymous:
            continue
        sent = b"\xff\xff"
        code = viewer.refused(name, iter([sent]) if method.client_streaming else sent).code
        reads = all(word.endswith(":read") for word in method.permissions)
        assert code == ("INVALID_ARGUMENT" if reads else "PERMISSION_DENIED"), name


@pytest.mark.parametrize(("name", "rate_class"), [
    ("ListModels", "read"), ("CreateModel", "write"), ("WatchJob", "stream"),
])  # fmt: skip  # a table
def test_each_class_has_its_rate(small: Running, name: str, rate_class: str):
    """Beyond its rate a class answers 429 with its headers, and the other classes go on."""
    me = small.organization(f"rate-{rate_class}")
    for _ in range(LIMITS[rate_class]):
        if name == "ListModels":
            me(name)
        else:
            assert me.refused(name).code == "INVALID_ARGUMENT"  # counted all the same
    refused = me.rest().refused(name)
    assert refused.told == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert refused.quota == rate_class
    assert refused.body["statusCode"] == 429
    assert (refused.body["code"], refused.body["retryable"]) == ("rate_limited", True)
    trailers = refused.trailers
    assert trailers["x-ratelimit-limit"] == str(LIMITS[rate_class])
    assert trailers["x-ratelimit-remaining"] == "0"
    wait = int(trailers["retry-after"])
    assert 1 <= wait <= 60
    reset = int(trailers["x-ratelimit-reset"]) - datetime.now(UTC).timestamp()
    assert -1 <= reset <= 61
    assert refused.retry_seconds is not None
    assert 0 < refused.retry_seconds <= 60
    for another in {"ListModels", "CreateModel", "WatchJob"} - {name}:
        if another == "ListModels":
            me(another)
        else:
            assert me.refused(another).code == "INVALID_ARGUMENT"


def test_rates_are_counted_by_principal(small: Running):
    """One key over its rate leaves the other keys of its organization alone."""
    one, two = small.organization("shared"), small.organization("shared")
    for _ in range(LIMITS["read"]):
        one("ListModels")
    assert one.refused("ListModels").reason == "RATE_LIMITED"
    two("ListModels")


def test_401_precedes_429_and_429_precedes_403(small: Running):
    """Bad credentials are never told of rates; forbidden calls count against the rate."""
    lacking = small.organization("lacking", ("job:read",))
    for _ in range(LIMITS["read"]):
        assert lacking.refused("ListModels").code == "PERMISSION_DENIED"
    assert lacking.refused("ListModels").reason == "RATE_LIMITED"
    nobody = lacking.with_credential("x.y")
    for _ in range(LIMITS["read"] + 1):
        assert nobody.refused("ListModels").code == "UNAUTHENTICATED"


def test_server_info_is_never_limited(small: Running):
    """Health and server info answer however often they are asked, without a credential."""
    nobody = Caller(small.channel, None, "none")
    for _ in range(20):
        assert nobody("GetServerInfo").version


def test_a_crowd_passes_exactly_its_rate(small: Running):
    """Of twenty calls at once exactly as many pass as the rate allows."""
    me = small.organization("crowd")
    me("GetServerInfo")

    def attempt(_: int) -> bool:
        try:
            me("ListModels")
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(attempt, range(20))) == LIMITS["read"]


def test_each_call_has_one_line_in_the_access_log(rpc: Running, me: Caller):
    """Each call of any shape, refused or not, writes one JSON line with the same keys."""
    start = len(rpc.lines())
    tagged = me.having(x_request_id="tag-1")
    tagged.model()
    tagged.refused("GetModel", model_id="x")
    tagged.refused("WatchJob", job_id="x")
    tagged.raw("UploadPredictions", iter([]))
    tagged.with_credential(None).refused("ListModels")
    tagged.rest('/api/v1/models/a"b?token=hidden').refused("GetModel", model_id="x")
    mine = [line for line in rpc.lines()[start:] if line["request_id"] == "tag-1"]
    assert [(line["method"].rpartition("/")[2], line["code"]) for line in mine] == [
        ("CreateModel", "OK"), ("GetModel", "NOT_FOUND"), ("WatchJob", "NOT_FOUND"),
        ("UploadPredictions", "OK"), ("ListModels", "UNAUTHENTICATED"), ("GetModel", "INVALID_ARGUMENT"),
    ]  # fmt: skip  # a table
    for line in mine:
        assert {"at", "method", "path", "code", "ms", "request_id"} <= set(line)
        assert line["ms"] >= 0
        assert abs((datetime.fromisoformat(line["at"]) - datetime.now(UTC)).total_seconds()) < 60
    assert mine[0]["organization"] == me.organization
    assert mine[0]["subject"].startswith("key:")
    assert mine[4]["organization"] is None
    assert mine[1]["reason"] == "NOT_FOUND"
    assert mine[5]["path"] == '/api/v1/models/a"b'


def test_no_secret_is_in_the_access_log(rpc: Running, me: Caller):
    """Neither secrets of keys nor tokens nor query strings are logged."""
    made = me("CreateKey", name="k", permissions=["model:read"])
    me.with_credential(made.secret)("ListModels")
    me.with_credential(f"{made.key.prefix}.wrong-secret-word").refused("ListModels")
    me.rest("/api/v1/models?api_key=hidden-word").refused("GetModel", model_id="x")
    logged = json.dumps(rpc.lines())
    assert me.credential is not None
    for secret in (made.secret, me.credential, BOOTSTRAP):
        assert secret.partition(".")[2] not in logged
    assert "wrong-secret-word" not in logged
    assert "hidden-word" not in logged
