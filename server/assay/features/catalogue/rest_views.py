"""Views of models and versions, in the words of the catalogue's clients."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from assay.features.catalogue.engines_service import VersionEngines
from assay.features.catalogue.service import CatalogueModel, CatalogueVersion
from assay.features.catalogue.store import Tagged
from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.features.models.model import Version
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.rpc.rest import CamelRecord, Count, Instant
from assay.kernel.rpc.values import offset_millis

CPU_AMOUNT = "1000m"  # of one engine, which computes on one thread
MEMORY_AMOUNT = "2G"  # of one engine, told where nothing else limits it
REQUIREMENT_ID = 1  # of the one that there is


class TagView(CamelRecord):
    """What models are listed under."""

    identifier: str  # Such as computer_vision.
    name: str  # The same for people, such as Computer Vision.
    data_type: str  # Always string.
    is_categorical: bool  # Always true: a model has it or has it not.


class FeatureView(CamelRecord):
    """What the versions of a model can do beside predicting."""

    identifier: str  # built-in-explainability.
    name: str  # The same for people.
    description: str  # What it means.


class VisibilityView(CamelRecord):
    """Who sees a model."""

    scope: str  # Always ALL: everybody in the organization who may read models.
    teams: tuple[str, ...]  # Always empty.


class ListedModelView(CamelRecord):
    """A model in a listing."""

    model_id: str  # The model.
    latest_version: str  # The newest version; empty where there is none.
    versions: tuple[str, ...]  # All versions, newest first.


class ModelView(CamelRecord):
    """A model."""

    model_id: str  # The model.
    identifier: str  # The same.
    latest_version: str  # The newest version; empty where there is none.
    latest_active_version: str  # The newest version that is ready; empty where none is.
    versions: tuple[str, ...]  # All versions, newest first.
    active_versions: tuple[str, ...]  # Those that are ready, newest first.
    author: str  # The organization.
    name: str  # The name.
    description: str  # Free text.
    permalink: str  # The path of the model.
    features: tuple[FeatureView, ...]  # What its versions can do beside predicting.
    is_active: bool  # Whether a version is ready.
    is_expired: bool  # Always false.
    is_recommended: bool  # Always false.
    is_commercial: bool  # Always false.
    tags: tuple[TagView, ...]  # What it is listed under.
    images: tuple[str, ...]  # Always empty.
    snapshot_images: tuple[str, ...]  # Always empty.
    last_active_date_time: Instant  # When it was last changed, or a version became ready.
    created_at: Instant  # When it was created.
    updated_at: Instant  # When it was last changed.
    created_by_email: str  # The subject that created it.
    visibility: VisibilityView  # Who sees it.


class TaggedModelView(CamelRecord):
    """A model with its tags."""

    identifier: str  # The model.
    model_id: str  # The same.
    name: str  # The name.
    tags: tuple[TagView, ...]  # What it is listed under.


class TaggedModelsView(CamelRecord):
    """Tags, and the models that have one of them."""

    tags: tuple[TagView, ...]  # Those that were asked for and that a model has.
    models: tuple[TaggedModelView, ...]  # The models, newest first.


class VersionNameView(CamelRecord):
    """A version in a listing."""

    version: str  # Its label where that is written as a version, else N.0.0.


class TimeoutView(CamelRecord):
    """How long the calls of an engine may take."""

    status: Count  # Milliseconds; 0: no limit.
    run: Count  # Milliseconds; 0: that of the job alone.


class RequirementView(CamelRecord):
    """What an engine may use."""

    requirement_id: int  # Always 1.
    status: str  # Always ACTIVE.
    gpu_units: Count  # Always 0.
    cpu_amount: str  # Such as 1000m, a whole one.
    memory_amount: str  # Such as 2G.


class ContainerImageView(CamelRecord):
    """What a version runs, in the words of a container image."""

    upload_status: str  # COMPLETED where the version runs something, else PENDING.
    load_status: str  # The same.
    upload_percentage: Count  # 100 or 0.
    load_percentage: Count  # 100 or 0.
    container_image_size: Count  # Bytes of what it runs.
    registry_host: str  # Always empty.
    repository_namespace: str  # Always empty.
    repository_name: str  # Always empty.
    tag: str  # Always empty.


class InputView(CamelRecord):
    """One item that each input of a job holds."""

    name: str  # Its name.
    accepted_media_types: str  # Those that are accepted, divided by commas.
    maximum_size: Count  # Bytes.
    description: str  # Free text.


class OutputView(CamelRecord):
    """One item that each result of a job holds."""

    name: str  # Its name.
    media_type: str  # Its media type.
    maximum_size: Count  # Bytes.
    description: str  # Free text.


class ProcessingView(CamelRecord):
    """How many engines a version has."""

    minimum_parallel_capacity: Count  # Kept for the version alone, with what it runs loaded.
    # The most that work on it at a time; without a minimum, those that serve every version.
    maximum_parallel_capacity: Count


class EnginesSumView(CamelRecord):
    """How many engines are kept."""

    minimum_processing_engines_sum: Count  # For versions of all models of the organization.


class EngineView(CamelRecord):
    """The engines of a version, counted from processes that live."""

    identifier: str  # The model.
    model_id: str  # The same.
    name: str  # The model's name.
    version: str  # Its label where that is written as a version, else N.0.0.
    ready: Count  # That have loaded what the version runs, idle or not.
    running: Count  # That work.
    queued: Count  # Tasks that wait for one.
    failed: Count  # Starts in a row that failed.
    spinning_up: Count  # That load what the version runs.
    spinning_down: Count  # That end after their current task.


class EngineModelView(CamelRecord):
    """A model whose versions have engines."""

    identifier: str  # The model.
    model_id: str  # The same.
    name: str  # Its name.
    versions: tuple[str, ...]  # Those that have engines.
    minimum_processing_engines_sum: Count  # That are kept for them.
    ready: Count  # That have loaded what they run.


class VersionView(CamelRecord):
    """A version of a model."""

    version: str  # Its label where that is written as a version, else N.0.0.
    version_id: str  # Its id, such as ver-1a2b3.
    created_at: Instant  # When it was created.
    updated_at: Instant  # When it was last changed.
    created_by: str  # The subject that created it.
    input_validation_schema: str  # Always empty.
    timeout: TimeoutView  # How long calls may take.
    requirement: RequirementView  # What an engine of it may use.
    container_image: ContainerImageView  # What it runs.
    load_status: str  # COMPLETED where the version runs something, else PENDING.
    run_status: str  # COMPLETED where it is ready, FAILED where it never will be, else PENDING.
    inputs: tuple[InputView, ...]  # What each input of a job holds.
    outputs: tuple[OutputView, ...]  # What each result of a job holds.
    statistics: tuple[dict[str, Any], ...]  # Its metrics, or what was said of it.
    is_active: bool  # Whether it is ready.
    is_available: bool  # Whether it can be run.
    long_description: str  # Free text.
    technical_details: str  # Free text.
    performance_summary: str  # Free text.
    source_type: str  # trained, onnx or remote; empty where it runs nothing.
    version_history: str  # Always empty.
    status: str  # active, or draft, training or failed.
    sample_input: str  # An example of a job, as JSON.
    sample_output: str  # The results of that job, as JSON.
    model: ListedModelView  # The model.
    processing: ProcessingView  # How many engines it has.


def tag(identifier: str) -> TagView:
    """Return the view of a tag."""
    name = identifier.replace("_", " ").replace("-", " ").title()
    return TagView(identifier=identifier, name=name, data_type="string", is_categorical=True)


def tagged_models(tags: Sequence[str], models: Sequence[Tagged]) -> TaggedModelsView:
    """Return the view of tags and of the models that have one of them."""
    return TaggedModelsView(
        tags=tuple(map(tag, tags)),
        models=tuple(
            TaggedModelView(
                identifier=one.model_id,
                model_id=one.model_id,
                name=one.name,
                tags=tuple(map(tag, one.tags)),
            )
            for one in models
        ),
    )


def listed_model(found: CatalogueModel) -> ListedModelView:
    """Return the view of a model in a listing."""
    return ListedModelView(
        model_id=found.model.model_id,
        latest_version=_first(found.versions),
        versions=tuple(one.shown for one in found.versions),
    )


def model(found: CatalogueModel) -> ModelView:
    """Return the view of a model."""
    shown = found.model
    return ModelView(
        model_id=shown.model_id,
        identifier=shown.model_id,
        latest_version=_first(found.versions),
        latest_active_version=_first(found.ready),
        versions=tuple(one.shown for one in found.versions),
        active_versions=tuple(one.shown for one in found.ready),
        author=shown.organization_id,
        name=shown.name,
        description=shown.description,
        permalink=f"/api/models/{shown.model_id}",
        features=_EXPLAINS if found.explains else (),
        is_active=bool(found.ready),
        is_expired=False,
        is_recommended=False,
        is_commercial=False,
        tags=tuple(map(tag, shown.tags)),
        images=(),
        snapshot_images=(),
        last_active_date_time=offset_millis(found.last_active),
        created_at=offset_millis(shown.created_at),
        updated_at=offset_millis(shown.updated_at),
        created_by_email=shown.created_by,
        visibility=VisibilityView(scope="ALL", teams=()),
    )


_EXPLAINS = (
    FeatureView(
        identifier="built-in-explainability",
        name="Explainability",
        description="Jobs with explain tell what a prediction rests on.",
    ),
)


def _first(versions: tuple[Version, ...]) -> str:
    return versions[0].shown if versions else ""


def requirement() -> RequirementView:
    """Return the view of what an engine may use."""
    return RequirementView(
        requirement_id=REQUIREMENT_ID,
        status="ACTIVE",
        gpu_units=0,
        cpu_amount=CPU_AMOUNT,
        memory_amount=MEMORY_AMOUNT,
    )


def version(found: CatalogueVersion, sample_input: str, sample_output: str) -> VersionView:
    """Return the view of a version."""
    shown, card = found.version, found.card.card
    ready = shown.status is VersionStatus.READY
    loaded = "PENDING" if found.artifact is None else "COMPLETED"
    changed = [one for one in (shown.trained_at, found.card.updated_at) if one is not None]
    return VersionView(
        version=shown.shown,
        version_id=shown.version_id,
        created_at=offset_millis(shown.created_at),
        updated_at=offset_millis(max([shown.created_at, *changed])),
        created_by=shown.created_by,
        input_validation_schema="",
        timeout=TimeoutView(status=0, run=0),
        requirement=requirement(),
        container_image=_container_image(found, loaded),
        load_status=loaded,
        run_status=_RUN_STATUS.get(shown.status, "PENDING"),
        inputs=tuple(map(_input, found.declaration.inputs)),
        outputs=tuple(map(_output, found.declaration.outputs)),
        statistics=_statistics(shown) if card.statistics is None else card.statistics,
        is_active=ready,
        is_available=ready and found.artifact is not None,
        long_description=card.long_description,
        technical_details=card.technical_details,
        performance_summary=card.performance_summary,
        source_type="" if found.artifact is None else found.artifact.kind.value,
        version_history="",
        status="active" if ready else shown.status.value,
        sample_input=sample_input,
        sample_output=sample_output,
        model=listed_model(found.of),
        processing=ProcessingView(
            minimum_parallel_capacity=found.card.minimum_engines,
            maximum_parallel_capacity=found.maximum_engines,
        ),
    )


_RUN_STATUS = {VersionStatus.READY: "COMPLETED", VersionStatus.FAILED: "FAILED"}


def _container_image(found: CatalogueVersion, status: str) -> ContainerImageView:
    percentage = 0 if found.artifact is None else 100
    return ContainerImageView(
        upload_status=status,
        load_status=status,
        upload_percentage=percentage,
        load_percentage=percentage,
        container_image_size=0 if found.artifact is None else found.artifact.bytes,
        registry_host="",
        repository_namespace="",
        repository_name="",
        tag="",
    )


def _input(one: DeclaredInput) -> InputView:
    return InputView(
        name=one.name,
        accepted_media_types=", ".join(one.media_types),
        maximum_size=one.maximum_size,
        description=one.description,
    )


def _output(one: DeclaredOutput) -> OutputView:
    return OutputView(
        name=one.name,
        media_type=one.media_type,
        maximum_size=one.maximum_size,
        description=one.description,
    )


def _statistics(shown: Version) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "label": name,
            "category": "test",
            "type": "number",
            "description": f"{name} on the test split",
            "highlight": order == 0,
            "order": order,
            "value": value,
        }
        for order, (name, value) in enumerate(sorted(shown.metrics.items()))
    )


def engine(found: VersionEngines) -> EngineView:
    """Return the view of the engines of a version."""
    counts = found.counts
    return EngineView(
        identifier=found.model_id,
        model_id=found.model_id,
        name=found.model_name,
        version=found.version,
        ready=counts.ready,
        running=counts.running,
        queued=counts.queued,
        failed=counts.failed,
        spinning_up=counts.spinning_up,
        spinning_down=counts.spinning_down,
    )


def engine_models(found: Iterable[VersionEngines]) -> tuple[EngineModelView, ...]:
    """Return the views of the models whose versions have engines."""
    of_models: dict[str, list[VersionEngines]] = {}
    for one in found:
        of_models.setdefault(one.model_id, []).append(one)
    return tuple(
        EngineModelView(
            identifier=model_id,
            model_id=model_id,
            name=those[0].model_name,
            versions=tuple(one.version for one in those),
            minimum_processing_engines_sum=sum(one.minimum for one in those),
            ready=sum(one.counts.ready for one in those),
        )
        for model_id, those in of_models.items()
    )


def sample(text: str) -> Any:
    """Return an example as JSON; of a text that holds JSON, what it holds."""
    found = json.loads(text)
    if isinstance(found, str):
        try:
            return json.loads(found)
        except ValueError:
            return found
    return found
