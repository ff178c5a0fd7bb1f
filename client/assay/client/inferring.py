"""Inputs and results of inference jobs, as both clients send and read them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from assay.client import types
from assay.client.connection import Headers
from assay.client.errors import BadInput, Refusal, ServiceUnavailable
from assay.client.messages import from_message

Content = str | bytes | Path | Mapping[str, Any]  # a text, bytes, a file, or an object of JSON
Inputs = Mapping[str, Content]  # by name
OnSubmitted = Callable[[types.InferenceJob], None]

BINARY = "application/octet-stream"
ONE_REQUEST_BYTES = 4 * 1024**2  # of contents; more are sent one by one
OVERHEAD_BYTES = 64  # of an input in a message, besides its name and its content


def ignore_submitted(_: types.InferenceJob) -> None:
    """Do nothing; the default of `on_submitted`."""


def fits_one_request(inputs: Inputs) -> bool:
    """Return whether inputs travel together.

    Raises:
        BadInput: there are none, they have no names, one is nothing that can be sent, or a file
            cannot be read.
    """
    if not isinstance(inputs, Mapping):
        raise BadInput(
            f"The inputs are of the type {type(inputs).__name__}; send a mapping of their names to "
            "their contents."
        )
    if not inputs:
        raise BadInput("There are no inputs; send one at least, by a name of its own.")
    names: list[object] = list(inputs)
    unnamed = next((name for name in names if not isinstance(name, str)), None)
    if unnamed is not None:
        raise BadInput(f"The name of an input is a text, which {unnamed!r:.100} is not.")
    return sum(_size(one) + OVERHEAD_BYTES for one in inputs.values()) <= ONE_REQUEST_BYTES


def typed_inputs(inputs: Inputs, item: str) -> list[dict[str, Any]]:
    """Return inputs as the fields of NewInferenceInput, whose contents are called `item`.

    Raises:
        BadInput: an input is nothing that can be sent.
    """
    return [{"name": name, "items": {item: _typed(one)}} for name, one in inputs.items()]


def opened_content(content: Content) -> IO[bytes]:
    """Return a content as a file that can be read; raises BadInput where that cannot be."""
    if isinstance(content, Path):
        return _opened(content)
    return io.BytesIO(_bytes(content))


def span(source: IO[bytes]) -> Headers:
    """Return the header that says which bytes of an input a file is: all; none for an empty one."""
    size = source.seek(0, os.SEEK_END)
    return (("content-range", f"bytes 0-{size - 1}/{size}"),) if size else ()


def _size(content: Content) -> int:
    if isinstance(content, Path):
        with _opened(content) as file:
            return os.fstat(file.fileno()).st_size
    return len(_bytes(content))


def _typed(content: Content) -> dict[str, Any]:
    if isinstance(content, str):
        return {"text": content}
    if isinstance(content, Path):
        with _opened(content) as file:
            return {"data": file.read()}
    return {"data": _bytes(content)}


def _bytes(content: Content) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(content, str):
        return content.encode()
    if not isinstance(content, Mapping):
        raise BadInput(
            f"An input is of the type {type(content).__name__}; send a text, bytes, a Path, or a "
            "mapping of features."
        )
    try:
        return json.dumps(dict(content), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(f"An input cannot be written as JSON: {error}.") from error


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error


class ResultState:
    """How far a watch of results has come, and the job at its end."""

    def __init__(self, job_id: str, after_sequence: int) -> None:
        self._job_id = job_id
        self.after_sequence = after_sequence  # all results up to it were told
        self._told: set[int] = set()  # positions that were told after it
        self.job: types.InferenceJob | None = None  # once the job has ended
        self.is_quiet = True  # nothing has come on this connection

    def begin(self) -> None:
        """Begin another connection."""
        self.is_quiet = True

    def take(self, answer: Any) -> Iterator[types.InferenceResult]:
        """Yield what one message of the stream tells anew, and remember how far it leads."""
        self.is_quiet = False
        for message in answer.results:
            if message.result.position not in self._told:
                self._told.add(message.result.position)
                yield from_message(types.InferenceResult, message.result)
        if answer.bookmark > self.after_sequence:
            self.after_sequence, self._told = answer.bookmark, set()
        if answer.HasField("job"):
            self.job = from_message(types.InferenceJob, answer.job)

    def cut_short(self) -> ServiceUnavailable:
        """Return the refusal of a stream that ended too early, again and again."""
        return ServiceUnavailable(
            Refusal(message=f"The stream of results of job {self._job_id} ends before it does.")
        )
