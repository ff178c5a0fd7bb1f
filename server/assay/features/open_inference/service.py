"""Use cases of the Open Inference Protocol: versions as models, and their predictions."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.model import Model as ModelRow
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.features.open_inference.batching import Batches
from assay.features.open_inference.layout import Layouts
from assay.features.open_inference.light_models import (
    LIGHT_NUMBERS,
    light_answers,
    light_model,
)
from assay.features.open_inference.model import (
    InferRequest,
    Layout,
    RequestRows,
    Signature,
)
from assay.features.open_inference.prediction import (
    Answer,
    predict_requests,
    signature_of,
    tensors_of,
)
from assay.kernel.errors import InvalidArgument, NotFound, Unavailable
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.kernel import Compute, Kernel
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.model import Model
from assay.records import encode

# A look at the store costs as much as the rest of a call. What this process commits counts at once.
FRESH_SECONDS: Final = 0.05
MAX_FOUND: Final = 1_024  # names of versions whose meaning is remembered
MAX_SIGNATURES: Final = 256
MAX_VERSIONS: Final = 100  # that metadata list


@dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """A version that can be called; itself alone is equal to it."""

    organization_id: str
    version_id: str
    artifact: Artifact
    signature: Signature
    layouts: Layouts
    light: Model | None  # that predicts rows of numbers in no time; None: in compute children alone


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """The answer to a request."""

    served: Served
    layout: Layout
    rows: int
    contents: tuple[bytes, ...]  # of each output, as the layout has them


class OpenInference:
    """Versions under the names that callers use, each opened once; for one event loop."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._batches: Batches[RequestRows, tuple[bytes, ...]] = Batches()
        self._check: asyncio.Future[bool] | None = None  # that is under way
        self._token: object = None  # state of the store for which `_found` holds
        self._look_at = 0.0  # monotonic seconds; when to look whether another process committed
        kernel.store.on_commit(lambda _: self._look_now())
        self._found: dict[tuple[str, str, str], asyncio.Future[Served]] = {}
        self._served: OrderedDict[tuple[str, str, str, bytes], Served] = OrderedDict()

    async def is_serving(self) -> bool:
        """Say whether the store answers; all who ask at once are told what one look found."""
        if self._check is None or self._check.done():
            self._check = asyncio.ensure_future(self._checked())
        return await asyncio.shield(self._check)

    async def _checked(self) -> bool:
        try:
            await self._kernel.run_in_thread(self._kernel.store.check)
        except Unavailable:
            return False
        return True

    async def infer(self, organization_id: str, request: InferRequest) -> Inferred:
        """Return the predictions of the rows of a request.

        Raises:
            NotFound: no such model or version.
            InvalidArgument: tensors are not those of the version, or nothing can be predicted of
                a row.
            FailedPrecondition: the version runs nothing.
        """
        served = await self.served(organization_id, request.model, request.version)
        if not request.tensors:
            raise InvalidArgument.of("inputs", "none were sent; the rows to predict are needed")
        layout, rows = served.layouts.read(request)
        contents = await self._batches.run(
            (id(served), id(layout)),  # alive as long as anybody waits for them
            rows,
            owner=organization_id,
            rows=rows.rows,
            size=rows.size,
            compute=partial(self._predict, served, layout),
        )
        return Inferred(served=served, layout=layout, rows=rows.rows, contents=contents)

    def is_ready(self, organization_id: str, model: str, version: str) -> bool:
        """Say whether a version can be called; NotFound where it is not there."""
        with self._kernel.store.read() as uow:
            found = _model(uow, organization_id, model)
            try:
                chosen = uow[Versions].find(organization_id, found.model_id, version)
            except NotFound:
                if version:
                    raise
                return False  # none is ready
            runs = uow[VersionArtifacts].find(organization_id, found.model_id, chosen.version_id)
            return runs is not None and chosen.status is VersionStatus.READY

    def versions(self, organization_id: str, model: str) -> list[str]:
        """Return the ids of a model's ready versions, the newest first."""
        with self._kernel.store.read() as uow:
            found = _model(uow, organization_id, model)
            page = uow[Versions].list(
                organization_id, found.model_id, limit=MAX_VERSIONS, status=VersionStatus.READY
            )
            return [one.version_id for one in page.items]

    async def served(self, organization_id: str, model: str, version: str) -> Served:
        """Return the version of these names; it is found anew when anything was committed."""
        if self._kernel.clock.monotonic() >= self._look_at or len(self._found) >= MAX_FOUND:
            self._look()
        key = organization_id, model, version
        found = self._found.get(key)
        if found is None:
            found = asyncio.ensure_future(self._find(*key))
            self._found[key] = found
            found.add_done_callback(partial(self._forget_failed, key))
        if found.done():
            return found.result()
        # Others may wait for the same.
        return await asyncio.shield(found)

    def _look_now(self) -> None:
        self._look_at = 0.0

    def _look(self) -> None:
        """Forget what names meant where anything was committed since."""
        self._look_at = self._kernel.clock.monotonic() + FRESH_SECONDS
        token = self._kernel.store.changes.token()
        if token != self._token or len(self._found) >= MAX_FOUND:
            self._token, self._found = token, {}

    def _forget_failed(self, key: tuple[str, str, str], found: asyncio.Future[Served]) -> None:
        if (found.cancelled() or found.exception()) and self._found.get(key) is found:
            del self._found[key]

    async def _find(self, organization_id: str, model: str, version: str) -> Served:
        found = await self._kernel.run_in_thread(
            lambda: self._artifact(organization_id, model, version)
        )
        model_id, version_id, artifact = found
        key = organization_id, model_id, version_id, encode(artifact)
        known = self._served.get(key)
        if known is None:
            context = self._context(organization_id)
            light = await self._kernel.run_in_thread(partial(light_model, context, artifact))
            if light is None:
                signature = await self._compute(artifact).run(signature_of, context, artifact)
            else:
                signature = tensors_of(light)
            known = Served(
                organization_id=organization_id,
                version_id=version_id,
                artifact=artifact,
                signature=signature,
                layouts=Layouts(signature),
                light=light,
            )
            known = self._served.setdefault(key, known)
        self._served.move_to_end(key)
        while len(self._served) > MAX_SIGNATURES:
            self._served.popitem(last=False)
        return known

    def _artifact(
        self, organization_id: str, model: str, version: str
    ) -> tuple[str, str, Artifact]:
        with self._kernel.store.read() as uow:
            found = _model(uow, organization_id, model)
            chosen = uow[Versions].find(organization_id, found.model_id, version)
            runs = uow[VersionArtifacts].of(found, chosen.version_id)
            return found.model_id, chosen.version_id, runs.artifact

    async def _predict(
        self, served: Served, layout: Layout, requests: Sequence[RequestRows]
    ) -> list[Answer]:
        numbers = sum(one.rows for one in requests) * len(served.signature.features)
        if served.light is not None and not layout.is_typed and numbers <= LIGHT_NUMBERS:
            return await self._kernel.run_in_thread(
                partial(light_answers, served.light, layout, requests)
            )
        context = self._context(served.organization_id)
        compute = self._compute(served.artifact)
        return await compute.run(predict_requests, context, served.artifact, layout, requests)

    def _compute(self, artifact: Artifact) -> Compute:
        return self._kernel.network if artifact.waits else self._kernel.compute

    def _context(self, organization_id: str) -> ComputeContext:
        return ComputeContext(
            blobs=JobBlobs(self._kernel.blobs, organization_id),
            settings=self._kernel.compute_settings,
        )


def _model(uow: UnitOfWork, organization_id: str, name: str) -> ModelRow:
    """Return the model of an id, or of a project path."""
    try:
        return uow[Models].get(organization_id, name)
    except NotFound:
        try:
            return uow[Models].by_path(organization_id, name)
        except NotFound:
            pass
        raise
