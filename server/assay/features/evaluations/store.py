"""The store of evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    LABEL_STYLE_NONE,
    Label,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    select,
    update,
)

from assay.features.datasets.model import SPLITS
from assay.features.evaluations.model import (
    Evaluation,
    EvaluationResult,
    EvaluationSpec,
    HeldBack,
    NewEvaluation,
)
from assay.features.evaluations.requirement import outcomes
from assay.features.evaluations.tables import evaluations
from assay.features.models.model import Model, Version
from assay.features.models.store import ID_ATTEMPTS, MODELS
from assay.features.models.tables import models, versions
from assay.features.models.versions_store import VERSIONS, Versions, no_version
from assay.kernel.cache import BoundedCache
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import (
    AlreadyExists,
    Internal,
    NotFound,
)
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.keyset import newest_page
from assay.kernel.storage.mapping import RowMapper, values_of
from assay.kernel.storage.sql import JoinedColumns, Prepared, Row, insert_or_ignore
from assay.kernel.storage.tables import jobs
from assay.kernel.storage.unit_of_work import SqlStore, UnitOfWork
from assay.records import decode, encode_text

SAME_ROWS = ("rows", "content_hash", "labels", "positive_label")  # of results of one row set

_M = models.c
_V = versions.c
_E = evaluations.c
_J = jobs.c


@lru_cache(maxsize=1024)
def _read_spec(text: str) -> EvaluationSpec:
    """Return the spec of its JSON; most evaluations of a model share one, and it is frozen."""
    return decode(EvaluationSpec, text)


@lru_cache(maxsize=1024)
def _read_requirements(text: str) -> tuple[str, ...]:
    return decode(tuple[str, ...], text)


_EVALUATIONS = RowMapper(
    Evaluation,
    evaluations,
    computed=("metrics", "result"),
    spec=_read_spec,
    requirements=_read_requirements,
)
_COLUMNS = tuple(column for column in _EVALUATIONS.columns if column is not _E.result)
# What is current has a result.
_SERVED: Label[str] = literal_column(f"'{JobState.SUCCEEDED}'").label("state")
_NO_ERROR = null().label("error")
_NO_RESULT = null().label("result")
_WITH_JOB = evaluations.join(
    jobs, and_(_J.organization_id == _E.organization_id, _J.job_id == _E.job_id)
)
_ORG = _E.organization_id == bindparam("org")
_ONE = _E.evaluation_id == bindparam("id")
_GET = Prepared(
    select(*_COLUMNS, _J.state, _J.error, _E.result).select_from(_WITH_JOB).where(_ORG, _ONE)
)
_LISTING = select(*_COLUMNS, _J.state, _J.error, _NO_RESULT).select_from(_WITH_JOB)
_CURRENT_OF = and_(
    _E.organization_id == _V.organization_id,
    _E.model_id == _V.model_id,
    _E.version_id == _V.version_id,
    _E.dataset_split == bindparam("split"),
    _E.is_current,
)
_VERSION_ONE = (
    _V.organization_id == bindparam("org"),
    _V.model_id == bindparam("model_id"),
    _V.version_id == bindparam("version_id"),
)
_CURRENT = Prepared(
    select(*_COLUMNS, _SERVED, _NO_ERROR, _E.result)
    .select_from(versions.outerjoin(evaluations, _CURRENT_OF))
    .where(*_VERSION_ONE)
)
_EVALUATED_SPLITS = Prepared(
    select(_E.dataset_split)
    .select_from(
        versions.outerjoin(
            evaluations,
            and_(
                _E.organization_id == _V.organization_id,
                _E.model_id == _V.model_id,
                _E.version_id == _V.version_id,
                _E.is_current,
            ),
        )
    )
    .where(*_VERSION_ONE)
)
_PROMOTED_ALIAS = versions.alias("promoted")
_LOCK_MODEL = Prepared(
    select(_M.model_id)
    .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
    .with_for_update(read=True, key_share=True)
)
_LOCK_VERSION = Prepared(select(_V.model_id).where(*_VERSION_ONE).with_for_update(key_share=True))
_REVISIONS = (
    _ORG,
    _E.model_id == bindparam("model_id"),
    _E.version_id == bindparam("version_id"),
    _E.dataset_split == bindparam("split"),
)
_NEXT_REVISION = Prepared(select(func.coalesce(func.max(_E.revision), 0) + 1).where(*_REVISIONS))
_INSERT = insert_or_ignore(evaluations)
_KEYS = Prepared(
    select(
        _E.model_id,
        _E.version_id,
        _E.dataset_split,
        _E.revision,
        _E.result,
        _E.requirements,
        _E.replaces,
    ).where(_ORG, _ONE)
)
_SERVED_NOW = Prepared(
    select(_V.is_promoted, _E.revision, _E.result)
    .select_from(versions.outerjoin(evaluations, _CURRENT_OF))
    .where(*_VERSION_ONE)
)
_RETIRE = Prepared(
    update(evaluations)
    .where(
        _ORG,
        _E.model_id == bindparam("of_model"),
        _E.version_id == bindparam("of_version"),
        _E.dataset_split == bindparam("split"),
        _E.is_current,
    )
    .values(is_current=bindparam("off"))
)
_FINISH = Prepared(
    update(evaluations)
    .where(_ORG, _ONE)
    .values(
        is_current=bindparam("current"),
        held_back=bindparam("held_back"),
        metrics=bindparam("metrics"),
        result=bindparam("result"),
        evaluated_at=bindparam("evaluated_at"),
    )
)


_MODEL = JoinedColumns("model", (*MODELS.columns, _V.version_id.label("promoted_version_id")))
_VERSION = JoinedColumns("version", VERSIONS.columns)
_EVALUATION = JoinedColumns("evaluation", (*_COLUMNS, _SERVED, _NO_ERROR, _E.result))


def _serving(version: bool) -> Prepared:
    """Return the one SELECT that resolves model, version and current evaluation."""
    chosen = _V.version_id == bindparam("version_id") if version else _V.is_promoted
    source = models.outerjoin(
        versions,
        and_(_V.organization_id == _M.organization_id, _V.model_id == _M.model_id, chosen),
    ).outerjoin(evaluations, _CURRENT_OF)
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
    model = JoinedColumns("model", (*MODELS.columns, promoted.label("promoted_version_id")))
    return Prepared(
        select(*model.columns, *_VERSION.columns, *_EVALUATION.columns)
        .select_from(source)
        .where(_M.organization_id == bindparam("org"), _M.model_id == bindparam("model_id"))
        .set_label_style(LABEL_STYLE_NONE)
    )


_SERVING = {named: _serving(named) for named in (False, True)}
# A stored result never changes, and a large one takes long to read.
_RESULTS = BoundedCache(64 * 1024 * 1024)  # characters of the texts whose results are held


def _read(row: Row, headline: Mapping[str, float] | None = None) -> Evaluation:
    """Return the evaluation of a row of the columns above, its job's state and error, result.

    `headline` is what its metrics' JSON says, where that was read already.
    """
    result = row.result
    return _EVALUATIONS.read(
        row,
        metrics=headline or ({} if row.metrics is None else decode(dict[str, float], row.metrics)),
        result=None if result is None else read_result(result),
    )


def read_result(text: str) -> EvaluationResult:
    """Return the result of its JSON, which is held."""
    result: EvaluationResult = _RESULTS.get(text, lambda: _read_result(text))
    return result


def _read_result(text: str) -> tuple[EvaluationResult, int]:
    return decode(EvaluationResult, text), len(text)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What answers a question about a model's quality."""

    model: Model  # the model asked about
    version: Version | None  # the one named, or the promoted one; None: there is none such
    evaluation: Evaluation | None  # the version's current one of the split; None: none yet


class Evaluations(SqlStore):
    """Evaluations; their state and error are always those of their job."""

    def create(self, organization_id: str, new: NewEvaluation) -> Evaluation:
        """Store a new evaluation of a job that was submitted before, and return it.

        Its revision is one more than the highest of its version and split, and the first
        is 1. An absent model or version raises NotFound, a taken id AlreadyExists.
        """
        # Held so that neither the model nor the version can go while the revision comes.
        self._db.one(_LOCK_MODEL, org=organization_id, model_id=new.model_id)
        version = {"model_id": new.model_id, "version_id": new.version_id}
        self._db.one(_LOCK_VERSION, org=organization_id, **version)
        self._db[Versions].get(organization_id, **version)
        revision = self._db.value(
            _NEXT_REVISION, org=organization_id, split=new.dataset_split, **version
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
        """Return an evaluation with its result, or NotFound."""
        row = self._db.one(_GET, org=organization_id, id=evaluation_id)
        if row is None:
            raise NotFound.of("evaluation", evaluation_id)
        return _read(row)

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
        """Return a page of a model's evaluations, with metrics but without results.

        They are of one version and of one split if these are given. An absent model raises
        NotFound.
        """
        self._require_model(organization_id, model_id)
        statement = _LISTING.where(_E.organization_id == organization_id, _E.model_id == model_id)
        if version_id is not None:
            statement = statement.where(_E.version_id == version_id)
        if dataset_split is not None:
            statement = statement.where(_E.dataset_split == dataset_split)
        return newest_page(self._db, statement, _E.evaluation_id, _read, limit=limit, after=after)

    def current(
        self, organization_id: str, model_id: str, version_id: str, dataset_split: str
    ) -> Evaluation | None:
        """Return the newest succeeded revision of a version and split; None if there is none.

        While a newer revision is not finished, or when it fails, the older one is returned.
        An absent version raises NotFound.
        """
        row = self._db.one(
            _CURRENT,
            org=organization_id,
            model_id=model_id,
            version_id=version_id,
            split=dataset_split,
        )
        if row is None:
            raise no_version(model_id, version_id)
        return None if row.evaluation_id is None else _read(row)

    def serving(
        self,
        organization_id: str,
        model_id: str,
        version_id: str | None,
        dataset_split: str,
    ) -> Serving:
        """Return model, version and current evaluation from one SELECT.

        Without a version id the version is the promoted one. The version is None when none
        is promoted, or the one named is not this model's; the evaluation is None when the
        split has none. An absent model raises NotFound.
        """
        values = {"org": organization_id, "model_id": model_id, "split": dataset_split}
        if version_id is not None:
            values["version_id"] = version_id
        row = self._db.one(_SERVING[version_id is not None], **values)
        if row is None:
            raise NotFound.of("model", model_id)
        chosen = None if row.version_version_id is None else VERSIONS.read(_VERSION.of(row))
        served = None
        if row.evaluation_evaluation_id is not None:
            # What the version holds of its test evaluation need not be read twice.
            same = chosen is not None and row.version_metrics == row.evaluation_metrics
            served = _read(_EVALUATION.of(row), chosen.metrics if chosen and same else None)
        return Serving(model=MODELS.read(_MODEL.of(row)), version=chosen, evaluation=served)

    def splits_evaluated(
        self, organization_id: str, model_id: str, version_id: str
    ) -> tuple[str, ...]:
        """Return the splits with a current evaluation: train, validation, test, in this order.

        An absent version raises NotFound.
        """
        rows = self._db.all(
            _EVALUATED_SPLITS, org=organization_id, model_id=model_id, version_id=version_id
        )
        if not rows:
            raise no_version(model_id, version_id)
        found = {row.dataset_split for row in rows}
        return tuple(split for split in SPLITS if split in found)

    def finish(
        self, organization_id: str, evaluation_id: str, result: EvaluationResult
    ) -> Evaluation:
        """Store the result of an evaluation whose job succeeds in the same commit.

        It is served from then on, unless a newer revision already is, or its version is
        promoted and either a requirement is not met or other rows or labels are served. The
        same result once more changes nothing. An absent evaluation raises NotFound.
        """
        # Two revisions that finish at once decide one after the other which is served.
        keys = locked_keys(self._db, organization_id, evaluation_id)
        version = {"model_id": keys.model_id, "version_id": keys.version_id}
        text = encode_text(result)
        if keys.result is not None:
            if keys.result != text:
                raise Internal(f"The evaluation {evaluation_id} already has another result.")
            return self.get(organization_id, evaluation_id)
        now = self._db.one(_SERVED_NOW, org=organization_id, split=keys.dataset_split, **version)
        held_back = None if now is None else _held_back(keys, result, now)
        if held_back is None:
            make_room(self._db, organization_id, keys, result.metrics)
        self._db.run(
            _FINISH,
            org=organization_id,
            id=evaluation_id,
            current=held_back is None,
            held_back=held_back,
            metrics=encode_text(dict(result.metrics)),
            result=text,
            evaluated_at=self._db.now(),
        )
        return self.get(organization_id, evaluation_id)

    def _insert(
        self, organization_id: str, new: NewEvaluation, evaluation_id: str, revision: int
    ) -> int:
        values = values_of(
            evaluations,
            new,
            organization_id=organization_id,
            evaluation_id=evaluation_id,
            revision=revision,
            is_current=False,
            created_at=self._db.now(),
        )
        return self._db.run(_INSERT, **values)

    def _require_model(self, organization_id: str, model_id: str) -> None:
        known = select(_M.model_id).where(
            _M.organization_id == organization_id, _M.model_id == model_id
        )
        if not self._db.select(known):
            raise NotFound.of("model", model_id)


def locked_keys(uow: UnitOfWork, organization_id: str, evaluation_id: str) -> Row:
    """Return an evaluation's keys; of its version nothing else is served or ends meanwhile.

    An absent evaluation raises NotFound.
    """
    keys = _keys(uow, organization_id, evaluation_id)
    version = {"model_id": keys.model_id, "version_id": keys.version_id}
    uow.one(_LOCK_VERSION, org=organization_id, **version)
    return _keys(uow, organization_id, evaluation_id)


def _keys(uow: UnitOfWork, organization_id: str, evaluation_id: str) -> Row:
    row = uow.one(_KEYS, org=organization_id, id=evaluation_id)
    if row is None:
        raise NotFound.of("evaluation", evaluation_id)
    return row


def make_room(
    uow: UnitOfWork, organization_id: str, keys: Row, headline: Mapping[str, float]
) -> None:
    """Retire what is served of a version and split, for one with another headline."""
    uow.run(
        _RETIRE,
        org=organization_id,
        of_model=keys.model_id,
        of_version=keys.version_id,
        split=keys.dataset_split,
        off=False,
    )
    if keys.dataset_split == "test":
        uow[Versions].set_metrics(organization_id, keys.model_id, keys.version_id, headline)


def _held_back(keys: Row, result: EvaluationResult, now: Row) -> HeldBack | None:
    """Return why a result is not served beside what is served now; None: it is."""
    if now.revision is not None and now.revision > keys.revision:
        return HeldBack.OLDER_REVISION
    if not now.is_promoted or keys.replaces:
        return None
    required = _read_requirements(keys.requirements)
    if not all(one.met for one in outcomes(required, result.metrics)):
        return HeldBack.REQUIREMENT_NOT_MET
    if now.result is None:
        return None
    served = read_result(now.result)
    same = all(getattr(served, name) == getattr(result, name) for name in SAME_ROWS)
    return None if same else HeldBack.OTHER_ROWS
