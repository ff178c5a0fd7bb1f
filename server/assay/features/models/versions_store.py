"""The store of versions; their ids are unique in their model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, update

from assay.features.models.model import NewVersion, Version
from assay.features.models.store import ID_ATTEMPTS
from assay.features.models.tables import models, versions
from assay.features.remote.model import RemoteSpec
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import (
    AlreadyExists,
    FailedPrecondition,
    Internal,
    NotFound,
    ResourceInUse,
    VersionNotReady,
    clip,
)
from assay.kernel.jobs.states import VERSION_TRANSITIONS, VersionStatus
from assay.kernel.storage.keyset import PAGE_BYTES, page_of, within
from assay.kernel.storage.mapping import RowMapper, bound, values_of
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import Hook, SqlStore, UnitOfWork
from assay.records import encode_text

_M = models.c
_V = versions.c

VERSIONS = RowMapper(Version, versions)
_SELECT = select(*VERSIONS.columns)
_ORG = _V.organization_id == bindparam("org")
_ONE = and_(_V.model_id == bindparam("of_model"), _V.version_id == bindparam("id"))
_GET = Prepared(_SELECT.where(_ORG, _ONE))
_FIND = Prepared(
    _SELECT.where(
        _ORG,
        _V.model_id == bindparam("of_model"),
        or_(
            _V.version_id == bindparam("text"),
            _V.label == bindparam("text"),
            _V.version_number == bindparam("number"),
        ),
    )
    .order_by(
        case((_V.version_id == bindparam("text"), 0), (_V.label == bindparam("text"), 1), else_=2),
        _V.version_number.desc(),
    )
    .limit(1)
)
_DEFAULT = Prepared(
    _SELECT.where(
        _ORG, _V.model_id == bindparam("of_model"), _V.status == VersionStatus.READY.value
    )
    .order_by(_V.is_promoted.desc(), _V.version_number.desc())
    .limit(1)
)
_LOCK = Prepared(
    select(_V.model_id, _V.status, _V.is_promoted).where(_ORG, _ONE).with_for_update(key_share=True)
)
_LOCK_MODEL = Prepared(
    select(_M.model_id)
    .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
    .with_for_update(key_share=True)
)
_NEXT_NUMBER = Prepared(
    select(func.coalesce(func.max(_V.version_number), 0) + 1).where(
        _ORG, _V.model_id == bindparam("model_id")
    )
)
_INSERT = insert_or_ignore(versions)
_SIZE = func.length(_V.hyperparameters) + func.coalesce(func.length(_V.remote), 0)
_DEMOTE = Prepared(
    update(versions)
    .where(_ORG, _V.model_id == bindparam("of_model"), _V.is_promoted)
    .values(is_promoted=bindparam("off"))
)
_PROMOTE = Prepared(
    update(versions).where(_ORG, _ONE).values(bound("is_promoted", "promoted_at", "promoted_by"))
)
_SET_STATUS = Prepared(
    update(versions).where(_ORG, _ONE).values(bound("status", "trained_at", "failure_message"))
)
_DELETE = Prepared(delete(versions).where(_ORG, _ONE))
_SET_METRICS = Prepared(update(versions).where(_ORG, _ONE).values(bound("metrics")))

_SET_HYPERPARAMETERS = Prepared(update(versions).where(_ORG, _ONE).values(bound("hyperparameters")))


_NUMBER = re.compile(r"([1-9]\d{0,8})\.0\.0", re.ASCII)


class VersionDeletion(Hook):
    """Asked before a version is deleted with all that belongs to it."""

    def check(
        self,
        uow: UnitOfWork,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        cascade: bool,
    ) -> None:
        """Raise a refusal while something is of the version; with `cascade` it may go as well."""


class RemoteVersions(Hook):
    """Told of a new version that somebody else serves, in the commit that makes it."""

    def made(self, uow: UnitOfWork, version: Version, remote: RemoteSpec, sealed: str) -> None:
        """Keep what it calls; `sealed` are its credentials, or empty."""


class Versions(SqlStore):
    """Versions of models; their ids are unique in their model."""

    def create(
        self, organization_id: str, model_id: str, new: NewVersion, *, if_absent: bool = False
    ) -> Version:
        """Store a new version and return it.

        Its number is one more than the model's highest, and the first is 1; writers at the
        same time get different numbers without a gap. An absent model raises NotFound, a
        taken id AlreadyExists, or with `if_absent` the version that has it is returned. An id
        that is not given is generated, longer when taken.
        """
        self._lock_model(organization_id, model_id)
        number = self._db.value(_NEXT_NUMBER, org=organization_id, model_id=model_id)
        for attempt in range(ID_ATTEMPTS):
            version_id = new.version_id or self._db.ids.new_version_id(attempt)
            values = values_of(
                versions,
                new,
                organization_id=organization_id,
                model_id=model_id,
                version_id=version_id,
                version_number=number,
                is_promoted=False,
                created_at=self._db.now(),
                metrics={},
            )
            if self._db.run(_INSERT, **values):
                return self.get(organization_id, model_id, version_id)
            if new.version_id is not None:
                if if_absent:
                    return self.get(organization_id, model_id, version_id)
                raise AlreadyExists(
                    f"The model '{model_id}' has a version '{version_id}'. Choose another id, or "
                    "give none.",
                    metadata={
                        "resource_type": "version",
                        "resource_id": version_id,
                        "model_id": model_id,
                    },
                )
        raise Internal("No free version id was found.")

    def get(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Return a version with the metrics of its current test evaluation.

        NotFound names the model where that is absent, else the version.
        """
        row = self._db.one(_GET, org=organization_id, of_model=model_id, id=version_id)
        if row is None:
            raise self._absent(organization_id, model_id, version_id)
        return VERSIONS.read(row)

    def find(self, organization_id: str, model_id: str, text: str) -> Version:
        """Return the version that a caller calls `text`.

        That is its id, else its label, of several the newest, else `N.0.0` with its number. An
        empty text is the promoted version, or the newest ready one where none is promoted. Raises
        NotFound, which names the model where that is absent.
        """
        key = {"org": organization_id, "of_model": model_id}
        if text:
            numbered = _NUMBER.fullmatch(text)
            row = self._db.one(_FIND, **key, text=text, number=int(numbered[1]) if numbered else 0)
        else:
            row = self._db.one(_DEFAULT, **key)
        if row is None and text:
            raise self._absent(organization_id, model_id, text)
        if row is None:
            self._require_model(organization_id, model_id)
            raise NotFound(
                f"The model '{clip(model_id)}' has no ready version. Train one, or name one.",
                metadata={"resource_type": "version", "model_id": model_id},
            )
        return VERSIONS.read(row)

    def list(
        self,
        organization_id: str,
        model_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        status: VersionStatus | None = None,
    ) -> Page[Version]:
        """Return a page of a model's versions by falling number, of one status if given.

        A page holds fewer than `limit` when their settings, and what they call, would be over
        PAGE_BYTES. An absent model raises NotFound.
        """
        self._require_model(organization_id, model_id)
        mine = and_(_V.organization_id == organization_id, _V.model_id == model_id)
        statement = _SELECT.where(mine)
        if status is not None:
            statement = statement.where(_V.status == status.value)
        if after is not None:
            other = versions.alias("last")
            last = select(other.c.version_number).where(
                other.c.organization_id == organization_id,
                other.c.model_id == model_id,
                other.c.version_id == after.id,
            )
            statement = statement.where(_V.version_number < last.scalar_subquery())
        statement = statement.order_by(_V.version_number.desc())
        sizes = statement.with_only_columns(_SIZE.label("size"))
        listed = self._db.select(sizes.limit(limit + 1))
        kept = within(listed, limit, PAGE_BYTES, lambda row: row.size)
        return page_of(
            self._db.select(statement.limit(kept + 1)),
            kept,
            VERSIONS.read,
            lambda version: Cursor(created_at=version.created_at, id=version.version_id),
        )

    def counts(
        self, organization_id: str, model_ids: Iterable[str]
    ) -> dict[str, Mapping[VersionStatus, int]]:
        """Return for each of these models how many versions have which status, in one query.

        `model_status` makes the model's status of it. A model without versions, or of another
        organization, has no counts.
        """
        wanted = list(model_ids)
        statement = (
            select(_V.model_id, _V.status, func.count().label("versions"))
            .where(_V.organization_id == organization_id, _V.model_id.in_(wanted))
            .group_by(_V.model_id, _V.status)
        )
        found: dict[str, dict[VersionStatus, int]] = {model_id: {} for model_id in wanted}
        for row in self._db.select(statement):
            found[row.model_id][VersionStatus(row.status)] = row.versions
        return dict(found)

    def create_remote(
        self,
        organization_id: str,
        model_id: str,
        new: NewVersion,
        remote: RemoteSpec,
        sealed: str,
        *,
        if_absent: bool = False,
    ) -> Version:
        """Store a new version that somebody else serves, ready at once; raises as `create`.

        Args:
            organization_id: The organization that owns it.
            model_id: Its model.
            new: The version.
            remote: What it calls, as `new` declares it.
            sealed: Its credentials, or empty.
            if_absent: Whether a version of the model that has its id is returned as it is.
        """
        made = self.create(organization_id, model_id, new, if_absent=if_absent)
        if made.remote is None or made.status is VersionStatus.READY:
            return made  # of an earlier request
        for hook in self._db.hooks(RemoteVersions):
            hook.made(self._db, made, remote, sealed)
        return self.mark_ready(organization_id, model_id, made.version_id)

    def mark_training(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Make a draft or failed version `training`; FailedPrecondition from `ready`."""
        return self._mark(organization_id, model_id, version_id, VersionStatus.TRAINING)

    def mark_ready(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Make a version `ready`, from any status, and set `trained_at`.

        A ready version stays as it is.
        """
        return self._mark(organization_id, model_id, version_id, VersionStatus.READY)

    def mark_failed(
        self,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        failure_message: str | None = None,
    ) -> Version:
        """Make a draft or training version `failed`; FailedPrecondition from `ready`.

        `failure_message` tells callers why, where that is known.
        """
        return self._mark(
            organization_id, model_id, version_id, VersionStatus.FAILED, failure_message
        )

    def set_hyperparameters(
        self, organization_id: str, model_id: str, version_id: str, values: Mapping[str, Any]
    ) -> None:
        """Store what a version was trained with in the end; NotFound if it is absent."""
        key = {"org": organization_id, "of_model": model_id, "id": version_id}
        if not self._db.run(_SET_HYPERPARAMETERS, **key, hyperparameters=encode_text(dict(values))):
            raise self._absent(organization_id, model_id, version_id)

    def promote(
        self, organization_id: str, model_id: str, version_id: str, *, promoted_by: str
    ) -> Version:
        """Make a version the promoted one of its model, and demote the former.

        Only a ready version can be: others raise VersionNotReady. Of promotions at the same
        time exactly one version is left promoted. The promoted one stays as it is. An absent
        model or version raises NotFound.
        """
        self._lock_model(organization_id, model_id)
        version = self.get(organization_id, model_id, version_id)
        if version.status is not VersionStatus.READY:
            raise VersionNotReady(
                f"The version '{version_id}' is {version.status}; only a ready version can be "
                "promoted. Evaluate or train it first.",
                metadata={"version_id": version_id, "status": version.status},
            )
        if version.is_promoted:
            return version
        # The former one goes first: the index allows one promoted version at any moment.
        self._db.run(_DEMOTE, org=organization_id, of_model=model_id, off=False)
        self._db.run(
            _PROMOTE,
            org=organization_id,
            of_model=model_id,
            id=version_id,
            is_promoted=True,
            promoted_at=self._db.now(),
            promoted_by=promoted_by,
        )
        return self.get(organization_id, model_id, version_id)

    def delete(
        self, organization_id: str, model_id: str, version_id: str, *, cascade: bool = False
    ) -> None:
        """Delete a version, with `cascade` what is of it too.

        ResourceInUse is raised for the promoted one, and where something of it must stay. An
        absent model or version raises NotFound.
        """
        self._lock_model(organization_id, model_id)
        key = {"org": organization_id, "of_model": model_id, "id": version_id}
        self._db.one(_LOCK, **key)
        if self.get(organization_id, model_id, version_id).is_promoted:
            raise ResourceInUse(
                f"The version '{version_id}' is the promoted one of the model '{model_id}': "
                "promote another first, or delete the model.",
                metadata={"model_id": model_id, "version_id": version_id},
            )
        for hook in self._db.hooks(VersionDeletion):
            hook.check(self._db, organization_id, model_id, version_id, cascade=cascade)
        self._db.run(_DELETE, **key)

    def set_metrics(
        self, organization_id: str, model_id: str, version_id: str, metrics: Mapping[str, float]
    ) -> None:
        """Store the headline of a version's current test evaluation; NotFound if it is absent."""
        key = {"org": organization_id, "of_model": model_id, "id": version_id}
        if not self._db.run(_SET_METRICS, **key, metrics=encode_text(dict(metrics))):
            raise self._absent(organization_id, model_id, version_id)

    def _mark(
        self,
        organization_id: str,
        model_id: str,
        version_id: str,
        status: VersionStatus,
        failure_message: str | None = None,
    ) -> Version:
        self._db.one(_LOCK, org=organization_id, of_model=model_id, id=version_id)
        version = self.get(organization_id, model_id, version_id)
        if version.status is status:
            return version
        if status not in VERSION_TRANSITIONS[version.status]:
            raise FailedPrecondition(
                f"The version '{version_id}' is {version.status} and cannot become {status}.",
                metadata={"version_id": version_id, "status": version.status},
            )
        trained_at = self._db.now() if status is VersionStatus.READY else None
        self._db.run(
            _SET_STATUS,
            org=organization_id,
            of_model=model_id,
            id=version_id,
            status=status.value,
            trained_at=trained_at,
            failure_message=failure_message,
        )
        return self.get(organization_id, model_id, version_id)

    def _lock_model(self, organization_id: str, model_id: str) -> None:
        if self._db.one(_LOCK_MODEL, org=organization_id, model_id=model_id) is None:
            raise NotFound.of("model", model_id)

    def _require_model(self, organization_id: str, model_id: str) -> None:
        known = select(_M.model_id).where(
            _M.organization_id == organization_id, _M.model_id == model_id
        )
        if not self._db.select(known):
            raise NotFound.of("model", model_id)

    def _absent(self, organization_id: str, model_id: str, version_id: str) -> NotFound:
        self._require_model(organization_id, model_id)
        return no_version(model_id, version_id)


def no_version(model_id: str, version_id: str) -> NotFound:
    """Return the refusal of a version that its model does not have."""
    return NotFound(
        f"The model '{clip(model_id)}' has no version '{clip(version_id)}'.",
        metadata={"resource_type": "version", "resource_id": version_id, "model_id": model_id},
    )
