"""The store of evaluations."""

from __future__ import annotations

from sqlalchemy import (
    select,
)

from assay.features.evaluations import store_rows as sql
from assay.features.evaluations.model import SPLITS, Evaluation, EvaluationResult, NewEvaluation
from assay.features.evaluations.serving import Serving
from assay.features.models.store import ID_ATTEMPTS, read_model
from assay.features.models.versions_store import Versions, read_version
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, Internal, NotFound
from assay.kernel.storage import tables
from assay.kernel.storage.keyset import newest_first, page_of
from assay.kernel.storage.sql import Row, json_text
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import encode_text

_M = tables.models.c
_E = tables.evaluations.c


class Evaluations(SqlStore):
    """Evaluations; their state and error are always those of their job."""

    def create(self, organization_id: str, new: NewEvaluation) -> Evaluation:
        """Store a new evaluation of a job that was submitted before, and return it.

        Its revision is one more than the highest of its version and split, and the first
        is 1. An absent version raises NotFound, another model's VersionOfAnotherModel, a
        taken id AlreadyExists.
        """
        # Held so that neither the model nor the version can go while the revision comes.
        self._db.one(sql.LOCK_MODEL, org=organization_id, model_id=new.model_id)
        self._db.one(sql.LOCK_VERSION, org=organization_id, version_id=new.version_id)
        self._db[Versions].get_of(organization_id, new.model_id, new.version_id)
        revision = self._db.value(
            sql.NEXT_REVISION,
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
        """Return an evaluation with its result, or NotFound."""
        row = self._db.one(sql.GET, org=organization_id, id=evaluation_id)
        if row is None:
            raise NotFound.of("evaluation", evaluation_id)
        return sql.read_evaluation(row)

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
        statement = sql.LISTING.where(
            _E.organization_id == organization_id, _E.model_id == model_id
        )
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
            sql.read_evaluation,
            lambda one: Cursor(created_at=one.created_at, id=one.evaluation_id),
        )

    def current(
        self, organization_id: str, version_id: str, dataset_split: str
    ) -> Evaluation | None:
        """Return the newest succeeded revision of a version and split; None if there is none.

        While a newer revision is not finished, or when it fails, the older one is returned.
        An absent version raises NotFound.
        """
        row = self._db.one(
            sql.CURRENT, org=organization_id, version_id=version_id, split=dataset_split
        )
        if row is None:
            raise NotFound.of("version", version_id)
        return None if row[1] is None else sql.read_evaluation(row)

    def serving(
        self,
        organization_id: str,
        model_id: str,
        version_id: str | None,
        dataset_split: str,
        *,
        with_result: bool = True,
    ) -> Serving:
        """Return model, version and current evaluation from one SELECT.

        Without a version id the version is the promoted one. The version is None when none
        is promoted, or the one named is not this model's; the evaluation is None when the
        split has none. An absent model raises NotFound. `with_result=False` leaves the
        result out and keeps the metrics.
        """
        values = {"org": organization_id, "model_id": model_id, "split": dataset_split}
        if version_id is not None:
            values["version_id"] = version_id
        row = self._db.one(sql.SERVING[version_id is not None, with_result], **values)
        if row is None:
            raise NotFound.of("model", model_id)
        found = row[sql.MODEL_END + 2] is not None
        evaluated = row[sql.VERSION_END + 1] is not None
        version = row[sql.MODEL_END : sql.VERSION_END]
        if dataset_split != "test" and found:
            version = (*version[:-1], None)
        chosen = read_version(version) if found else None
        headline = None if chosen is None else chosen.metrics
        return Serving(
            model=read_model(row[: sql.MODEL_END]),
            version=chosen,
            evaluation=sql.read_evaluation(row[sql.VERSION_END :], headline) if evaluated else None,
        )

    def splits_evaluated(self, organization_id: str, version_id: str) -> tuple[str, ...]:
        """Return the splits with a current evaluation: train, validation, test, in this order.

        An absent version raises NotFound.
        """
        rows = self._db.all(sql.EVALUATED_SPLITS, org=organization_id, version_id=version_id)
        if not rows:
            raise NotFound.of("version", version_id)
        found = {row[0] for row in rows}
        return tuple(split for split in SPLITS if split in found)

    def finish(
        self, organization_id: str, evaluation_id: str, result: EvaluationResult
    ) -> Evaluation:
        """Store the result of an evaluation whose job succeeds in the same commit.

        It is served from then on, unless a newer revision already is. The same result once
        more changes nothing. An absent evaluation raises NotFound.
        """
        place = self._place(organization_id, evaluation_id)
        # Two revisions that finish at once decide one after the other which is served.
        self._db.one(sql.LOCK_VERSION, org=organization_id, version_id=place[0])
        version_id, split, revision, stored = self._place(organization_id, evaluation_id)
        text = encode_text(result)
        if stored is not None:
            if stored != text:
                raise Internal(f"The evaluation {evaluation_id} already has another result.")
            return self.get(organization_id, evaluation_id)
        newer = self._db.one(
            sql.NEWER_CURRENT,
            org=organization_id,
            version_id=version_id,
            split=split,
            than=revision,
        )
        if newer is None:
            self._db.run(
                sql.RETIRE, org=organization_id, of_version=version_id, split=split, off=False
            )
        self._db.run(
            sql.FINISH,
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
            sql.INSERT,
            organization_id=organization_id,
            evaluation_id=evaluation_id,
            model_id=new.model_id,
            version_id=new.version_id,
            dataset_split=new.dataset_split,
            revision=revision,
            job_id=new.job_id,
            spec=encode_text(new.spec),
            is_current=False,
            metrics=None,
            result=None,
            created_at=self._db.now(),
            evaluated_at=None,
            created_by=new.created_by,
        )

    def _place(self, organization_id: str, evaluation_id: str) -> Row:
        row = self._db.one(sql.PLACE, org=organization_id, id=evaluation_id)
        if row is None:
            raise NotFound.of("evaluation", evaluation_id)
        return row

    def _require_model(self, organization_id: str, model_id: str) -> None:
        known = select(_M.model_id).where(
            _M.organization_id == organization_id, _M.model_id == model_id
        )
        if not self._db.select(known):
            raise NotFound.of("model", model_id)
