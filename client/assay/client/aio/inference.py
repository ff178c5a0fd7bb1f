"""Inference: inputs sent to a model, and what it made of each as soon as that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import grpc

from assay.client import types
from assay.client.aio import calls
from assay.client.aio.concurrency import off_loop
from assay.client.aio.groups import PAGE_SIZE
from assay.client.aio.sending import FileSender
from assay.client.connection import is_cut
from assay.client.inferring import (
    BINARY,
    Content,
    Inputs,
    OnSubmitted,
    ResultState,
    fits_one_request,
    ignore_submitted,
    opened_content,
    span,
    typed_inputs,
)
from assay.client.messages import from_message


class Inference(calls.Inference, FileSender):
    """Inference jobs and their results."""

    async def run(
        self,
        model_id: str,
        inputs: Inputs,
        *,
        version: str = "",
        explain: bool = False,
        timeout_ms: int = 0,
        item: str = "",
        on_submitted: OnSubmitted = ignore_submitted,
        request_id: str = "",
    ) -> AsyncIterator[types.InferenceResult]:
        """Submit inputs and yield the result of each as it comes; see `client.infer`."""
        job = await self.send(
            model_id,
            inputs,
            version=version,
            explain=explain,
            timeout_ms=timeout_ms,
            item=item,
            request_id=request_id,
        )
        on_submitted(job)
        async for result in self.watch(job.job_id):
            yield result

    async def send(
        self,
        model_id: str,
        inputs: Inputs,
        *,
        version: str = "",
        explain: bool = False,
        timeout_ms: int = 0,
        item: str = "",
        request_id: str = "",
    ) -> types.InferenceJob:
        """Submit inputs and return the job, which goes on whether or not anybody waits for it.

        Up to 4 MiB of inputs travel in one request; more are sent one by one.

        Args:
            model_id: the model.
            inputs: of each input, by its name, a text, bytes, a Path, or a mapping of features.
            version: a version's id or label, or N.0.0; "" is the promoted one, or else the newest.
            explain: whether each output is to be explained.
            timeout_ms: milliseconds after which the job ends, finished or not; 0: no limit.
            item: what the model calls the content of an input; "" where it takes but one.
            request_id: the same id and inputs again return the job of the first call; "" is new.

        Raises:
            BadInput: an input cannot be sent.
            ServiceError: refused.
        """
        submit = partial(
            self.submit,
            {"identifier": model_id, "version": version},
            explain=explain,
            timeout=timeout_ms,
            request_id=request_id,
        )
        if await off_loop(partial(fits_one_request, inputs)):
            return await submit(inputs=await off_loop(partial(typed_inputs, inputs, item)))
        opened = await submit()
        try:
            for name, content in inputs.items():
                await self._add(opened.job_id, name, item, content)
            return await self.close(opened.job_id)
        except BaseException:
            await self.cancel(opened.job_id)  # nobody else knows of it
            raise

    async def list(self, **filters: Any) -> AsyncIterator[types.InferenceJob]:
        """Yield jobs, newest first, page by page.

        Args:
            filters: those of `history`, but for its page.

        Raises:
            ServiceError: refused.

        Example:
            >>> for job in client.inference.list(status="pending", model="tickets"):
            ...     print(job.job_id, job.status)
        """
        page, before = 0, frozenset[str]()
        has_more = True
        while has_more:
            page += 1
            found = await self.history(**{"per_page": PAGE_SIZE, **filters, "page": page})
            for job in found.jobs:
                if job.job_id not in before:  # jobs that are made meanwhile push it a page on
                    yield job
            before = frozenset(job.job_id for job in found.jobs)
            has_more = found.has_more

    async def watch(
        self, job_id: str, after_sequence: int = 0
    ) -> AsyncIterator[types.InferenceResult]:
        """Yield the results of a job as its inputs finish, each once, to the end of the job.

        A connection that breaks is taken up where it stood. Outputs that are too large for the
        stream are downloaded.

        Args:
            job_id: the job.
            after_sequence: tells only what finished after this event of the job.

        Raises:
            ServiceError: refused, or not answered though it was tried again.
        """
        state, waits = ResultState(job_id, after_sequence), self._transport.retry.waits()
        while True:
            values = {"job_id": job_id, "after_sequence": state.after_sequence}
            call = self._open_stream("InferenceResultService.WatchInferenceResults", values)
            state.begin()
            try:
                async for answer in call:
                    waits = self._transport.retry.waits()
                    for result in state.take(answer):
                        yield await self.whole(job_id, result)
                    if state.job is not None:
                        return
            except grpc.RpcError as error:
                if not is_cut(error) or not await self._transport.pause(waits):
                    raise self._transport.failure(error) from error
            else:
                # A watch that starts behind the end of the job ends at once, without an error.
                if state.is_quiet and (await self.get(job_id)).ended_at is not None:
                    return
                if not await self._transport.pause(waits):
                    raise state.cut_short()
            finally:
                call.cancel()

    async def results(self, job_id: str) -> AsyncIterator[types.InferenceResult]:
        """Yield the inputs of a job that have finished, in the order in which they were sent.

        Raises:
            ServiceError: refused.
        """
        call = self._open_stream("InferenceResultService.GetInferenceResults", {"job_id": job_id})
        try:
            async for answer in call:
                for message in answer.results:
                    yield await self.whole(job_id, from_message(types.InferenceResult, message))
        except grpc.RpcError as error:
            raise self._transport.failure(error) from error
        finally:
            call.cancel()

    async def output(self, job_id: str, input_name: str, output_name: str) -> bytes:
        """Return one output of an input, whatever its size.

        Raises:
            ServiceError: refused.
        """
        names = {"input_name": input_name, "output_name": output_name}
        call = self._open_stream(
            "InferenceResultService.GetInferenceOutput", {"job_id": job_id, **names}
        )
        try:
            return b"".join([part.data async for part in call])
        except grpc.RpcError as error:
            raise self._transport.failure(error) from error
        finally:
            call.cancel()

    async def _add(self, job_id: str, input_name: str, item: str, content: Content) -> None:
        """Send the content of one input of a job that is open."""
        values = {"job_id": job_id, "input_name": input_name, "item_name": item}
        source = await off_loop(partial(opened_content, content))
        # Sent twice because an answer was lost, the service knows by its span that it has it.
        await self._send_file(
            types.ReceivedInferenceInput,
            "AddInferenceInput",
            values,
            BINARY,
            source,
            headers=span(source),
        )

    async def whole(self, job_id: str, result: types.InferenceResult) -> types.InferenceResult:
        """Return a result with all of its outputs, of which those that are absent are downloaded."""
        if all(output.data is not None for output in result.outputs):
            return result
        outputs = []
        for output in result.outputs:
            data = output.data
            if data is None:
                data = await self.output(job_id, result.input_name, output.name)
            outputs.append(replace(output, data=data))
        return replace(result, outputs=tuple(outputs))
