"""The statements of evaluations, and what is read of a row; see storage/evaluations.py."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import (
    LABEL_STYLE_NONE,
    ColumnElement,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    select,
    update,
)

from assay.features.evaluations.model import Evaluation, EvaluationSpec
from assay.features.evaluations.result_cache import ResultMemory
from assay.features.models.store import MODEL_COLUMNS
from assay.features.models.versions_store import VERSION_COLUMNS
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState
from assay.kernel.storage import tables
from assay.kernel.storage.sql import (
    Prepared,
    Row,
    from_json,
    insert_or_ignore,
    moment,
    moment_or_none,
)
from assay.records import decode

_M = tables.models.c
_V = tables.versions.c
_E = tables.evaluations.c
_J = tables.jobs.c

COLUMNS = (
    _E.organization_id,
    _E.evaluation_id,
    _E.model_id,
    _E.version_id,
    _E.dataset_split,
    _E.revision,
    _E.job_id,
    _E.spec,
    _E.is_current,
    _E.metrics,
    _E.created_at,
    _E.evaluated_at,
    _E.created_by,
)
SERVED: ColumnElement[str] = literal_column(
    f"'{JobState.SUCCEEDED}'"
)  # what is current has a result
NOTHING = null()
WITH_JOB = tables.evaluations.join(
    tables.jobs, and_(_J.organization_id == _E.organization_id, _J.job_id == _E.job_id)
)
ORG = _E.organization_id == bindparam("org")
ONE = _E.evaluation_id == bindparam("id")
GET = Prepared(
    select(*COLUMNS, _J.state, _J.error, _E.result).select_from(WITH_JOB).where(ORG, ONE)
)
LISTING = select(*COLUMNS, _J.state, _J.error, NOTHING).select_from(WITH_JOB)
CURRENT_OF = and_(
    _E.organization_id == _V.organization_id,
    _E.version_id == _V.version_id,
    _E.dataset_split == bindparam("split"),
    _E.is_current,
)
CURRENT = Prepared(
    select(*COLUMNS, SERVED, NOTHING, _E.result)
    .select_from(tables.versions.outerjoin(tables.evaluations, CURRENT_OF))
    .where(_V.organization_id == bindparam("org"), _V.version_id == bindparam("version_id"))
)
EVALUATED_SPLITS = Prepared(
    select(_E.dataset_split)
    .select_from(
        tables.versions.outerjoin(
            tables.evaluations,
            and_(
                _E.organization_id == _V.organization_id,
                _E.version_id == _V.version_id,
                _E.is_current,
            ),
        )
    )
    .where(_V.organization_id == bindparam("org"), _V.version_id == bindparam("version_id"))
)
PROMOTED_ALIAS = tables.versions.alias("promoted")
LOCK_MODEL = Prepared(
    select(_M.model_id)
    .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
    .with_for_update(read=True, key_share=True)
)
LOCK_VERSION = Prepared(
    select(_V.model_id)
    .where(_V.organization_id == bindparam("org"), _V.version_id == bindparam("version_id"))
    .with_for_update(key_share=True)
)
NEXT_REVISION = Prepared(
    select(func.coalesce(func.max(_E.revision), 0) + 1).where(
        ORG, _E.version_id == bindparam("version_id"), _E.dataset_split == bindparam("split")
    )
)
INSERT = insert_or_ignore(tables.evaluations)
PLACE = Prepared(select(_E.version_id, _E.dataset_split, _E.revision, _E.result).where(ORG, ONE))
NEWER_CURRENT = Prepared(
    select(_E.revision).where(
        ORG,
        _E.version_id == bindparam("version_id"),
        _E.dataset_split == bindparam("split"),
        _E.is_current,
        _E.revision > bindparam("than"),
    )
)
RETIRE = Prepared(
    update(tables.evaluations)
    .where(
        ORG,
        _E.version_id == bindparam("of_version"),
        _E.dataset_split == bindparam("split"),
        _E.is_current,
    )
    .values(is_current=bindparam("off"))
)
FINISH = Prepared(
    update(tables.evaluations)
    .where(ORG, ONE)
    .values(
        is_current=bindparam("current"),
        metrics=bindparam("metrics"),
        result=bindparam("result"),
        evaluated_at=bindparam("evaluated_at"),
    )
)


def _serving(version: bool, result: bool) -> Prepared:
    """Return the one SELECT that resolves model, version and current evaluation."""
    chosen = _V.version_id == bindparam("version_id") if version else _V.is_promoted
    source = tables.models.outerjoin(
        tables.versions,
        and_(_V.organization_id == _M.organization_id, _V.model_id == _M.model_id, chosen),
    ).outerjoin(tables.evaluations, CURRENT_OF)
    promoted = _V.version_id
    if version:
        alias = PROMOTED_ALIAS.c
        source = source.outerjoin(
            PROMOTED_ALIAS,
            and_(
                alias.organization_id == _M.organization_id,
                alias.model_id == _M.model_id,
                alias.is_promoted,
            ),
        )
        promoted = alias.version_id
    columns = (*MODEL_COLUMNS, promoted, *VERSION_COLUMNS, _E.metrics, *COLUMNS)
    ending = (SERVED, NOTHING, _E.result if result else NOTHING)
    return Prepared(
        select(*columns, *ending)
        .select_from(source)
        .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
        .set_label_style(LABEL_STYLE_NONE)
    )


MODEL_END = len(MODEL_COLUMNS) + 1
VERSION_END = MODEL_END + len(VERSION_COLUMNS) + 1
SERVING = {
    (named, full): _serving(named, full) for named in (False, True) for full in (False, True)
}


RESULTS = ResultMemory()


@lru_cache(maxsize=1024)
def _read_spec(text: str) -> EvaluationSpec:
    """Return the spec of its JSON; most evaluations of a model share one, and it is frozen."""
    return decode(EvaluationSpec, text)


def read_evaluation(row: Row, headline: Mapping[str, float] | None = None) -> Evaluation:
    """Return the evaluation of a row of the columns above, its job's state and error, result.

    `headline` is what its metrics' JSON says, where that was read already.
    """
    (org, evaluation_id, model_id, version_id, split, revision, job_id, spec) = row[:8]
    (current, metrics, created, evaluated, created_by, state, error, result) = row[8:]
    return Evaluation(
        organization_id=org,
        evaluation_id=evaluation_id,
        model_id=model_id,
        version_id=version_id,
        dataset_split=split,
        revision=revision,
        job_id=job_id,
        spec=_read_spec(spec),
        state=JobState(state),
        is_current=bool(current),
        metrics=headline or ({} if metrics is None else from_json(metrics)),
        result=None if result is None else RESULTS.read(result),
        error=None if error is None else decode(JobError, error),
        created_at=moment(created),
        evaluated_at=moment_or_none(evaluated),
        created_by=created_by,
    )
