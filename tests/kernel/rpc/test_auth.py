"""API keys and what is remembered of credentials, on a clock that the tests set."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.features.keys.service import KeyUseCases
from assay.kernel.clock import Clock
from assay.kernel.errors import AssayError, InvalidArgument, PermissionDenied, Unauthenticated
from assay.kernel.identity import ApiKey, Principal
from assay.kernel.ids import Ids
from assay.kernel.rpc.auth import Authenticator, looks_like_jwt
from assay.kernel.rpc.tokens import TokenRules, TokenVerifier
from assay.kernel.rpc.watch_tokens import WatchTokens
from assay.kernel.storage.store import open_store

SECRET = "0123456789abcdefghijklmnop"
START = datetime(2026, 3, 13, 14, 22, 10, tzinfo=UTC)


class SetClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


class House:
    """Keys by prefix, and an authenticator that finds them there."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.keys = {"kp": key()}
        self.asked = 0
        self.authenticator = Authenticator(
            find_key=self._find,
            tokens=TokenVerifier(TokenRules()),
            clock=self.clock,
            watch_tokens=WatchTokens(
                lambda listing: f"a secret of this test alone/{listing}", self.clock
            ),
            run_in_thread=asyncio.to_thread,
        )

    async def _find(self, prefix: str) -> ApiKey | None:
        self.asked += 1
        return self.keys.get(prefix)

    def principal(self, header: str | None) -> Principal:
        return asyncio.run(self.authenticator.principal(header))

    def refused(self, header: str | None) -> str:
        with pytest.raises(Unauthenticated) as caught:
            self.principal(header)
        return str(caught.value)


def key(**changes: object) -> ApiKey:
    made = ApiKey(
        prefix="kp",
        organization_id="acme",
        name="n",
        secret_hash=hashlib.sha256(SECRET.encode()).digest(),
        permissions=frozenset({"model:read"}),
        created_at=START,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def house() -> House:
    """One valid key."""
    return House()


@pytest.mark.parametrize(
    "scheme", ["Bearer ", "bearer ", "BEARER ", "ApiKey ", "apikey ", "APIKEY  ", "Bearer   "]
)
def test_both_schemes_take_a_key_in_any_case(house: House, scheme: str):
    """A key is accepted as Bearer and as ApiKey, however the scheme is written."""
    assert house.principal(f"{scheme}kp.{SECRET}") == Principal(
        organization_id="acme",
        subject="key:kp",
        permissions=frozenset({"model:read"}),
        key_prefix="kp",
    )


@pytest.mark.parametrize(
    "header",
    [
        None, "", " ", "Bearer", "Bearer ", "ApiKey", "Basic a2V5OnNlY3JldA==", f"kp.{SECRET}",
        "Bearer kp", "Bearer kp.", f"Bearer .{SECRET}", "Bearer .", "Bearer ..", "ApiKey a.b.c",
        f"Bearer kp.{SECRET}x", f"Bearer kp.{SECRET[:-1]}", f"Bearer KP.{SECRET}",
        f"Bearer unknown.{SECRET}", f"Token kp.{SECRET}", "Bearer " + "x" * 9_000,
        "Bearer " + base64.urlsafe_b64encode(b"[" * 4_000).decode() + ".a.b", "Bearer ä.ö",
        f"Bearer kp.{SECRET} kp.{SECRET}", "Bearer \x00.\x00",
    ],
)  # fmt: skip  # a table
def test_everything_else_is_refused(house: House, header: str | None):
    """Absent, malformed, unknown and wrong credentials are refused as unauthenticated."""
    assert house.refused(header)


def test_a_wrong_secret_and_an_unknown_prefix_are_told_alike(house: House):
    """Refusals do not tell which half of a key was wrong."""
    assert house.refused(f"Bearer kp.{'y' * 26}") == house.refused(f"Bearer zz.{SECRET}")


def test_a_revoked_key_stops_within_five_seconds(house: House):
    """A key that was just used is refused at most five seconds after it is revoked."""
    header = f"Bearer kp.{SECRET}"
    house.principal(header)
    house.keys["kp"] = key(revoked_at=START)
    house.clock.passed = 5.0
    assert "revoked" in house.refused(header)


def test_a_key_stops_at_the_moment_of_its_expiry(house: House):
    """A remembered key is refused as soon as it expires, not a moment later."""
    header = f"Bearer kp.{SECRET}"
    house.keys["kp"] = key(expires_at=START + timedelta(seconds=1))
    house.principal(header)
    house.clock.passed = 0.999
    assert house.principal(header)
    house.clock.passed = 1.0
    assert "expired" in house.refused(header)


def test_a_hot_key_is_looked_up_seldom(house: House):
    """A key in use is read from the store once in a while, not at each call."""
    for _ in range(100):
        house.principal(f"Bearer kp.{SECRET}")
    assert house.asked == 1
    house.clock.passed = 5.0
    house.principal(f"Bearer kp.{SECRET}")
    assert house.asked == 2


def test_refusals_are_not_remembered(house: House):
    """A key that is made after its first use is accepted at once."""
    made = house.keys.pop("kp")
    house.refused(f"Bearer kp.{SECRET}")
    house.keys["kp"] = made
    assert house.principal(f"Bearer kp.{SECRET}")


def test_what_is_remembered_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch):
    """However many callers there are, only so many credentials are held."""
    from assay.kernel.rpc import auth

    monkeypatch.setattr(auth, "MAX_REMEMBERED", 5)
    for number in range(12):
        house.keys[f"k{number}"] = key(prefix=f"k{number}")
        house.principal(f"Bearer k{number}.{SECRET}")
    assert len(house.authenticator._memory) == 5


def test_a_jwt_is_told_from_a_key():
    """Two dots and a JSON object as header make a JWT; all else is a key."""
    header = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
    assert looks_like_jwt(f"{header}.x.y")
    for other in (f"{header}.x", "a.b.c", f"{header}.x.y.z", "kp.secret", "W10.x.y"):
        assert not looks_like_jwt(other)


def test_a_key_may_not_grant_more_than_its_maker(tmp_path: Path):
    """Whoever makes a key can give it only what the maker may do; admins and viewers imply."""
    store = open_store(f"sqlite:///{tmp_path}/assay.db", upgrade=True)
    keys = KeyUseCases(store, Ids(), SetClock())

    def make(held: set[str], given: str) -> None:
        maker = Principal(organization_id="o", subject="s", permissions=frozenset(held))
        keys.create(maker, name="k", permissions=(given,), expires_at=None)

    make({"model:read"}, "model:read")
    make({"admin"}, "admin")
    make({"admin"}, "organization:viewer")
    make({"organization:viewer"}, "job:read")
    cases: list[tuple[set[str], str, type[AssayError]]] = [
        ({"model:read"}, "model:write", PermissionDenied),
        ({"model:read"}, "admin", PermissionDenied),
        ({"model:read"}, "organization:viewer", PermissionDenied),
        ({"organization:viewer"}, "model:write", PermissionDenied),
        ({"admin"}, "model:everything", InvalidArgument),
    ]
    for held, given, error in cases:
        with pytest.raises(error):
            make(held, given)
    store.close()
