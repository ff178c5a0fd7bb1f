"""Versions: create, read, list, promote, delete."""

from __future__ import annotations

from assay.features.models.model import NewVersion, Version
from assay.features.models.versions_store import Versions
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.records import replace


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
        if_absent: bool = False,
        request_id: str | None = None,
    ) -> Version:
        """Create a version, or return the one that the same request made before.

        With `if_absent` a version of the model that has the id is returned as it is.

        Raises:
            NotFound: no such model.
            AlreadyExists: the id is taken.
            RequestIdReused: the request_id came before with another body.
        """
        request = CreateRequest(
            method="CreateVersion",
            request_id=request_id,
            # Who repeats a request does not matter: keys are changed between retries.
            body={"model_id": model_id, "version": replace(new, created_by="")},
        )
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                request,
                make=lambda: uow[Versions].create(
                    organization_id, model_id, new, if_absent=if_absent
                ),
                again=lambda key: uow[Versions].get(organization_id, model_id, key),
                key_of=lambda made: made.version_id,
            )

    def get(self, organization_id: str, model_id: str, version_id: str) -> Version:
        """Return one version; raises NotFound."""
        with self._store.read() as uow:
            return uow[Versions].get(organization_id, model_id, version_id)

    def list(self, organization_id: str, model_id: str, size: int, token: str) -> Listing[Version]:
        """Return a page of a model's versions, newest first; raises NotFound."""
        scope = self._store.scope(f"versions/{organization_id}/{model_id}")
        with self._store.read() as uow:
            page = uow[Versions].list(
                organization_id, model_id, limit=page_size(size), after=cursor(token, scope)
            )
        return listing(page, scope, lambda version: version)

    def delete(
        self, organization_id: str, model_id: str, version_id: str, *, cascade: bool
    ) -> None:
        """Delete a version, with `cascade` its evaluations too.

        Raises:
            NotFound: the model or the version is absent.
            ResourceInUse: it is promoted, or has evaluations that must stay.
        """
        with self._store.write() as uow:
            uow[Versions].delete(organization_id, model_id, version_id, cascade=cascade)

    def promote(
        self, organization_id: str, model_id: str, version_id: str, *, promoted_by: str
    ) -> Version:
        """Serve this version by default from now on, and demote the former.

        Raises:
            NotFound: the model or the version is absent.
            VersionNotReady: the version is not ready.
        """
        with self._store.write() as uow:
            return uow[Versions].promote(
                organization_id, model_id, version_id, promoted_by=promoted_by
            )
