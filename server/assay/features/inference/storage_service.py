"""Inputs in storages of objects: the storage is checked, and folders become the objects in them."""

from __future__ import annotations

from collections.abc import Iterator

from assay.features.inference.model import MAX_INPUTS, InputType, ItemForm
from assay.features.inference.submission_service import InferenceRequest, SentInput, SentItem
from assay.kernel.errors import InvalidArgument, TooLarge, clip
from assay.kernel.kernel import Kernel
from assay.kernel.object_listing import StoredObject
from assay.kernel.object_storage import (
    ObjectLocation,
    ObjectStorage,
    Patience,
    StorageAccess,
    list_folders,
)
from assay.records import replace

MAX_FOLDERS = 10  # of one job
LIST_SECONDS = 15.0  # for all folders of a job, within the gateway's time for a write


class StorageInputs:
    """Looks into the storages that submissions name; async, as another machine is waited for."""

    def __init__(self, kernel: Kernel) -> None:
        self._network = kernel.network
        self._allowed = kernel.limits.remote_allow
        self._max_bytes = kernel.limits.max_file_bytes

    async def resolved(self, request: InferenceRequest) -> InferenceRequest:
        """Return a request whose folders are replaced by what is in them; others as they are.

        Raises:
            AddressNotAllowed: the storage is at an address that is not reached.
            InvalidArgument: a folder is empty, or an input has more than one.
            RemoteFailed: a folder cannot be listed.
            TooLarge: there are too many folders, objects or bytes.
        """
        storage = request.storage
        if storage is None:
            return request
        ObjectStorage(storage, allowed_networks=self._allowed).check()
        if request.input_type is not InputType.AWS_S3_FOLDER:
            return request
        folders = tuple(map(_folder, request.inputs))
        if len(folders) > MAX_FOLDERS:
            raise TooLarge(
                f"The job names {len(folders)} folders; at most {MAX_FOLDERS} are allowed. Submit "
                "several jobs.",
                metadata={"limit": MAX_FOLDERS, "sent": len(folders)},
            )
        listed = await self._listed(storage, folders)
        pairs = zip(request.inputs, folders, listed, strict=True)
        found = [one for each in pairs for one in _inputs_of(*each)]
        return replace(request, found=tuple(found))

    async def _listed(
        self, storage: StorageAccess, folders: tuple[ObjectLocation, ...]
    ) -> tuple[tuple[StoredObject, ...], ...]:
        listed = await self._network.run(
            list_folders,
            storage,
            folders,
            most=MAX_INPUTS,
            allowed_networks=self._allowed,
            patience=Patience(whole=LIST_SECONDS / max(len(folders), 1)),
        )
        size = sum(one.size for objects in listed for one in objects)
        if size > self._max_bytes:
            raise TooLarge(
                f"The folders hold {size} bytes; at most {self._max_bytes} are taken by one job.",
                metadata={"limit": self._max_bytes, "sent": size},
            )
        return listed


def _folder(one: SentInput) -> ObjectLocation:
    locations = [item.location for item in one.items if item.location is not None]
    if len(locations) != 1:
        raise InvalidArgument.of(
            f"input.sources['{clip(one.name, 40)}']",
            f"{len(one.items)} contents were sent; one folder is allowed, whose objects are inputs",
        )
    return locations[0]


def _inputs_of(
    one: SentInput, folder: ObjectLocation, objects: tuple[StoredObject, ...]
) -> Iterator[SentInput]:
    """Yield an input for each object, called by the folder's input and the rest of the key."""
    if not objects:
        raise InvalidArgument.of(
            f"input.sources['{clip(one.name, 40)}']",
            f"there is no object below '{clip(folder.key)}' in the bucket '{folder.bucket}'",
        )
    begin = len(folder.key.strip("/") + "/") if folder.key.strip("/") else 0
    for stored in objects:
        item = SentItem(
            name=one.items[0].name,
            form=ItemForm.FILE,
            data=b"",
            location=ObjectLocation(bucket=folder.bucket, key=stored.key),
        )
        yield SentInput(name=f"{one.name}/{stored.key[begin:]}", items=(item,))
