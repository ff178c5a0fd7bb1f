"""The store of revisions: which is served of a version and split, and what may be deleted."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, select, update

from assay.features.evaluations.model import Evaluation
from assay.features.evaluations.store import Evaluations, locked_keys, make_room, read_result
from assay.features.evaluations.tables import evaluations
from assay.features.models.model import Model
from assay.features.models.store import LabelsChange, ModelDeletion
from assay.features.models.versions_store import VersionDeletion, Versions
from assay.kernel.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceInUse,
    clip,
)
from assay.kernel.jobs.states import is_terminal
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.sql import Prepared
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork

MAX_NAMED = 10  # labels, or evaluations, that a refusal names

_E = evaluations.c
_J = jobs.c
_ORG = _E.organization_id == bindparam("org")
_ONE = _E.evaluation_id == bindparam("id")
_WITH_JOB = evaluations.join(
    jobs, and_(_J.organization_id == _E.organization_id, _J.job_id == _E.job_id)
)
_OF_MODEL = (_ORG, _E.model_id == bindparam("model_id"))
_OF_REVISION = Prepared(
    select(_E.evaluation_id).where(
        *_OF_MODEL,
        _E.version_id == bindparam("version_id"),
        _E.dataset_split == bindparam("split"),
        _E.revision == bindparam("number"),
    )
)
_SERVE = Prepared(
    update(evaluations)
    .where(_ORG, _ONE)
    .values(is_current=bindparam("current"), held_back=bindparam("held_back"))
)
_DELETE = Prepared(delete(evaluations).where(_ORG, _ONE))
_SERVED_RESULTS = Prepared(
    select(_E.version_id, _E.dataset_split, _E.result).where(
        _ORG, _E.model_id == bindparam("model_id"), _E.is_current
    )
)
_BUSY = Prepared(
    select(_E.evaluation_id)
    .select_from(_WITH_JOB)
    .where(*_OF_MODEL, _J.ended_at.is_(None))
    .order_by(_E.evaluation_id)
    .limit(1)
)
_JOBS_OF_MODEL = Prepared(select(_E.job_id).where(*_OF_MODEL))
_JOBS_OF_VERSION = Prepared(
    select(_E.evaluation_id, _E.job_id, _J.ended_at)
    .select_from(_WITH_JOB)
    .where(*_OF_MODEL, _E.version_id == bindparam("version_id"))
    .order_by(_E.evaluation_id)
)


class Revisions(SqlStore):
    """Revisions of what was measured of a version on a split."""

    def get(
        self, organization_id: str, model_id: str, version_id: str, dataset_split: str, number: int
    ) -> Evaluation:
        """Return a revision of a version and split, or NotFound."""
        self._db[Versions].get(organization_id, model_id, version_id)
        row = self._db.one(
            _OF_REVISION,
            org=organization_id,
            model_id=model_id,
            version_id=version_id,
            split=dataset_split,
            number=number,
        )
        if row is None:
            raise NotFound(
                f"The version '{version_id}' has no revision {number} of the split "
                f"'{dataset_split}'.",
                metadata={"version_id": version_id, "dataset_split": dataset_split},
            )
        return self._db[Evaluations].get(organization_id, row.evaluation_id)

    def serve(self, organization_id: str, evaluation_id: str) -> Evaluation:
        """Serve an evaluation of its version and split from now on.

        One without a result raises FailedPrecondition, an absent one NotFound.
        """
        keys = locked_keys(self._db, organization_id, evaluation_id)
        if keys.result is None:
            raise FailedPrecondition(
                f"The evaluation '{evaluation_id}' has no result, so that it cannot be served.",
                metadata={"evaluation_id": evaluation_id},
            )
        make_room(self._db, organization_id, keys, read_result(keys.result).metrics)
        self._db.run(_SERVE, org=organization_id, id=evaluation_id, current=True, held_back=None)
        return self._db[Evaluations].get(organization_id, evaluation_id)

    def delete(self, organization_id: str, evaluation_id: str, *, cascade: bool = False) -> None:
        """Delete an evaluation and let its blobs go; its job stays.

        ResourceInUse is raised while it has not ended, while a promoted version serves it, and
        without `cascade` while any does. An absent one raises NotFound.
        """
        keys = locked_keys(self._db, organization_id, evaluation_id)
        found = self._db[Evaluations].get(organization_id, evaluation_id)
        version = {"model_id": keys.model_id, "version_id": keys.version_id}
        promoted = self._db[Versions].get(organization_id, **version).is_promoted
        why = None
        if not is_terminal(found.state):
            why = "has not ended: cancel its job first"
        elif found.is_current and promoted:
            why = f"is what the promoted version '{keys.version_id}' serves: serve another first"
        elif found.is_current and not cascade:
            why = (
                f"is what the version '{keys.version_id}' serves: serve another first, or send "
                "cascade"
            )
        if why is not None:
            raise ResourceInUse(
                f"The evaluation '{evaluation_id}' of the split '{keys.dataset_split}' {why}.",
                metadata={"evaluation_id": evaluation_id, "version_id": keys.version_id},
            )
        if found.is_current and keys.dataset_split == "test":
            self._db[Versions].set_metrics(organization_id, metrics={}, **version)
        self._db.run(_DELETE, org=organization_id, id=evaluation_id)
        self._db[BlobReferences].remove(organization_id, job_owner(found.job_id))


class RefuseMissingLabels(LabelsChange):
    """Keeps declared labels from leaving out one of an evaluation that is served."""

    def check(self, uow: UnitOfWork, changed: Model) -> None:
        """Raise InvalidArgument, which names labels that are missing and where they are."""
        declared = frozenset(changed.labels or ())
        for row in uow.all(_SERVED_RESULTS, org=changed.organization_id, model_id=changed.model_id):
            seen = read_result(row.result).labels
            missing = [label for label in seen if label not in declared]
            if missing:
                raise InvalidArgument.of(
                    "labels",
                    f"{', '.join(map(clip, missing[:MAX_NAMED]))} of the {row.dataset_split} "
                    f"evaluation of the version '{row.version_id}' was left out; declare every "
                    f"label that is there: {', '.join(map(clip, seen[:MAX_NAMED]))}",
                )


class EvaluationsOfModels(ModelDeletion):
    """Keeps a model while one of its evaluations has not ended; lets the others' blobs go."""

    def check(self, uow: UnitOfWork, organization_id: str, model_id: str) -> None:
        """Raise ResourceInUse, which names an evaluation that has not ended."""
        busy = uow.one(_BUSY, org=organization_id, model_id=model_id)
        if busy is not None:
            raise ResourceInUse(
                f"The model '{model_id}' cannot be deleted while its evaluation "
                f"'{busy.evaluation_id}' has not ended. Wait for it, or cancel its job.",
                metadata={"model_id": model_id, "evaluation_id": busy.evaluation_id},
            )
        for row in uow.all(_JOBS_OF_MODEL, org=organization_id, model_id=model_id):
            uow[BlobReferences].remove(organization_id, job_owner(row.job_id))


class EvaluationsOfVersions(VersionDeletion):
    """Keeps a version while an evaluation of it is there; with `cascade` they go with it."""

    def check(
        self,
        uow: UnitOfWork,
        organization_id: str,
        model_id: str,
        version_id: str,
        *,
        cascade: bool,
    ) -> None:
        """Raise ResourceInUse, which names evaluations, or let their blobs go."""
        version = {"model_id": model_id, "version_id": version_id}
        found = uow.all(_JOBS_OF_VERSION, org=organization_id, **version)
        busy = [row.evaluation_id for row in found if row.ended_at is None]
        held = busy or ([] if cascade else [row.evaluation_id for row in found])
        if held:
            names = ", ".join(held[:MAX_NAMED])
            why = "have not ended: cancel their jobs first" if busy else "are of it: send cascade"
            raise ResourceInUse(
                f"The version '{version_id}' cannot be deleted while {len(held)} of its "
                f"evaluations ({names}) {why}.",
                metadata={**version, "evaluations": names},
            )
        for row in found:
            uow[BlobReferences].remove(organization_id, job_owner(row.job_id))
