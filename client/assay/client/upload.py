"""A resumable upload: at most 8 chunks in flight, each acknowledged once it is durable."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import grpc

from assay.client.errors import from_rpc
from assay.client.transport import Transport, is_cut
from assay.v1 import evaluation_service_pb2 as pb
from assay.v1.evaluation_service_pb2_grpc import EvaluationServiceStub

if TYPE_CHECKING:  # NumPy and PyArrow come with the extra `arrow`
    from assay.client.chunks import EncodedChunk

IN_FLIGHT = 8

OnAcknowledged = Callable[[pb.UploadPredictionsResponse], None]


class Upload:
    """Sends the chunks of one evaluation; a broken connection costs only what was in flight."""

    def __init__(self, transport: Transport, evaluation_id: str, told: OnAcknowledged) -> None:
        self._transport = transport
        self._stub = EvaluationServiceStub(transport.channel)
        self._evaluation_id = evaluation_id
        self._told = told
        # Sent and not acknowledged, oldest first: what a new connection sends again.
        self._unacknowledged: deque[EncodedChunk] = deque()
        self._next_row = 0
        self._window = IN_FLIGHT

    def send(self, chunks: Iterator[EncodedChunk]) -> int:
        """Send all chunks and return the number of rows that are durable.

        Raises:
            ServiceError: a chunk was refused, or the service stayed away for too long.
            BadInput: from reading `chunks`.
        """
        attempts = self._transport.patience.attempts()
        while True:
            before = self._next_row
            try:
                self._stream(chunks)
            except grpc.RpcError as error:
                if not is_cut(error) or not next(attempts):
                    raise from_rpc(error) from error
                # A line that breaks under the load is given less of it.
                self._window = max(1, self._window // 2)
                self._resume()
                if self._next_row > before:  # it worked for a while: patience starts anew
                    attempts = self._transport.patience.attempts()
            else:
                return self._next_row

    def _stream(self, chunks: Iterator[EncodedChunk]) -> None:
        outgoing: queue.SimpleQueue[pb.UploadPredictionsRequest | None] = queue.SimpleQueue()
        call = self._stub.UploadPredictions(
            iter(outgoing.get, None), metadata=self._transport.metadata
        )
        answers = iter(call)
        try:
            sent = 0  # of those that wait for an acknowledgement
            while self._fill(chunks) or self._unacknowledged:
                for chunk in list(self._unacknowledged)[sent : self._window]:
                    outgoing.put(self._request(chunk))
                    sent += 1
                waiting = len(self._unacknowledged)
                self._acknowledge(next(answers))
                sent -= waiting - len(self._unacknowledged)
            outgoing.put(None)
            for _ in answers:  # the status: OK, or raised
                pass
        finally:
            outgoing.put(None)  # lets gRPC's own thread go
            call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it untyped

    def _fill(self, chunks: Iterator[EncodedChunk]) -> bool:
        """Take the next chunks until the window is full; return False when there are no more."""
        while len(self._unacknowledged) < self._window:
            chunk = next(chunks, None)
            if chunk is None:
                return False
            self._unacknowledged.append(chunk)
        return True

    def _acknowledge(self, answer: pb.UploadPredictionsResponse) -> None:
        self._next_row = answer.next_row
        self._window = min(IN_FLIGHT, self._window + 1)
        self._forget(answer.next_row)
        self._told(answer)

    def _resume(self) -> None:
        """Ask where the upload stands; acknowledgements may have been lost."""
        request = pb.GetEvaluationRequest(evaluation_id=self._evaluation_id)
        stands = self._transport.call(self._stub.GetEvaluation, request)
        self._next_row = int(stands.next_row)
        self._forget(self._next_row)

    def _forget(self, next_row: int) -> None:
        while self._unacknowledged and self._unacknowledged[0].first_row < next_row:
            self._unacknowledged.popleft()

    def _request(self, chunk: EncodedChunk) -> pb.UploadPredictionsRequest:
        return pb.UploadPredictionsRequest(
            evaluation_id=self._evaluation_id,
            first_row=chunk.first_row,
            sha256=chunk.sha256,
            arrow=chunk.arrow,
        )
