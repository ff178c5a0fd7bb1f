"""Listings, cards and engines, as both databases hold them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.card import StoredCard, VersionCard
from assay.features.catalogue.engine import EngineCounts, EngineHost, share
from assay.features.catalogue.engines_store import Engines
from assay.features.catalogue.store import Catalogue
from assay.features.models.declared import DeclaredInput
from assay.features.models.model import NewVersion
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.storage.sql import moment
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.store_rows import ORG, OTHER, add_model

ARTIFACT = Artifact(
    kind=ArtifactKind.REMOTE,
    blob="",
    bytes=0,
    task_type=TaskType.IMAGE_CLASSIFICATION,
    labels=("a", "b"),
)


@pytest.fixture
def pair(store):
    """A model and a ready version of it, which runs something."""
    with store.write() as uow:
        model_id = add_model(uow, tags=("a", "b")).model_id
        version_id = uow[Versions].create(ORG, model_id, NewVersion()).version_id
        uow[Versions].mark_ready(ORG, model_id, version_id)
        uow[VersionArtifacts].put(ORG, model_id, version_id, job_id=None, artifact=ARTIFACT)
        return model_id, version_id


def test_a_listing_tells_what_models_are_sorted_by(store, pair):
    """Each model is listed once, with its newest version and whether one is ready."""
    with store.write() as uow:
        uow[Versions].create(ORG, pair[0], NewVersion())
        empty = add_model(uow).model_id
        add_model(uow, OTHER)
        found = {one.model_id: one for one in uow[Catalogue].models(ORG)}
        assert set(found) == {pair[0], empty}
        assert (found[pair[0]].latest, found[pair[0]].is_active) == (2, True)
        assert (found[empty].latest, found[empty].is_active) == (0, False)
        assert found[pair[0]].last_active >= found[pair[0]].created_at
        versions = uow[Catalogue].versions(ORG, [pair[0], empty])
        assert [one.version_number for one in versions[pair[0]]] == [2, 1]
        assert versions[empty] == ()
        assert [one.tags for one in uow[Catalogue].tagged(ORG)] == [("a", "b")]


def test_what_a_version_takes_is_said_or_follows(store, pair):
    """What a version says is before what its model says, and both before what its rows are."""
    with store.write() as uow:
        assert uow[Catalogue].declaration(ORG, *pair).inputs[0].name == "input.png"
        model = uow[Models].get(ORG, pair[0])
        items = tuple(
            DeclaredInput(name=name, media_types=("image/png",)) for name in ("model", "version")
        )
        uow[Models].update(ORG, replace(model, inputs=items[:1]))
        assert uow[Catalogue].declaration(ORG, *pair).inputs == items[:1]
        card = uow[Catalogue].card(ORG, *pair)
        assert card.updated_at is None
        uow[Catalogue].put_card(ORG, replace(card, card=VersionCard(inputs=items[1:])))
        assert uow[Catalogue].declaration(ORG, *pair).inputs == items[1:]
        assert uow[Catalogue].card(ORG, *pair).updated_at is not None


def test_engines_are_wanted_and_told(store, pair):
    """Minimums of all organizations are summed, and what runners tell is kept by who began first."""
    with store.write() as uow:
        card = StoredCard(model_id=pair[0], version_id=pair[1], minimum_engines=3)
        uow[Catalogue].put_card(ORG, card)
        (wanted,) = uow[Engines].wanted()
        assert (wanted.key, wanted.minimum, wanted.maximum) == ((ORG, *pair), 3, None)
        assert wanted.artifact == ARTIFACT
        assert uow[Engines].total() == 3
        now = moment(uow.now())
        hosts = [
            EngineHost(
                organization_id=ORG,
                model_id=pair[0],
                version_id=pair[1],
                host=f"host-{number}",
                since=now - timedelta(seconds=number),
                target=1,
                counts=EngineCounts(ready=number),
                updated_at=now - timedelta(minutes=number),
            )
            for number in (1, 2)
        ]
        for host in hosts:
            uow[Engines].put(host)
        assert uow[Engines].hosts() == hosts[::-1]
        assert uow[Engines].hosts_of(OTHER) == []
        assert share(3, hosts, 8) == 1
        assert share(3, hosts[:1], 1) == 1
        assert share(3, [], 0) == 0
        uow[Engines].remove_old(now - timedelta(seconds=90))
        uow[Engines].remove(hosts[0])
        assert uow[Engines].hosts() == []
        uow[Versions].delete(ORG, *pair)
        assert uow[Engines].total() == 0
