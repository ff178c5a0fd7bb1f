"""The store of engines: those that are wanted, and those that runners keep."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, func, select

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.tables import version_artifacts
from assay.features.catalogue.engine import EngineHost, WantedEngines
from assay.features.catalogue.tables import engine_hosts, version_cards
from assay.kernel.storage.mapping import RowMapper, stored
from assay.kernel.storage.sql import Prepared, insert_or_replace, micros
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import decode

_C = version_cards.c
_H = engine_hosts.c
_A = version_artifacts.c

_KEPT = _C.minimum_engines > 0
_WANTED = Prepared(
    select(
        _C.organization_id,
        _C.model_id,
        _C.version_id,
        _C.minimum_engines,
        _C.maximum_engines,
        _A.artifact,
    )
    .select_from(
        version_cards.join(
            version_artifacts,
            and_(
                _A.organization_id == _C.organization_id,
                _A.model_id == _C.model_id,
                _A.version_id == _C.version_id,
            ),
        )
    )
    .where(_KEPT)
    .order_by(_C.organization_id, _C.model_id, _C.version_id)
)
_TOTAL = Prepared(select(func.coalesce(func.sum(_C.minimum_engines), 0)).where(_KEPT))
_HOSTS = RowMapper(EngineHost, engine_hosts)
_ALL_HOSTS = Prepared(select(*_HOSTS.columns).order_by(_H.since, _H.host))
_HOSTS_OF = Prepared(select(*_HOSTS.columns).where(_H.organization_id == bindparam("org")))
_PUT = insert_or_replace(engine_hosts)
_REMOVE = Prepared(
    delete(engine_hosts).where(
        _H.organization_id == bindparam("org"),
        _H.model_id == bindparam("of_model"),
        _H.version_id == bindparam("version"),
        _H.host == bindparam("of_host"),
    )
)
_REMOVE_OLD = Prepared(delete(engine_hosts).where(_H.updated_at < bindparam("before")))


class Engines(SqlStore):
    """Engines of all organizations."""

    def wanted(self) -> list[WantedEngines]:
        """Return the engines that are to be kept, for all organizations."""
        return [
            WantedEngines(
                organization_id=row.organization_id,
                model_id=row.model_id,
                version_id=row.version_id,
                minimum=row.minimum_engines,
                maximum=row.maximum_engines,
                artifact=decode(Artifact, row.artifact),
            )
            for row in self._db.all(_WANTED)
        ]

    def total(self) -> int:
        """Return how many engines are to be kept, for all organizations."""
        return int(self._db.value(_TOTAL))

    def hosts(self) -> list[EngineHost]:
        """Return what runners keep, those that began first before others."""
        return [_HOSTS.read(row) for row in self._db.all(_ALL_HOSTS)]

    def hosts_of(self, organization_id: str) -> list[EngineHost]:
        """Return what runners keep for an organization."""
        return [_HOSTS.read(row) for row in self._db.all(_HOSTS_OF, org=organization_id)]

    def put(self, host: EngineHost) -> None:
        """Store what a runner keeps for a version, in place of what it kept."""
        names = engine_hosts.c.keys()
        self._db.run(_PUT, **{name: stored(getattr(host, name)) for name in names})

    def remove(self, host: EngineHost) -> None:
        """Forget what a runner kept for a version."""
        self._db.run(
            _REMOVE,
            org=host.organization_id,
            of_model=host.model_id,
            version=host.version_id,
            of_host=host.host,
        )

    def remove_old(self, before: datetime) -> None:
        """Forget what runners kept that have told nothing since."""
        self._db.run(_REMOVE_OLD, before=micros(before))
