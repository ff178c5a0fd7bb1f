"""Versions: create, read, list, promote, delete."""

from __future__ import annotations

from collections.abc import Callable

from assay.features.models.model import NewVersion, Version
from assay.features.models.versions_store import Versions
from assay.features.remote.model import RemoteCredentials
from assay.features.remote.service import RemoteEndpoints
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace


class VersionUseCases:
    """The versions of a model."""

    def __init__(self, store: Store, endpoints: RemoteEndpoints) -> None:
        self._store = store
        self._endpoints = endpoints

    def create(
        self,
        organization_id: str,
        model_id: str,
        new: NewVersion,
        *,
        credentials: RemoteCredentials | None = None,
        if_absent: bool = False,
        request_id: str | None = None,
    ) -> Version:
        """Create a version, or return the one that the same request made before.

        With `if_absent` a version of the model that has the id is returned as it is. `credentials`
        are those of what it calls, if it does.

        Raises:
            NotFound: no such model.
            InvalidArgument: what it calls cannot be a version of this model.
            AddressNotAllowed: what it calls may not be reached.
            AlreadyExists: the id is taken.
            RequestIdReused: the request_id came before with another body.
        """
        request = CreateRequest(
            method="CreateVersion",
            request_id=request_id,
            # Who repeats a request does not matter: keys are changed between retries.
            body={
                "model_id": model_id,
                "version": replace(new, created_by=""),
                "credentials": credentials,
            },
        )
        make = self._maker(organization_id, model_id, new, credentials, if_absent=if_absent)
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                request,
                make=lambda: make(uow),
                again=lambda key: uow[Versions].get(organization_id, model_id, key),
                key_of=lambda made: made.version_id,
            )

    def _maker(
        self,
        organization_id: str,
        model_id: str,
        new: NewVersion,
        credentials: RemoteCredentials | None,
        *,
        if_absent: bool,
    ) -> Callable[[UnitOfWork], Version]:
        """Return what makes the version; what it calls is looked at before the store is held."""
        remote = new.remote
        if remote is None:
            return lambda uow: uow[Versions].create(
                organization_id, model_id, new, if_absent=if_absent
            )
        sealed = self._endpoints.sealed(remote, credentials or RemoteCredentials())
        return lambda uow: uow[Versions].create_remote(
            organization_id, model_id, new, remote, sealed, if_absent=if_absent
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
