"""Versions: create, read, list, compare, promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.features.comparisons.service import Paired, paired
from assay.features.evaluations.store import Evaluations
from assay.features.imports.name_lookup import version_under
from assay.features.models.model import NewVersion, Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.idempotency import Once, once
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two versions of one model and how they differ."""

    version_a: Version  # the base
    version_b: Version  # what is compared with it
    metric_deltas: Mapping[str, float]  # b - a, for each metric that both have
    config_diff: Mapping[str, tuple[Any, Any]]  # setting → (in a, in b), where they differ
    comparable: bool  # False: measured by different metric definitions
    paired: Paired  # tests of the two on the same rows


class VersionUseCases:
    """The versions of a model."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        organization_id: str,
        model_id: str,
        new: NewVersion,
        *,
        request_id: str | None = None,
    ) -> Version:
        """Create a version, or return the one that the same request made before.

        Raises:
            NotFound: no such model.
            AlreadyExists: the id is taken.
            RequestIdReused: the request_id came before with another body.
        """
        request = Once(
            method="CreateVersion",
            request_id=request_id,
            # Who repeats a request does not matter: keys are changed between retries.
            body={"model_id": model_id, "version": replace(new, created_by="")},
        )
        with self._store.write() as uow:
            return once(
                uow,
                organization_id,
                request,
                make=lambda: uow[Versions].create(organization_id, model_id, new),
                again=lambda key: uow[Versions].get(organization_id, key),
                key_of=lambda made: made.version_id,
            )

    def get(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Return one version; raises NotFound."""
        with self._store.read() as uow:
            return version_under(uow, organization_id, model_id, version_id)

    def list(self, organization_id: str, model_id: str, size: int, token: str) -> Listing[Version]:
        """Return a page of a model's versions, newest first; raises NotFound."""
        scope = self._store.scope(f"versions/{organization_id}/{model_id}")
        with self._store.read() as uow:
            page = uow[Versions].list(
                organization_id, model_id, limit=page_size(size), after=cursor(token, scope)
            )
        return listing(page, scope, lambda version: version)

    def compare(
        self, organization_id: str, model_id: str, version_a: str, version_b: str
    ) -> Comparison:
        """Compare two versions by their newest test evaluations and their settings.

        Raises:
            NotFound: the model or a version is absent.
            VersionOfAnotherModel: a version exists under another model.
        """
        with self._store.read() as uow:
            uow[Models].get(organization_id, model_id)
            a = uow[Versions].get_of(organization_id, model_id, version_a)
            b = uow[Versions].get_of(organization_id, model_id, version_b)
            tests = paired(uow, a, b)
            hashes = {_spec_hash(uow, version) for version in (a, b)} - {None}
        return Comparison(
            version_a=a,
            version_b=b,
            metric_deltas={
                name: b.metrics[name] - value
                for name, value in a.metrics.items()
                if name in b.metrics
            },
            config_diff=_differences(a.hyperparameters, b.hyperparameters),
            comparable=len(hashes) < 2,
            paired=tests,
        )

    def promote(
        self, organization_id: str, model_id: str, version_id: str, *, promoted_by: str
    ) -> Version:
        """Serve this version by default from now on, and demote the former.

        Raises:
            NotFound: the model or the version is absent.
            VersionNotReady: the version is not ready.
        """
        with self._store.write() as uow:
            version_under(uow, organization_id, model_id, version_id)
            return uow[Versions].promote(
                organization_id, model_id, version_id, promoted_by=promoted_by
            )


def _spec_hash(uow: UnitOfWork, version: Version) -> str | None:
    current = uow[Evaluations].current(version.organization_id, version.version_id, "test")
    return None if current is None or current.result is None else current.result.spec_hash


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (a.get(name), b.get(name))
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name) or (name in a) != (name in b)
    }
