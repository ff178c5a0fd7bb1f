"""Evaluations in SQL. What each method promises is said in ports.Evaluations."""

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

from assay.domain.errors import AlreadyExists, Internal, NotFound
from assay.domain.evaluation import (
    SPLITS,
    Evaluation,
    EvaluationResult,
    EvaluationSpec,
    NewEvaluation,
)
from assay.domain.job import JobError
from assay.domain.page import Cursor, Page
from assay.domain.states import JobState
from assay.storage import tables
from assay.storage.models import ID_ATTEMPTS, MODEL_COLUMNS, read_model
from assay.storage.paging import newest_first, page_of
from assay.storage.serving import Serving
from assay.storage.session import Session
from assay.storage.sql import (
    Prepared,
    Row,
    from_json,
    insert_or_ignore,
    json_text,
    moment,
    moment_or_none,
)
from assay.storage.versions import VERSION_COLUMNS, SqlVersions, read_version

_M = tables.models.c
_V = tables.versions.c
_E = tables.evaluations.c
_J = tables.jobs.c

_COLUMNS = (
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
_SERVED: ColumnElement[str] = literal_column(
    f"'{JobState.SUCCEEDED}'"
)  # what is current has a result
_NOTHING = null()
_WITH_JOB = tables.evaluations.join(
    tables.jobs, and_(_J.organization_id == _E.organization_id, _J.job_id == _E.job_id)
)
_ORG = _E.organization_id == bindparam("org")
_ONE = _E.evaluation_id == bindparam("id")
_GET = Prepared(
    select(*_COLUMNS, _J.state, _J.error, _E.result).select_from(_WITH_JOB).where(_ORG, _ONE)
)
_LISTING = select(*_COLUMNS, _J.state, _J.error, _NOTHING).select_from(_WITH_JOB)
_CURRENT_OF = and_(
    _E.organization_id == _V.organization_id,
    _E.version_id == _V.version_id,
    _E.dataset_split == bindparam("split"),
    _E.is_current,
)
_CURRENT = Prepared(
    select(*_COLUMNS, _SERVED, _NOTHING, _E.result)
    .select_from(tables.versions.outerjoin(tables.evaluations, _CURRENT_OF))
    .where(_V.organization_id == bindparam("org"), _V.version_id == bindparam("version_id"))
)
_SPLITS = Prepared(
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
_PROMOTED_ALIAS = tables.versions.alias("promoted")
_LOCK_MODEL = Prepared(
    select(_M.model_id)
    .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
    .with_for_update(read=True, key_share=True)
)
_LOCK_VERSION = Prepared(
    select(_V.model_id)
    .where(_V.organization_id == bindparam("org"), _V.version_id == bindparam("version_id"))
    .with_for_update(key_share=True)
)
_NEXT_REVISION = Prepared(
    select(func.coalesce(func.max(_E.revision), 0) + 1).where(
        _ORG, _E.version_id == bindparam("version_id"), _E.dataset_split == bindparam("split")
    )
)
_INSERT = insert_or_ignore(tables.evaluations)
_PLACE = Prepared(select(_E.version_id, _E.dataset_split, _E.revision, _E.result).where(_ORG, _ONE))
_NEWER_CURRENT = Prepared(
    select(_E.revision).where(
        _ORG,
        _E.version_id == bindparam("version_id"),
        _E.dataset_split == bindparam("split"),
        _E.is_current,
        _E.revision > bindparam("than"),
    )
)
_RETIRE = Prepared(
    update(tables.evaluations)
    .where(
        _ORG,
        _E.version_id == bindparam("of_version"),
        _E.dataset_split == bindparam("split"),
        _E.is_current,
    )
    .values(is_current=bindparam("off"))
)
_FINISH = Prepared(
    update(tables.evaluations)
    .where(_ORG, _ONE)
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
    ).outerjoin(tables.evaluations, _CURRENT_OF)
    promoted = _V.version_id
    if version:
        alias = _PROMOTED_ALIAS.c
        source = source.outerjoin(
            _PROMOTED_ALIAS,
            and_(
                alias.organization_id == _M.organization_id,
                alias.model_id == _M.model_id,
                alias.is_promoted,
            ),
        )
        promoted = alias.version_id
    columns = (*MODEL_COLUMNS, promoted, *VERSION_COLUMNS, _E.metrics, *_COLUMNS)
    ending = (_SERVED, _NOTHING, _E.result if result else _NOTHING)
    return Prepared(
        select(*columns, *ending)
        .select_from(source)
        .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
        .set_label_style(LABEL_STYLE_NONE)
    )


_MODEL_END = len(MODEL_COLUMNS) + 1
_VERSION_END = _MODEL_END + len(VERSION_COLUMNS) + 1
_SERVING = {
    (named, full): _serving(named, full) for named in (False, True) for full in (False, True)
}


@lru_cache(maxsize=1024)
def _read_spec(text: str) -> EvaluationSpec:
    """Return the spec of its JSON; most evaluations of a model share one, and it is frozen."""
    return EvaluationSpec.from_json(text)


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
        result=None if result is None else EvaluationResult.from_json(result),
        error=None if error is None else JobError.from_json(error),
        created_at=moment(created),
        evaluated_at=moment_or_none(evaluated),
        created_by=created_by,
    )


class SqlEvaluations:
    """Evaluations, one transaction's view."""

    def __init__(self, session: Session, versions: SqlVersions) -> None:
        self._db = session
        self._versions = versions

    def create(self, organization_id: str, new: NewEvaluation) -> Evaluation:
        """Store a new revision for a version and split; see ports.Evaluations."""
        # Held so that neither the model nor the version can go while the revision comes.
        self._db.one(_LOCK_MODEL, org=organization_id, model_id=new.model_id)
        self._db.one(_LOCK_VERSION, org=organization_id, version_id=new.version_id)
        self._versions.get_of(organization_id, new.model_id, new.version_id)
        revision = self._db.value(
            _NEXT_REVISION,
            org=organization_id,
            version_id=new.version_id,
            split=new.dataset_split,
        )
        for attempt in range(ID_ATTEMPTS):
            evaluation_id = new.evaluation_id or self._db.ids.new_evaluation_id(attempt)
            if self._insert(organization_id, new, evaluation_id, revision):
                return self.get(organization_id, evaluation_id)
            if new.evaluation_id is not None:
                raise AlreadyExists(
                    f"The evaluation id '{evaluation_id}' or its job is taken.",
                    metadata={"resource_type": "evaluation", "resource_id": evaluation_id},
                )
        raise Internal("No free evaluation id was found.")

    def get(self, organization_id: str, evaluation_id: str) -> Evaluation:
        """Return one evaluation with its result; see ports.Evaluations."""
        row = self._db.one(_GET, org=organization_id, id=evaluation_id)
        if row is None:
            raise NotFound.of("evaluation", evaluation_id)
        return read_evaluation(row)

    def list(
        self,
        organization_id: str,
        model_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        version_id: str | None = None,
        dataset_split: str | None = None,
    ) -> Page[Evaluation]:
        """Return a page of a model's evaluations, newest first; see ports.Evaluations."""
        self._require_model(organization_id, model_id)
        statement = _LISTING.where(_E.organization_id == organization_id, _E.model_id == model_id)
        if version_id is not None:
            statement = statement.where(_E.version_id == version_id)
        if dataset_split is not None:
            statement = statement.where(_E.dataset_split == dataset_split)
        statement = newest_first(
            statement, _E.created_at, _E.evaluation_id, limit=limit, after=after
        )
        return page_of(
            self._db.select(statement),
            limit,
            read_evaluation,
            lambda one: Cursor(created_at=one.created_at, id=one.evaluation_id),
        )

    def current(
        self, organization_id: str, version_id: str, dataset_split: str
    ) -> Evaluation | None:
        """Return the evaluation that is served; see ports.Evaluations."""
        row = self._db.one(
            _CURRENT, org=organization_id, version_id=version_id, split=dataset_split
        )
        if row is None:
            raise NotFound.of("version", version_id)
        return None if row[1] is None else read_evaluation(row)

    def serving(
        self,
        organization_id: str,
        model_id: str,
        version_id: str | None,
        dataset_split: str,
        *,
        with_result: bool = True,
    ) -> Serving:
        """Resolve model, version and evaluation in one SELECT; see ports.Evaluations."""
        values = {"org": organization_id, "model_id": model_id, "split": dataset_split}
        if version_id is not None:
            values["version_id"] = version_id
        row = self._db.one(_SERVING[version_id is not None, with_result], **values)
        if row is None:
            raise NotFound.of("model", model_id)
        found = row[_MODEL_END + 2] is not None
        evaluated = row[_VERSION_END + 1] is not None
        version = row[_MODEL_END:_VERSION_END]
        if dataset_split != "test" and found:
            version = (*version[:-1], None)
        chosen = read_version(version) if found else None
        headline = None if chosen is None else chosen.metrics
        return Serving(
            model=read_model(row[:_MODEL_END]),
            version=chosen,
            evaluation=read_evaluation(row[_VERSION_END:], headline) if evaluated else None,
        )

    def splits_evaluated(self, organization_id: str, version_id: str) -> tuple[str, ...]:
        """Return the splits that have a current evaluation; see ports.Evaluations."""
        rows = self._db.all(_SPLITS, org=organization_id, version_id=version_id)
        if not rows:
            raise NotFound.of("version", version_id)
        found = {row[0] for row in rows}
        return tuple(split for split in SPLITS if split in found)

    def finish(
        self, organization_id: str, evaluation_id: str, result: EvaluationResult
    ) -> Evaluation:
        """Store the result and serve it if it is the newest; see ports.Evaluations."""
        place = self._place(organization_id, evaluation_id)
        # Two revisions that finish at once decide one after the other which is served.
        self._db.one(_LOCK_VERSION, org=organization_id, version_id=place[0])
        version_id, split, revision, stored = self._place(organization_id, evaluation_id)
        text = result.to_json().decode()
        if stored is not None:
            if stored != text:
                raise Internal(f"The evaluation {evaluation_id} already has another result.")
            return self.get(organization_id, evaluation_id)
        newer = self._db.one(
            _NEWER_CURRENT,
            org=organization_id,
            version_id=version_id,
            split=split,
            than=revision,
        )
        if newer is None:
            self._db.run(
                _RETIRE, org=organization_id, of_version=version_id, split=split, off=False
            )
        self._db.run(
            _FINISH,
            org=organization_id,
            id=evaluation_id,
            current=newer is None,
            metrics=json_text(dict(result.metrics)),
            result=text,
            evaluated_at=self._db.now(),
        )
        return self.get(organization_id, evaluation_id)

    def _insert(
        self, organization_id: str, new: NewEvaluation, evaluation_id: str, revision: int
    ) -> int:
        return self._db.run(
            _INSERT,
            organization_id=organization_id,
            evaluation_id=evaluation_id,
            model_id=new.model_id,
            version_id=new.version_id,
            dataset_split=new.dataset_split,
            revision=revision,
            job_id=new.job_id,
            spec=new.spec.to_json().decode(),
            is_current=False,
            metrics=None,
            result=None,
            created_at=self._db.now(),
            evaluated_at=None,
            created_by=new.created_by,
        )

    def _place(self, organization_id: str, evaluation_id: str) -> Row:
        row = self._db.one(_PLACE, org=organization_id, id=evaluation_id)
        if row is None:
            raise NotFound.of("evaluation", evaluation_id)
        return row

    def _require_model(self, organization_id: str, model_id: str) -> None:
        known = select(_M.model_id).where(
            _M.organization_id == organization_id, _M.model_id == model_id
        )
        if not self._db.select(known):
            raise NotFound.of("model", model_id)
