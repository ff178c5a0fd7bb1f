"""The catalogue: models found, versions read and described, examples of their jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.store import VersionArtifacts
from assay.features.catalogue.card import StoredCard
from assay.features.catalogue.engines_service import changed_engines, maximum_of
from assay.features.catalogue.model import Declaration
from assay.features.catalogue.samples import Example, neutral_example
from assay.features.catalogue.similarity import holds, similar
from assay.features.catalogue.store import Catalogue, Listed, Tagged
from assay.features.models.model import Model, TaskType, Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.cache import BoundedCache
from assay.kernel.errors import AssayError, InvalidArgument, VersionNotReady, clip
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.executors.worker import RemoteError
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.kernel import Kernel, Limits
from assay.kernel.rpc.numbered_pages import NumberedPage
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, encode, encode_text, replace

MOST_RELATED = 100  # models that are told
SAMPLE = "sample"  # the name of the input of an example
MOST_EXAMPLES = 64  # that are remembered
# For which an example is waited for: processes that are busy must not keep a version from being read.
EXAMPLE_SECONDS = 10.0


class ModelQuery(Record):
    """What models are asked for; None and empty: any."""

    model_id: str = ""
    author: str = ""
    created_by: str = ""
    name: str = ""
    description: str = ""
    is_active: bool | None = None
    has_none: bool = False  # asks for what no model is, such as expired
    active_since: datetime | None = None
    sort_by: tuple[tuple[str, bool], ...] = ()  # keys of SORTS, and whether each descends


# What models are sorted by; those by which all are equal leave the order as it is.
SORTS: Mapping[str, Callable[[Listed], Any]] = {
    "modelId": lambda one: one.model_id,
    "author": lambda _: 0,
    "createdByEmail": lambda one: one.created_by,
    "submittedByEmail": lambda one: one.created_by,
    "name": lambda one: one.name.casefold(),
    "isExpired": lambda _: 0,
    "isActive": lambda one: one.is_active,
    "latestVersion": lambda one: one.latest,
    "isRecommended": lambda _: 0,
    "lastActiveDateTime": lambda one: one.last_active,
    "expirationDateTime": lambda _: 0,
}


@dataclass(frozen=True, kw_only=True)
class CatalogueModel:
    """A model with its versions."""

    model: Model
    versions: tuple[Version, ...]  # newest first

    @property
    def ready(self) -> tuple[Version, ...]:
        """Those that can be run, newest first."""
        return tuple(one for one in self.versions if one.status is VersionStatus.READY)

    @property
    def explains(self) -> bool:
        """Whether jobs can tell what predictions rest on."""
        return bool(self.ready) and self.model.task_type is not TaskType.EXTRACTION

    @property
    def last_active(self) -> datetime:
        """When it was last changed, or a version became ready."""
        trained = [one.trained_at for one in self.versions if one.trained_at is not None]
        return max([self.model.updated_at, *trained])


@dataclass(frozen=True, kw_only=True)
class CatalogueVersion:
    """A version with all that is said of it."""

    of: CatalogueModel
    version: Version
    card: StoredCard
    artifact: Artifact | None
    declaration: Declaration
    sample_input: str | None  # JSON, as it was set; None: nothing was
    sample_output: str | None
    maximum_engines: int  # that may work on it at a time


@dataclass(frozen=True, kw_only=True)
class VersionChange:
    """What to change of a version; None leaves it as it is."""

    minimum_engines: int | None = None
    maximum_engines: int | None = None
    status: str | None = None
    card: Mapping[str, Any] = field(default_factory=dict)  # fields of VersionCard


class CatalogueReader:
    """The catalogue of an organization."""

    def __init__(self, kernel: Kernel) -> None:
        self._store, self._blobs, self._limits = kernel.store, kernel.blobs, kernel.limits
        self._compute = kernel.compute
        self._examples = BoundedCache(MOST_EXAMPLES)  # by organization and artifact
        self._begun: dict[tuple[str, bytes], asyncio.Future[Example | None]] = {}

    def search(
        self, organization_id: str, query: ModelQuery, page: NumberedPage
    ) -> tuple[list[CatalogueModel], bool]:
        """Return a page of the models that a query asks for, and whether more follow."""
        with self._store.read() as uow:
            found = _chosen(uow, organization_id, query)
            shown = found[page.offset : page.offset + page.size]
            models = _in_full(uow, organization_id, [one.model_id for one in shown])
            return models, page.offset + page.size < len(found)

    def get(self, organization_id: str, model_id: str) -> CatalogueModel:
        """Return one model; raises NotFound."""
        with self._store.read() as uow:
            return _catalogue_model(uow, organization_id, model_id)

    def version(self, organization_id: str, model_id: str, text: str) -> CatalogueVersion:
        """Return the version that a caller calls `text`; raises NotFound."""
        with self._store.read() as uow:
            found = uow[Versions].find(organization_id, model_id, text)
            return _catalogue_version(uow, found, self._limits)

    def change(
        self, organization_id: str, model_id: str, text: str, change: VersionChange
    ) -> CatalogueVersion:
        """Change what is said of a version, or how many engines it has.

        Raises:
            NotFound: there is no such model or version.
            InvalidArgument: a value is wrong, or more engines are asked for than can be reached.
            VersionNotReady: it is to be active, or to have engines, and is not ready.
            FailedPrecondition: engines are asked for, and cannot be kept.
        """
        with self._store.write() as uow:
            found = uow[Versions].find(organization_id, model_id, text)
            if change.status is not None:
                _check_status(change.status, found)
            stored = uow[Catalogue].card(organization_id, model_id, found.version_id)
            changed = replace(stored, card=replace(stored.card, **change.card))
            if (change.minimum_engines, change.maximum_engines) != (None, None):
                changed = changed_engines(
                    uow,
                    found,
                    changed,
                    minimum=change.minimum_engines,
                    maximum=change.maximum_engines,
                    limits=self._limits,
                )
            if changed != stored:
                uow[Catalogue].put_card(organization_id, changed)
            return _catalogue_version(uow, found, self._limits)

    async def sample_input(self, organization_id: str, found: CatalogueVersion) -> str:
        """Return an example of a job of a version, as JSON."""
        if found.sample_input is not None:
            return found.sample_input
        return encode_text(_submission(found, await self._example(organization_id, found)))

    async def sample_output(self, organization_id: str, found: CatalogueVersion) -> str:
        """Return the results of that job, as JSON."""
        if found.sample_output is not None:
            return found.sample_output
        return encode_text(_results(found, await self._example(organization_id, found)))

    def related(self, organization_id: str, model_id: str) -> list[CatalogueModel]:
        """Return the models with a tag in common with one, most tags first; raises NotFound."""
        with self._store.read() as uow:
            mine = set(uow[Models].get(organization_id, model_id).tags)
            others = [
                one
                for one in uow[Catalogue].tagged(organization_id)
                if one.model_id != model_id and mine & set(one.tags)
            ]
            others.sort(key=lambda one: -len(mine & set(one.tags)))
            return _in_full(uow, organization_id, [one.model_id for one in others[:MOST_RELATED]])

    def tags(self, organization_id: str) -> list[str]:
        """Return the tags of all models, sorted."""
        with self._store.read() as uow:
            tagged = uow[Catalogue].tagged(organization_id)
        return sorted({tag for one in tagged for tag in one.tags})

    def tagged(self, organization_id: str, wanted: Iterable[str]) -> tuple[list[str], list[Tagged]]:
        """Return those of some tags that models have, and these models."""
        asked = list(dict.fromkeys(wanted))
        with self._store.read() as uow:
            found = uow[Catalogue].tagged(organization_id)
        models = [one for one in found if set(asked) & set(one.tags)]
        known = {tag for one in models for tag in one.tags}
        return [tag for tag in asked if tag in known], models

    async def _example(self, organization_id: str, found: CatalogueVersion) -> Example | None:
        """Return the example of what a version runs; None where there is none, or not in time."""
        if found.artifact is None:
            return None
        key = organization_id, encode(found.artifact)
        known: Example | None = self._examples.peek(key)
        if known is not None:
            return known
        begun = self._begun.get(key)
        if begun is None:
            begun = asyncio.ensure_future(self._made(*key, found.artifact))
            self._begun[key] = begun
            begun.add_done_callback(lambda _: self._begun.pop(key, None))
        try:
            # It is made to its end whoever goes away, and is there the next time.
            return await asyncio.wait_for(asyncio.shield(begun), EXAMPLE_SECONDS)
        except TimeoutError:
            return None

    async def _made(self, organization_id: str, key: bytes, artifact: Artifact) -> Example | None:
        context = ComputeContext(blobs=JobBlobs(self._blobs, organization_id))
        try:
            made = await self._compute.run(neutral_example, context, artifact)
        except (AssayError, RemoteError):  # it cannot run, which its jobs say; it is told without
            return None
        self._examples.get((organization_id, key), lambda: (made, 1))
        return made


def _check_status(status: str, version: Version) -> None:
    if status.lower() != "active":
        raise InvalidArgument.of("status", f"'{clip(status)}' was sent; active is allowed")
    if version.status is not VersionStatus.READY:
        raise VersionNotReady(
            f"The version '{version.version_id}' is {version.status}; only a ready version is "
            "active. Train it, or upload what it runs.",
            metadata={"version_id": version.version_id, "status": version.status},
        )


def _chosen(uow: UnitOfWork, organization_id: str, query: ModelQuery) -> list[Listed]:
    """Return the models that a query asks for, in its order."""
    if query.has_none or (query.author and not holds(query.author, organization_id)):
        return []
    found = [one for one in uow[Catalogue].models(organization_id) if _meets(query, one)]
    if query.description:
        texts = uow[Catalogue].descriptions(organization_id)
        found = [one for one in found if holds(query.description, texts.get(one.model_id, ""))]
    found.sort(key=lambda one: (one.created_at, one.model_id), reverse=True)
    if query.name:
        scores = _similar(query.name, {one.model_id: one.name for one in found})
        found = [one for one in found if one.model_id in scores]
        found.sort(key=lambda one: -scores[one.model_id])
    for name, descends in reversed(query.sort_by):
        found.sort(key=SORTS[name], reverse=descends)
    return found


def _similar(asked: str, names: Mapping[str, str]) -> Mapping[str, float]:
    """Return how similar names are to what is asked for; commas divide alternatives.

    A name that has a comma of its own is found as a whole.
    """
    scores: dict[str, float] = {}
    for one in dict.fromkeys([asked, *asked.split(",")]):
        for key, score in similar(one, names).items():
            scores[key] = max(score, scores.get(key, 0.0))
    return scores


def _meets(query: ModelQuery, one: Listed) -> bool:
    return (
        (not query.model_id or one.model_id in query.model_id.split(","))
        and (not query.created_by or holds(query.created_by, one.created_by))
        and (query.is_active is None or one.is_active == query.is_active)
        and (query.active_since is None or one.last_active >= query.active_since)
    )


def _in_full(uow: UnitOfWork, organization_id: str, model_ids: list[str]) -> list[CatalogueModel]:
    models = uow[Models].get_many(organization_id, model_ids)
    versions = uow[Catalogue].versions(organization_id, model_ids)
    return [
        CatalogueModel(model=models[model_id], versions=versions[model_id])
        for model_id in model_ids
    ]


def _catalogue_model(uow: UnitOfWork, organization_id: str, model_id: str) -> CatalogueModel:
    uow[Models].get(organization_id, model_id)
    (found,) = _in_full(uow, organization_id, [model_id])
    return found


def _catalogue_version(uow: UnitOfWork, version: Version, limits: Limits) -> CatalogueVersion:
    key = version.organization_id, version.model_id, version.version_id
    card = uow[Catalogue].card(*key)
    artifact = uow[VersionArtifacts].find(*key)
    sample_input, sample_output = uow[Models].samples(*key[:2])
    return CatalogueVersion(
        of=_catalogue_model(uow, *key[:2]),
        version=version,
        card=card,
        artifact=None if artifact is None else artifact.artifact,
        declaration=uow[Catalogue].declaration(*key),
        sample_input=card.card.sample_input or sample_input,
        sample_output=card.card.sample_output or sample_output,
        maximum_engines=maximum_of(card, limits),
    )


def _submission(found: CatalogueVersion, example: Example | None) -> dict[str, Any]:
    """Return the body that submits a job of an example; of several inputs each has the same."""
    content = "" if example is None else example.content
    is_embedded = example is not None and example.is_embedded
    return {
        "model": {"identifier": found.version.model_id, "version": found.version.shown},
        "explain": False,
        "input": {
            "type": "embedded" if is_embedded else "text",
            "sources": {SAMPLE: {one.name: content for one in found.declaration.inputs}},
        },
    }


def _results(found: CatalogueVersion, example: Example | None) -> dict[str, Any]:
    """Return the results of that job."""
    results: dict[str, Any] = {}
    if example is not None:
        name = found.declaration.outputs[0].name
        results[SAMPLE] = {"status": "SUCCESSFUL", name: json.loads(json.dumps(example.output))}
    return {
        "jobIdentifier": SAMPLE,
        "total": 1,
        "completed": len(results),
        "failed": 0,
        "finished": True,
        "submittedByKey": "",
        "explained": False,
        "results": results,
        "failures": {},
    }
