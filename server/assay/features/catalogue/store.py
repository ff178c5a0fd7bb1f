"""The store of the catalogue: listings of models, and the cards of their versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, literal, select

from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.card import StoredCard
from assay.features.catalogue.model import Declaration, declaration_of
from assay.features.catalogue.tables import version_cards
from assay.features.models.model import Version
from assay.features.models.store import Models
from assay.features.models.tables import models, versions
from assay.features.models.versions_store import VERSIONS
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.mapping import RowMapper
from assay.kernel.storage.sql import Prepared, insert_or_replace, moment
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import Record, decode, encode_text

_M = models.c
_V = versions.c
_C = version_cards.c

_READY = _V.status == VersionStatus.READY.value
_LIGHT = (
    select(
        _M.model_id,
        _M.name,
        _M.created_by,
        _M.created_at,
        _M.updated_at,
        func.max(_V.version_number).label("latest"),
        func.max(case((_READY, _V.version_number))).label("active"),
        func.max(_V.trained_at).label("trained_at"),
    )
    .select_from(
        models.outerjoin(
            versions,
            and_(_V.organization_id == _M.organization_id, _V.model_id == _M.model_id),
        )
    )
    .where(_M.organization_id == bindparam("org"))
    .group_by(_M.organization_id, _M.model_id)
)
_ALL = Prepared(_LIGHT)
_DESCRIPTIONS = Prepared(
    select(_M.model_id, _M.description).where(_M.organization_id == bindparam("org"))
)
_TAGGED = Prepared(
    select(_M.model_id, _M.name, _M.tags)
    .where(_M.organization_id == bindparam("org"), _M.tags != "[]")
    .order_by(_M.created_at.desc(), _M.model_id.desc())
)
_CARDS = RowMapper(StoredCard, version_cards)
_CARD = Prepared(
    select(*_CARDS.columns).where(
        _C.organization_id == bindparam("org"),
        _C.model_id == bindparam("of_model"),
        _C.version_id == bindparam("version"),
    )
)
_PUT_CARD = insert_or_replace(version_cards)


class Listed(Record):
    """A model in a listing, with what it is found and sorted by."""

    model_id: str
    name: str
    created_by: str
    created_at: datetime
    latest: int  # the newest version's number; 0: has none
    is_active: bool  # whether a version is ready
    last_active: datetime  # when it was last changed, or a version became ready


class Tagged(Record):
    """A model with its tags."""

    model_id: str
    name: str
    tags: tuple[str, ...]


class Catalogue(SqlStore):
    """Models as those who run them see them."""

    def declaration(self, organization_id: str, model_id: str, version_id: str) -> Declaration:
        """Return what a version takes and gives; NotFound if its model is absent."""
        model = self._db[Models].get(organization_id, model_id)
        found = self._db[VersionArtifacts].find(organization_id, model_id, version_id)
        card = self.card(organization_id, model_id, version_id).card
        return declaration_of(
            card.inputs or model.inputs,
            card.outputs or model.outputs,
            None if found is None else found.artifact.task_type,
        )

    def models(self, organization_id: str) -> list[Listed]:
        """Return all models, without their texts."""
        return [
            Listed(
                model_id=row.model_id,
                name=row.name,
                created_by=row.created_by,
                created_at=moment(row.created_at),
                latest=row.latest or 0,
                is_active=row.active is not None,
                last_active=moment(max(row.updated_at, row.trained_at or 0)),
            )
            for row in self._db.all(_ALL, org=organization_id)
        ]

    def descriptions(self, organization_id: str) -> dict[str, str]:
        """Return the descriptions of all models, by their ids."""
        rows = self._db.all(_DESCRIPTIONS, org=organization_id)
        return {row.model_id: row.description for row in rows}

    def versions(
        self, organization_id: str, model_ids: Iterable[str]
    ) -> dict[str, tuple[Version, ...]]:
        """Return the versions of some models, newest first, without their settings."""
        wanted = list(model_ids)
        columns = [one for one in VERSIONS.columns if one.name != "hyperparameters"]
        rows = self._db.select(
            select(*columns, literal("{}").label("hyperparameters"))
            .where(_V.organization_id == organization_id, _V.model_id.in_(wanted))
            .order_by(_V.version_number.desc())
        )
        found: dict[str, list[Version]] = {model_id: [] for model_id in wanted}
        for row in rows:
            found[row.model_id].append(VERSIONS.read(row))
        return {model_id: tuple(those) for model_id, those in found.items()}

    def tagged(self, organization_id: str) -> list[Tagged]:
        """Return the models that have tags, newest first."""
        return [
            Tagged(model_id=row.model_id, name=row.name, tags=decode(tuple[str, ...], row.tags))
            for row in self._db.all(_TAGGED, org=organization_id)
        ]

    def card(self, organization_id: str, model_id: str, version_id: str) -> StoredCard:
        """Return the card of a version, an empty one where nothing was said."""
        row = self._db.one(_CARD, org=organization_id, of_model=model_id, version=version_id)
        return (
            StoredCard(model_id=model_id, version_id=version_id)
            if row is None
            else _CARDS.read(row)
        )

    def put_card(self, organization_id: str, changed: StoredCard) -> None:
        """Store the card of a version in place of its former one."""
        self._db.run(
            _PUT_CARD,
            organization_id=organization_id,
            model_id=changed.model_id,
            version_id=changed.version_id,
            minimum_engines=changed.minimum_engines,
            maximum_engines=changed.maximum_engines,
            updated_at=self._db.now(),
            card=encode_text(changed.card),
        )
