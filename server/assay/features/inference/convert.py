"""Inference jobs on the wire, and the requests for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from google.protobuf import struct_pb2

from assay.features.inference.model import (
    STORAGES,
    InferenceJob,
    InputType,
    ItemForm,
    check_count,
)
from assay.features.inference.opened_service import Chunk, ReceivedInput, Span
from assay.features.inference.submission_service import InferenceRequest, SentInput, SentItem
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.file_formats import file_format
from assay.kernel.object_storage import ObjectLocation, StorageAccess
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of
from assay.kernel.rpc.multipart import file_of
from assay.kernel.rpc.uploads import file_parts
from assay.kernel.text import MAX_TEXT, check_text
from assay.v1 import inference_job_pb2
from assay.v1 import inference_job_service_pb2 as pb

FORMS = {
    InputType.TEXT: ItemForm.TEXT,
    InputType.EMBEDDED: ItemForm.DATA_URI,
    **dict.fromkeys(STORAGES, ItemForm.FILE),
}
OF_STORAGES = ("access_key_id", "secret_access_key", "session_token", "region", "endpoint")
NOT_SERVED = "Send files in chunks: open a job without input, and send them to it"
UNREAD = {
    "jdbc": "Databases are not read: open a job without input, and send its rows as Arrow, Parquet, "
    "CSV or JSON Lines to /api/jobs/{job}/rows",
    "azureblob": "Storage of Azure is not read: use one that speaks the S3 protocol, or open a job "
    "without input, and send files to it in chunks",
}
OF_UNREAD = (
    *("url", "username", "password", "driver", "query"),
    *("storage_account", "storage_account_key"),
)
_KINDS = {
    "null": "null",
    "number": "a number",
    "bool": "true or false",
    "struct": "an object",
    "list": "a list",
}
_FORMS = {"text": ItemForm.TEXT, "data": ItemForm.FILE, "data_uri": ItemForm.DATA_URI}


def request(sent: pb.SubmitInferenceJobRequest, call: Call) -> InferenceRequest:
    """Return what a caller asks for."""
    if not sent.model.identifier:
        raise InvalidArgument.of("model.identifier", "is required, but absent or empty")
    for name in ("identifier", "version"):
        check_text(f"model.{name}", getattr(sent.model, name), 0, MAX_TEXT)
    if sent.HasField("input") and sent.inputs:
        raise InvalidArgument.of("inputs", "is given beside input; only one is allowed")
    input_type: InputType | None = None
    inputs: tuple[SentInput, ...] = ()
    storage: StorageAccess | None = None
    if sent.HasField("input"):
        input_type, inputs = _sources(sent.input)
        storage = _storage(sent.input, input_type)
    elif sent.inputs:
        check_count("inputs", len(sent.inputs))
        input_type, inputs = InputType.FILE, tuple(map(_typed, sent.inputs))
    return InferenceRequest(
        model_id=sent.model.identifier,
        version=sent.model.version,
        explain=sent.explain,
        timeout_ms=sent.timeout,
        input_type=input_type,
        inputs=inputs,
        storage=storage,
        request_id=call.idempotency_key(sent.request_id),
        submitted_by=call.caller.subject,
        key_prefix=call.caller.key_prefix,
    )


def inference_job(job: InferenceJob) -> inference_job_pb2.InferenceJob:
    """Return a job as a message."""
    return message_of(
        inference_job_pb2.InferenceJob,
        job,
        times=values.instant,
        input_type=job.input_type.value,
    )


def chunk(
    first: pb.AddInferenceInputRequest,
    rest: AsyncIterator[pb.AddInferenceInputRequest],
    call: Call,
) -> Chunk:
    """Return a chunk whose bytes are still to come."""
    return Chunk(
        input_name=first.input_name,
        item_name=first.item_name,
        pieces=file_of(
            first.file.content_type or call.metadata.get("content-type", ""),
            call.metadata.get("content-encoding", ""),
            file_parts(first, rest, "job_id"),
        ),
        span=Span.parse(call.metadata.get("content-range", "")),
    )


def rows_format(first: pb.AddInferenceRowsRequest, call: Call) -> str:
    """Return the format of a file of rows; raises BadContentType for one that is not read."""
    return file_format(first.file.content_type or call.metadata.get("content-type", ""))


def received_input(received: ReceivedInput) -> inference_job_pb2.ReceivedInferenceInput:
    """Return what has come of an input as a message."""
    return message_of(inference_job_pb2.ReceivedInferenceInput, received)


def _sources(
    sent: inference_job_pb2.InferenceSources,
) -> tuple[InputType, tuple[SentInput, ...]]:
    try:
        input_type = InputType(sent.type)
        form = FORMS[input_type]
    except (ValueError, KeyError):
        allowed = ", ".join(FORMS)
        raise InvalidArgument.of(
            "input.type",
            f"'{clip(sent.type)}' was sent; {allowed} are allowed. "
            f"{UNREAD.get(sent.type, NOT_SERVED)}",
        ) from None
    for name in OF_UNREAD:
        if getattr(sent, name):
            raise InvalidArgument.of(
                f"input.{name}", f"is of {' or '.join(UNREAD)}, and the type is '{input_type}'"
            )
    check_count("input.sources", len(sent.sources))  # before each of them is converted
    places = {name: place for place, name in enumerate(sent.names)}
    names = sorted(sent.sources, key=lambda name: (places.get(name, len(places)), name))
    return input_type, tuple(
        SentInput(name=name, items=tuple(_items(name, sent.sources[name].fields, form)))
        for name in names
    )


def _items(name: str, sent: Mapping[str, struct_pb2.Value], form: ItemForm) -> Iterable[SentItem]:
    for item, value in sorted(sent.items()):
        if form is not ItemForm.FILE and value.WhichOneof("kind") == "string_value":
            yield SentItem(name=item, form=form, data=value.string_value.encode())
            continue
        field = f"input.sources['{clip(name, 40)}']['{clip(item, 40)}']"
        if form is not ItemForm.FILE:
            sent_kind = (value.WhichOneof("kind") or "null_value").removesuffix("_value")
            raise InvalidArgument.of(field, f"{_KINDS[sent_kind]} was sent; a text is allowed")
        yield SentItem(name=item, form=form, data=b"", location=_location(field, value))


def _location(field: str, value: struct_pb2.Value) -> ObjectLocation:
    sent = value.struct_value.fields
    texts = {name: one.string_value for name, one in sent.items() if one.HasField("string_value")}
    if set(texts) != {"bucket", "key"} or len(sent) != 2:
        raise InvalidArgument.of(field, 'an object {"bucket", "key"} of two texts is allowed')
    try:
        return ObjectLocation(**texts)
    except InvalidArgument as error:
        raise InvalidArgument.of(
            f"{field}.{error.metadata['field']}", _description(error)
        ) from None


def _storage(
    sent: inference_job_pb2.InferenceSources, input_type: InputType
) -> StorageAccess | None:
    given = {name: getattr(sent, name) for name in OF_STORAGES if getattr(sent, name)}
    if input_type not in STORAGES:
        for name in given:
            raise InvalidArgument.of(
                f"input.{name}", f"is of a storage, and the type is '{input_type}'"
            )
        return None
    if input_type is InputType.STORAGE_GRID and not sent.endpoint:
        raise InvalidArgument.of("input.endpoint", "is required of a storage-grid")
    try:
        return StorageAccess(**{"access_key_id": "", "secret_access_key": "", **given})
    except InvalidArgument as error:
        raise InvalidArgument.of(f"input.{error.metadata['field']}", _description(error)) from None


def _description(error: InvalidArgument) -> str:
    return error.violations[0].description


def _typed(sent: inference_job_pb2.NewInferenceInput) -> SentInput:
    return SentInput(
        name=sent.name,
        items=tuple(
            _typed_item(sent.name, name, item) for name, item in sorted(sent.items.items())
        ),
    )


def _typed_item(input_name: str, name: str, sent: inference_job_pb2.InferenceItem) -> SentItem:
    kind = sent.WhichOneof("content")
    if kind is None:
        raise InvalidArgument.of(
            f"inputs['{clip(input_name, 40)}']['{clip(name, 40)}']",
            "has no content: send text, data or data_uri",
        )
    content = getattr(sent, kind)
    return SentItem(
        name=name,
        form=_FORMS[kind],
        data=content if isinstance(content, bytes) else content.encode(),
        media_type=sent.media_type,
    )
