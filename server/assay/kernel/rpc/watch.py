"""The watch of any job in its three forms: a gRPC stream, Server-Sent Events and NDJSON.

What a kind's events and status look like follows from their payload classes alone; see
kernel.jobs.payloads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol
from weakref import ref

from google.api import httpbody_pb2
from google.protobuf import descriptor_pool, json_format, struct_pb2
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from assay.kernel.errors import InvalidArgument, PermissionDenied, clip
from assay.kernel.jobs.job import Event, StatusUpdate
from assay.kernel.jobs.kind import JobKind
from assay.kernel.jobs.payloads import KERNEL_PAYLOADS, Payload, Progress, StateChanged
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS, Batch, Watches
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.job_messages import state_changed
from assay.kernel.rpc.values import instant
from assay.records import convert
from assay.v1 import job_pb2, job_service_pb2

RETRY_MILLISECONDS = 3000  # after which a browser connects anew
_OF_EVERY_KIND: dict[str, type[Payload]] = {payload.name: payload for payload in KERNEL_PAYLOADS}


class WatchRequest(Protocol):
    """A request to watch a job, or what a job makes."""

    @property
    def after_sequence(self) -> int:
        """Only events after this one."""
        ...

    @property
    def bookmark_seconds(self) -> float:
        """Seconds between bookmarks of a quiet stream; 0: the default."""
        ...


class JobWatch:
    """Watches of jobs of the caller's organization."""

    def __init__(self, watches: Watches) -> None:
        """Take the watches. Raises KeyError for a payload whose message the contract lacks."""
        self._watches = watches
        self._payloads = PayloadMessages(watches.kinds.values())
        self._encoded = _Encoded()

    async def messages(
        self, call: Call, job_id: str, request: WatchRequest
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job as messages WatchJobResponse, encoded."""
        async with aclosing(self._batches(call, job_id, request)) as batches:
            async for batch in batches:
                yield self._encoded.get(batch, self._as_message)

    async def events(
        self, call: Call, job_id: str, request: WatchRequest
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job as Server-Sent Events; Last-Event-ID wins over the request's sequence.

        A stream that is resumed after the terminal event is answered 204.
        """
        after = resume_point(call, request.after_sequence)
        call.headers["cache-control"] = "no-cache"
        is_first = True
        async with aclosing(self._batches(call, job_id, request, after)) as batches:
            async for batch in batches:
                if batch.is_last and not batch.events:
                    # The caller has the terminal event. A browser connects anew whenever a stream
                    # ends; this alone tells it that nothing more comes.
                    call.respond(204)
                    yield event_stream(b"").SerializeToString()
                    return
                if is_first:
                    yield event_stream(b"retry: %d\n\n" % RETRY_MILLISECONDS).SerializeToString()
                    is_first = False
                yield self._encoded.get(batch, self._as_events)

    async def lines(
        self, call: Call, job_id: str, request: WatchRequest
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job as NDJSON, one event, status or bookmark a line."""
        call.headers["cache-control"] = "no-cache"
        async with aclosing(self._batches(call, job_id, request)) as batches:
            async for batch in batches:
                yield self._encoded.get(batch, self._as_lines)

    def _as_message(self, batch: Batch) -> Message:
        return job_service_pb2.WatchJobResponse(
            events=[self._payloads.event(batch, one) for one in batch.events],
            status=[self._payloads.status(batch, one) for one in batch.status],
            bookmark=batch.bookmark,
        )

    def _as_events(self, batch: Batch) -> httpbody_pb2.HttpBody:
        return event_stream(b"".join(map(server_sent_event, self._frames(batch))))

    def _as_lines(self, batch: Batch) -> httpbody_pb2.HttpBody:
        data = b"".join(frame.line for frame in self._frames(batch))
        return httpbody_pb2.HttpBody(content_type="application/x-ndjson", data=data)

    def _batches(
        self, call: Call, job_id: str, request: WatchRequest, after_sequence: int | None = None
    ) -> AsyncGenerator[Batch, None]:
        check_watcher(call, job_id)
        return self._watches.watch(
            call.organization_id,
            job_id,
            after_sequence=request.after_sequence if after_sequence is None else after_sequence,
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )

    def _frames(self, batch: Batch) -> list[Frame]:
        events = [self._payloads.event_frame(batch, one) for one in batch.events]
        status = [self._payloads.status_frame(batch, one) for one in batch.status]
        if batch.is_last:
            return events[:-1] + status + events[-1:]  # the terminal event is the last word
        if batch.bookmark and not events:
            bookmark = {"bookmark": batch.bookmark}
            status.append(Frame("bookmark", batch.bookmark, bookmark))
        return events + status


class _Encoded:
    """The newest batches of all watches, encoded once for all who get the same."""

    def __init__(self) -> None:
        # As long as a reader is at it: what nobody reads any more is not held.
        self._kept: deque[tuple[ref[Batch], str, bytes]] = deque(maxlen=4)

    def get(self, batch: Batch, encode: Callable[[Batch], Message]) -> bytes:
        """Return a batch in one of the forms."""
        form = encode.__name__
        for known, its_form, data in self._kept:
            kept = known()
            # Readers of one place share the events; a status of folded values is each one's own.
            same_read = kept is not None and kept.events is batch.events
            if same_read and its_form == form and kept == batch:
                return data
        data = encode(batch).SerializeToString(deterministic=True)
        self._kept.appendleft((ref(batch), form, data))
        return data


class Frame(NamedTuple):
    """One JSON object of a stream; it says everything as REST does."""

    kind: str
    sequence: int | None  # where a reader may resume; None: nowhere
    fields: Mapping[str, Any]

    @property
    def line(self) -> bytes:
        """The frame as one line."""
        return rest.text({"type": self.kind, **self.fields}).encode() + b"\n"


def check_watcher(call: Call, job_id: str) -> None:
    """Raise PermissionDenied where the credential is a watch token of another job."""
    if call.caller.job_id not in {None, job_id}:
        raise PermissionDenied("The watch token is for another job. Ask for one for this job.")


def event_stream(data: bytes) -> httpbody_pb2.HttpBody:
    """Return a part of a stream of Server-Sent Events."""
    return httpbody_pb2.HttpBody(content_type="text/event-stream", data=data)


def server_sent_event(frame: Frame) -> bytes:
    """Return a frame as one Server-Sent Event."""
    # Only numbered frames carry an id to resume after.
    numbered = b"" if frame.sequence is None else b"id: %d\n" % frame.sequence
    return numbered + b"event: %s\ndata: %s\n" % (frame.kind.encode(), frame.line)


class PayloadMessages:
    """The messages of the payloads of all kinds."""

    def __init__(self, kinds: Iterable[JobKind[Any, Any]]) -> None:
        self._classes: dict[tuple[str, str], type[Payload]] = {}
        self._messages: dict[type[Payload], type[Message]] = {}
        for kind in kinds:
            folded = [fold.status for fold in kind.folds]
            payloads: list[type[Payload]] = [*kind.events, *kind.status, *folded]
            for payload in payloads:
                self._classes[kind.name, payload.name] = payload
        known: list[type[Payload]] = [Progress, *self._classes.values()]
        for payload in known:
            if payload.message is not None:
                found = descriptor_pool.Default().FindMessageTypeByName(payload.message)
                self._messages[payload] = GetMessageClass(found)

    def event(self, batch: Batch, event: Event) -> job_pb2.JobEvent:
        """Return an event as a message."""
        message = job_pb2.JobEvent(sequence=event.sequence, kind=event.kind)
        message.at.FromDatetime(event.at)
        message.payload.Pack(self._event_payload(batch, event))
        return message

    def status(self, batch: Batch, update: StatusUpdate) -> job_pb2.JobStatus:
        """Return a status value as a message."""
        message = job_pb2.JobStatus(as_of_sequence=update.as_of_sequence, kind=update.key)
        message.payload.Pack(self._message(batch, update.key, update.data))
        return message

    def event_frame(self, batch: Batch, event: Event) -> Frame:
        """Return an event as JSON."""
        fields = {
            "sequence": event.sequence,
            "at": instant(event.at).ToJsonString(),
            self._field(batch, event.kind): _shown(self._event_payload(batch, event)),
        }
        return Frame(event.kind, event.sequence, fields)

    def status_frame(self, batch: Batch, update: StatusUpdate) -> Frame:
        """Return a status value as JSON."""
        payload = _shown(self._message(batch, update.key, update.data))
        field = self._field(batch, update.key)
        return Frame(update.key, None, {"as_of_sequence": update.as_of_sequence, field: payload})

    def _event_payload(self, batch: Batch, event: Event) -> Message:
        if event.kind == StateChanged.name:
            return state_changed(event.payload(StateChanged), batch.error)
        return self._message(batch, event.kind, event.data)

    def _message(self, batch: Batch, name: str, data: Mapping[str, Any]) -> Message:
        payload = self._class(batch, name)
        made = None if payload is None else self._messages.get(payload)
        if payload is None or made is None:
            # Of a kind that this server does not know, or without a message of its own.
            struct = struct_pb2.Struct()
            struct.update(data)
            return struct
        return made(**convert(payload, data).wire())

    def _class(self, batch: Batch, name: str) -> type[Payload] | None:
        """Return the class of a payload; those of the kernel are of every kind."""
        return _OF_EVERY_KIND.get(name) or self._classes.get((batch.kind, name))

    def _field(self, batch: Batch, name: str) -> str:
        payload = self._class(batch, name)
        return name if payload is None or payload.json_field is None else payload.json_field


def _shown(message: Message) -> object:
    """Return what a frame shows: a message, or the values of a Struct."""
    if isinstance(message, struct_pb2.Struct):
        return json_format.MessageToDict(message)
    return message


def resume_point(call: Call, after_sequence: int) -> int:
    """Return after which event a watch begins: what Last-Event-ID says wins."""
    sent = call.metadata.get("last-event-id")
    if sent is None:
        return after_sequence
    if not (sent.isascii() and sent.isdigit() and len(sent) < 19):
        raise InvalidArgument.of(
            "Last-Event-ID", f"'{clip(sent)}' was sent; the id of an event of this job is allowed"
        )
    return int(sent)
