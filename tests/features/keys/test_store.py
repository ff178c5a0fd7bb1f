"""API keys and repeated requests: what ports.Keys, Requests and Installation promise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from assay.features.keys.store import Keys
from assay.features.models.store import Models
from assay.kernel.errors import AlreadyExists, NotFound, RequestIdReused
from assay.kernel.identity import ApiKey
from assay.kernel.storage.installation import Installation
from assay.kernel.storage.requests import Requests
from tests.support.store_rows import ORG, OTHER, add_model
from tests.support.threads import together


@pytest.fixture
def key(clock):
    return ApiKey(
        prefix="0123456789ab",
        organization_id=ORG,
        name="ci",
        secret_hash=hashlib.sha256(b"secret").digest(),
        permissions=frozenset({"model:read", "job:submit"}),
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(days=1),
        created_by="ann",
    )


def test_a_key_is_found_by_its_prefix_alone(store, key):
    """A stored key is found by its prefix without an organization, exactly as stored."""
    with store.write() as uow:
        assert uow[Keys].create(ORG, key) == key
    with store.read() as uow:
        assert uow[Keys].by_prefix(key.prefix) == key == uow[Keys].get(ORG, key.prefix)
        assert uow[Keys].by_prefix("none") is None


def test_a_secret_is_made_once(store):
    """The first secret of a name stays, so that all processes sign cursors with the same one."""
    scope = store.scope("models")
    assert store.scope("models") == scope != store.scope("keys")
    with store.write() as uow:
        assert uow[Installation].find("other") is None
        uow[Installation].add("other", "first")
        uow[Installation].add("other", "second")
        assert uow[Installation].find("other") == "first"
        secret = uow[Installation].find("cursors")
    assert secret is not None
    assert len(secret) >= 32
    assert scope == f"{secret}/models"


def test_a_prefix_is_unique_over_all_organizations(store, key):
    """A key prefix that any organization has is refused."""
    with store.write() as uow:
        uow[Keys].create(ORG, key)
        with pytest.raises(AlreadyExists):
            uow[Keys].create(OTHER, key)


def test_a_revoked_key_keeps_its_time(store, key, clock):
    """A revoked key carries the time of the first revocation."""
    with store.write() as uow:
        uow[Keys].create(ORG, key)
        clock.advance(5)
        revoked = uow[Keys].revoke(ORG, key.prefix)
        clock.advance(5)
        assert uow[Keys].revoke(ORG, key.prefix) == revoked
    assert revoked == replace(key, revoked_at=clock.now() - timedelta(seconds=5))
    with pytest.raises(NotFound), store.write() as uow:
        uow[Keys].revoke(OTHER, key.prefix)


def test_the_revision_rises_with_every_key_made_or_revoked(store, key):
    """The keys' revision rises when one is made or revoked in any organization."""
    seen = []
    with store.write() as uow:
        seen.append(uow[Keys].revision())
        uow[Keys].create(ORG, key)
        seen.append(uow[Keys].revision())
        uow[Keys].create(OTHER, replace(key, prefix="other"))
        seen.append(uow[Keys].revision())
        uow[Keys].revoke(ORG, key.prefix)
        seen.append(uow[Keys].revision())
    assert seen == sorted(set(seen))


def test_keys_are_listed_newest_first(store, key, clock):
    """Keys are listed newest first, revoked and expired ones included, page by page."""
    keys = [
        replace(key, prefix=f"k{number}", created_at=clock.now() + timedelta(seconds=number))
        for number in range(3)
    ]
    with store.write() as uow:
        for one in keys:
            uow[Keys].create(ORG, one)
        gone = uow[Keys].revoke(ORG, "k0")
        page = uow[Keys].list(ORG, limit=2)
        rest = uow[Keys].list(ORG, limit=2, after=page.next)
    assert page.items + rest.items == (keys[2], keys[1], gone)
    assert rest.next is None


def test_a_repeated_request_finds_what_the_first_made(store):
    """A request id finds the first result for its method and organization, and only there."""
    with store.write() as uow:
        assert uow[Requests].find(ORG, "CreateModel", "r", "hash") is None
        uow[Requests].record(ORG, "CreateModel", "r", body_hash="hash", resource_id="m")
        assert uow[Requests].find(ORG, "CreateModel", "r", "hash") == "m"
        assert uow[Requests].find(ORG, "CreateVersion", "r", "hash") is None
        assert uow[Requests].find(OTHER, "CreateModel", "r", "hash") is None


def test_a_request_id_with_another_body_is_refused(store):
    """A request id that comes with another body is refused."""
    with store.write() as uow:
        uow[Requests].record(ORG, "m", "r", body_hash="hash", resource_id="x")
        with pytest.raises(RequestIdReused):
            uow[Requests].find(ORG, "m", "r", "other")


def test_twins_at_once_make_one_thing(store, open_another):
    """Of equal requests at the same time one creates, and the others find what it made."""
    stores = [store, open_another()]

    def create(index: int) -> str:
        with stores[index % 2].write() as uow:
            first = uow[Requests].find(ORG, "CreateModel", "r", "hash")
            if first is not None:
                return first
            made = add_model(uow).model_id
            uow[Requests].record(ORG, "CreateModel", "r", body_hash="hash", resource_id=made)
            return made

    assert len(set(together(create, 8))) == 1
    with store.read() as uow:
        assert uow[Models].count(ORG) == 1


def test_old_requests_are_forgotten(store, clock):
    """Requests from before a time are forgotten, in all organizations, and later ones kept."""
    with store.write() as uow:
        uow[Requests].record(ORG, "m", "old", body_hash="h", resource_id="x")
        uow[Requests].record(OTHER, "m", "old", body_hash="h", resource_id="x")
        clock.advance(10)
        uow[Requests].record(ORG, "m", "new", body_hash="h", resource_id="x")
        assert uow[Requests].trim(clock.now()) == 2
        assert uow[Requests].find(ORG, "m", "old", "h") is None
        assert uow[Requests].find(ORG, "m", "new", "h") == "x"
