"""Models: create, read, list, change, delete."""

from __future__ import annotations

from dataclasses import dataclass

from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.features.models.model import Model, NewModel, TaskType
from assay.features.models.store import LabelsChange, Models
from assay.features.models.versions_store import Versions
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.states import ModelStatus, model_status
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model and the status that its versions give it."""

    model: Model
    status: ModelStatus


@dataclass(frozen=True, kw_only=True)
class ModelChange:
    """The fields to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    project_path: str | None = None  # empty takes the path away
    positive_label: str | None = None  # empty takes the label away
    labels: tuple[str, ...] | None = None  # hold those of every evaluation that is served
    tags: tuple[str, ...] | None = None
    inputs: tuple[DeclaredInput, ...] | None = None
    outputs: tuple[DeclaredOutput, ...] | None = None
    sample_input: str | None = None  # JSON; empty takes it away
    sample_output: str | None = None  # JSON; empty takes it away

    def __post_init__(self) -> None:
        # What is wrong for every model is refused before anything is said of this one.
        NewModel(
            name="any" if self.name is None else self.name,
            task_type=TaskType.CLASSIFICATION,
            project_path=self.project_path or None,
            labels=self.labels,
            description=self.description or "",
            tags=self.tags or (),
            inputs=self.inputs or (),
            outputs=self.outputs or (),
        )

    def apply(self, model: Model) -> Model:
        """Return `model` with the changes made."""
        names = ("name", "description", "labels", "tags", "inputs", "outputs")
        sent = {name: getattr(self, name) for name in names}
        changed = replace(
            model, **{name: value for name, value in sent.items() if value is not None}
        )
        if self.project_path is not None:
            changed = replace(changed, project_path=self.project_path or None)
        if self.positive_label is not None:
            changed = replace(changed, positive_label=self.positive_label or None)
        return changed


class ModelUseCases:
    """The models of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        organization_id: str,
        new: NewModel,
        *,
        if_absent: bool = False,
        request_id: str | None = None,
    ) -> KnownModel:
        """Create a model, or return the one that the same request made before.

        With `if_absent` a model that has the id and the task type is returned as it is.

        Raises:
            AlreadyExists: the id or the project path is taken.
            RequestIdReused: the request_id came before with another body.
        """
        request = CreateRequest(
            method="CreateModel", request_id=request_id, body=replace(new, created_by="")
        )
        with self._store.write() as uow:
            model = create_once(
                uow,
                organization_id,
                request,
                make=lambda: uow[Models].create(organization_id, new, if_absent=if_absent),
                again=lambda key: uow[Models].get(organization_id, key),
                key_of=lambda made: made.model_id,
            )
            return _known(uow, model)

    def get(self, organization_id: str, model_id: str) -> KnownModel:
        """Return one model; raises NotFound."""
        with self._store.read() as uow:
            return _known(uow, uow[Models].get(organization_id, model_id))

    def list(
        self, organization_id: str, size: int, token: str, *, project_path: str | None = None
    ) -> Listing[KnownModel]:
        """Return a page of models, newest first; with a project path that model alone."""
        scope = self._store.scope(f"models/{organization_id}")
        with self._store.read() as uow:
            page = uow[Models].list(
                organization_id,
                limit=page_size(size),
                after=cursor(token, scope),
                project_path=project_path,
            )
            counts = uow[Versions].counts(organization_id, [m.model_id for m in page.items])
            return listing(
                page,
                scope,
                lambda model: KnownModel(
                    model=model, status=model_status(counts.get(model.model_id, {}))
                ),
            )

    def update(self, organization_id: str, model_id: str, change: ModelChange) -> KnownModel:
        """Change a model's fields.

        Raises:
            NotFound: no such model.
            InvalidArgument: a value is not allowed.
            AlreadyExists: the project path is taken.
        """
        with self._store.write() as uow:
            before = uow[Models].get(organization_id, model_id)
            model = change.apply(before)
            if change.labels is not None:
                for hook in uow.hooks(LabelsChange):
                    hook.check(uow, model)
            uow[Models].set_samples(
                organization_id,
                model_id,
                sample_input=change.sample_input,
                sample_output=change.sample_output,
            )
            if model == before and change.sample_input is change.sample_output is None:
                return _known(uow, before)
            return _known(uow, uow[Models].update(organization_id, model))

    def delete(self, organization_id: str, model_id: str) -> None:
        """Delete a model with its versions and evaluations.

        Raises:
            NotFound: no such model.
            ResourceInUse: a job of it has not ended.
        """
        with self._store.write() as uow:
            uow[Models].delete(organization_id, model_id)


def _known(uow: UnitOfWork, model: Model) -> KnownModel:
    counts = uow[Versions].counts(model.organization_id, [model.model_id])
    return KnownModel(model=model, status=model_status(counts.get(model.model_id, {})))
