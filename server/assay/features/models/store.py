"""The store of models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sqlalchemy import and_, bindparam, delete, exc, func, select, update

from assay.features.models.model import Model, NewModel, TaskType, check_model_fields
from assay.features.models.tables import models, versions
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, Internal, NotFound
from assay.kernel.storage.keyset import newest_page
from assay.kernel.storage.mapping import RowMapper, bound, stored, values_of
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import Hook, SqlStore, UnitOfWork

_M = models.c
_V = versions.c

ID_ATTEMPTS = 8  # generated ids grow with each, so the eighth has never been needed

MODELS = RowMapper(Model, models)
_PROMOTED = and_(
    _V.organization_id == _M.organization_id, _V.model_id == _M.model_id, _V.is_promoted
)
_SELECT = select(*MODELS.columns, _V.version_id.label("promoted_version_id")).select_from(
    models.outerjoin(versions, _PROMOTED)
)
_ORG = _M.organization_id == bindparam("org")
_GET = Prepared(_SELECT.where(_ORG, _M.model_id == bindparam("model_id")))
_BY_PATH = Prepared(_SELECT.where(_ORG, _M.project_path == bindparam("path")))
_ID_OF_PATH = Prepared(select(_M.model_id).where(_ORG, _M.project_path == bindparam("path")))
_LOCK = Prepared(
    select(_M.model_id).where(_ORG, _M.model_id == bindparam("model_id")).with_for_update()
)
_COUNT = Prepared(select(func.count()).select_from(models).where(_ORG))
_INSERT = insert_or_ignore(models)
_CHANGED = (
    "name",
    "project_path",
    "labels",
    "positive_label",
    "description",
    "tags",
    "inputs",
    "outputs",
)
_UPDATE = Prepared(
    update(models)
    .where(_ORG, _M.model_id == bindparam("id"))
    .values(bound(*_CHANGED, "updated_at"))
)
_THIS = and_(_ORG, _M.model_id == bindparam("id"))
_SET_SAMPLE_INPUT = Prepared(update(models).where(_THIS).values(bound("sample_input")))
_SET_SAMPLE_OUTPUT = Prepared(update(models).where(_THIS).values(bound("sample_output")))
_SAMPLES = Prepared(
    select(_M.sample_input, _M.sample_output).where(_ORG, _M.model_id == bindparam("model_id"))
)
_DELETE = Prepared(delete(models).where(_ORG, _M.model_id == bindparam("model_id")))


class ModelDeletion(Hook):
    """Asked before a model is deleted with all that belongs to it."""

    def check(self, uow: UnitOfWork, organization_id: str, model_id: str) -> None:
        """Raise a refusal where something of the model must end first."""


class LabelsChange(Hook):
    """Asked before a model's declared labels change."""

    def check(self, uow: UnitOfWork, changed: Model) -> None:
        """Raise a refusal where something that is served has a label that is not declared."""


_SIZE = (
    func.length(_M.description)
    + func.coalesce(func.length(_M.labels), 0)
    + func.length(_M.inputs)
    + func.length(_M.outputs)
)


class Models(SqlStore):
    """Models of an organization."""

    def create(self, organization_id: str, new: NewModel, *, if_absent: bool = False) -> Model:
        """Store a new model and return it.

        A taken id or project path raises AlreadyExists; with `if_absent` the model of that id
        and task type is returned. An id that is not given is generated, and generated anew,
        longer, when it is taken.
        """
        now = self._db.now()
        for attempt in range(ID_ATTEMPTS):
            model_id = new.model_id or self._db.ids.new_model_id(attempt)
            values = values_of(
                models,
                new,
                organization_id=organization_id,
                model_id=model_id,
                created_at=now,
                updated_at=now,
            )
            if self._db.run(_INSERT, **values):
                return self.get(organization_id, model_id)
            if if_absent and new.model_id is not None:
                there = self._db.one(_GET, org=organization_id, model_id=model_id)
                if there is not None and there.task_type == new.task_type:
                    return MODELS.read(there)
            self._refuse_taken_path(organization_id, new.project_path, model_id)
            if new.model_id is not None:
                raise AlreadyExists(
                    f"The model id '{model_id}' is taken. Choose another, or give none.",
                    metadata={"resource_type": "model", "resource_id": model_id},
                )
        raise Internal("No free model id was found.")

    def get(self, organization_id: str, model_id: str) -> Model:
        """Return a model, with the id of its promoted version; NotFound if it is absent."""
        row = self._db.one(_GET, org=organization_id, model_id=model_id)
        if row is None:
            raise NotFound.of("model", model_id)
        return MODELS.read(row)

    def by_path(self, organization_id: str, project_path: str) -> Model:
        """Return the model with exactly this project path; NotFound if there is none."""
        row = self._db.one(_BY_PATH, org=organization_id, path=project_path)
        if row is None:
            raise NotFound.of("model project", project_path)
        return MODELS.read(row)

    def get_many(self, organization_id: str, model_ids: Iterable[str]) -> dict[str, Model]:
        """Return the models of these ids that exist, by id."""
        rows = self._db.select(
            _SELECT.where(_M.organization_id == organization_id, _M.model_id.in_(list(model_ids)))
        )
        return {row.model_id: MODELS.read(row) for row in rows}

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        task_type: TaskType | None = None,
        project_path: str | None = None,
    ) -> Page[Model]:
        """Return a page of models, of one task type or with one project path if it is given.

        A page holds fewer than `limit` when their texts and labels would be over PAGE_BYTES.
        """
        statement = _SELECT.where(_M.organization_id == organization_id)
        if task_type is not None:
            statement = statement.where(_M.task_type == task_type.value)
        if project_path is not None:
            statement = statement.where(_M.project_path == project_path)
        return newest_page(
            self._db, statement, _M.model_id, MODELS.read, limit=limit, after=after, size=_SIZE
        )

    def update(self, organization_id: str, model: Model) -> Model:
        """Store what of `model` can change: names, texts, labels, tags, inputs and outputs.

        All other fields of it are ignored; `updated_at` becomes now. A taken project path
        raises AlreadyExists, an absent model NotFound, a wrong value InvalidArgument.
        """
        check_model_fields(model)
        self._refuse_taken_path(organization_id, model.project_path, model.model_id)
        try:
            changed = self._db.run(
                _UPDATE,
                org=organization_id,
                id=model.model_id,
                updated_at=self._db.now(),
                **{name: stored(getattr(model, name)) for name in _CHANGED},
            )
        except (sqlite3.IntegrityError, exc.IntegrityError) as error:
            raise _path_taken(model.project_path or "") from error
        if not changed:
            raise NotFound.of("model", model.model_id)
        return self.get(organization_id, model.model_id)

    def set_samples(
        self,
        organization_id: str,
        model_id: str,
        *,
        sample_input: str | None = None,
        sample_output: str | None = None,
    ) -> None:
        """Store examples as JSON; an empty text takes one away, None leaves it."""
        key = {"org": organization_id, "id": model_id}
        if sample_input is not None:
            self._db.run(_SET_SAMPLE_INPUT, **key, sample_input=sample_input or None)
        if sample_output is not None:
            self._db.run(_SET_SAMPLE_OUTPUT, **key, sample_output=sample_output or None)

    def samples(self, organization_id: str, model_id: str) -> tuple[str | None, str | None]:
        """Return the examples of an input and of an output that a model has, as JSON."""
        row = self._db.one(_SAMPLES, org=organization_id, model_id=model_id)
        if row is None:
            raise NotFound.of("model", model_id)
        return row.sample_input, row.sample_output

    def delete(self, organization_id: str, model_id: str) -> None:
        """Delete a model with its versions and evaluations; jobs and their logs stay.

        An evaluation of it that has not ended raises ResourceInUse and deletes nothing.
        An absent model raises NotFound.
        """
        if self._db.one(_LOCK, org=organization_id, model_id=model_id) is None:
            raise NotFound.of("model", model_id)
        for hook in self._db.hooks(ModelDeletion):
            hook.check(self._db, organization_id, model_id)
        self._db.run(_DELETE, org=organization_id, model_id=model_id)

    def count(self, organization_id: str) -> int:
        """Return how many models there are."""
        return int(self._db.value(_COUNT, org=organization_id))

    def _refuse_taken_path(self, organization_id: str, path: str | None, model_id: str) -> None:
        if path is None:
            return
        row = self._db.one(_ID_OF_PATH, org=organization_id, path=path)
        if row is not None and row.model_id != model_id:
            raise _path_taken(path)


def _path_taken(path: str) -> AlreadyExists:
    return AlreadyExists(
        f"The project path '{path}' belongs to another model. Paths are unique in an organization.",
        metadata={"resource_type": "model", "project_path": path},
    )
