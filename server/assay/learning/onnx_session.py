"""A session of ONNX Runtime on one thread, whose runs have a time limit."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from assay.learning.errors import BadModelFile, DataError

RUN_SECONDS: Final = 30.0  # of one run, or of opening the file
GRACE_SECONDS: Final = 10.0  # for a run that was asked to end; an operator ends when it is done
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE = re.compile(r"/\S+\.(?:cc|h|cpp):\d+ .*?\) (?=[A-Z])")
_CHARACTERS = 300  # of a message that is passed on
_OUT_OF_MEMORY = (
    "the model needs more memory than a compute process is given (ASSAY_COMPUTE_MEMORY_BYTES)"
)
_TOO_SLOW = "the model takes more than {:g} s, which is the most that is allowed"

Stuck = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output as the file declares it."""

    name: str
    type: str  # in the words of ONNX Runtime
    shape: tuple[int | None, ...]  # None: of any size


class OnnxSession:
    """A model that can be run; one thread computes, in the order of the graph."""

    def __init__(
        self, data: bytes, *, seconds: float = RUN_SECONDS, stuck: Stuck = lambda: None
    ) -> None:
        """Open a file whose graph was checked.

        Args:
            data: The file.
            seconds: That opening it, and each run, may take.
            stuck: Called when a run goes on though it was asked to end; it should end the process.

        Raises BadModelFile.
        """
        self._seconds = seconds
        self._guard = _Guard(seconds, stuck)
        options = _options()
        try:
            with self._guard.limited(lambda: options.set_load_cancellation_flag(True)):
                self._session = ort.InferenceSession(
                    data, options, providers=["CPUExecutionProvider"]
                )
        except MemoryError:
            raise
        except Exception as error:  # the library has a class an error, and no common one
            raise BadModelFile(f"ONNX Runtime cannot open the model: {self._why(error)}") from error

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs that a run needs."""
        return tuple(map(_tensor, self._session.get_inputs()))

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The outputs that a run can make."""
        return tuple(map(_tensor, self._session.get_outputs()))

    @contextmanager
    def runs(self, output: str) -> Iterator[Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]]:
        """Give what runs the model on tensors by name, and returns one output.

        It raises DataError for a model that fails, or takes too long.
        """
        options = ort.RunOptions()
        options.log_severity_level = 4

        def end() -> None:
            options.terminate = True

        with self._guard.limited(end):

            def run(tensors: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
                self._guard.renew()
                try:
                    [found] = self._session.run([output], tensors, options)
                except MemoryError:
                    raise
                except Exception as error:  # as above
                    raise DataError(self._why(error)) from error
                if not isinstance(found, np.ndarray):
                    raise DataError(f"the model's output {output!r} is no tensor")
                return found

            yield run

    def _why(self, error: Exception) -> str:
        text = str(error)
        if "terminate flag" in text or type(error).__name__ == "ModelLoadCanceled":
            return _TOO_SLOW.format(self._seconds)
        if "bad_alloc" in text or "Failed to allocate memory" in text:
            return _OUT_OF_MEMORY
        plain = _SOURCE.sub("", _PREFIX.sub("", text)).split("\n")[0]
        return plain if len(plain) <= _CHARACTERS else plain[: _CHARACTERS - 1] + "…"


class _Guard:
    """Asks for an end of what takes too long, and says when that is not heard.

    One thread watches, over all runs that follow one another within the time of one.
    """

    def __init__(self, seconds: float, stuck: Stuck) -> None:
        self._seconds, self._stuck = seconds, stuck
        self._changed = threading.Condition()
        self._is_watched = False
        self._until: float | None = None  # None: nothing runs
        self._number = 0  # of what runs, or ran last
        self._is_late = False  # so that the end of what runs is waited for
        self._end: Callable[[], None] = lambda: None

    @contextmanager
    def limited(self, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` when the block is not done in time, which `renew` gives anew."""
        with self._changed:
            self._end = end
            self._number += 1
            self.renew()
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, name="onnx-time-limit", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._until = None
                if self._is_late:
                    self._is_late = False
                    self._changed.notify_all()

    def renew(self) -> None:
        """Give all of the time again."""
        self._until = time.monotonic() + self._seconds

    def _watch(self) -> None:
        with self._changed:
            while self._until is not None:
                left = self._until - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                self._is_late = True
                self._end()
                has_ended = partial(self._has_ended, self._number)
                if not self._changed.wait_for(has_ended, GRACE_SECONDS):
                    self._stuck()
                    self._changed.wait_for(has_ended)
            self._is_watched = False

    def _has_ended(self, number: int) -> bool:
        """Return whether what had this number runs no more; the next one may have begun by now."""
        return self._until is None or self._number != number


def _options() -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = False  # it would keep the memory of the largest run
    options.log_severity_level = 4
    return options


def _tensor(found: Any) -> Tensor:
    shape: Sequence[Any] = found.shape
    sizes = tuple(one if isinstance(one, int) and one > 0 else None for one in shape)
    return Tensor(name=found.name, type=found.type, shape=sizes)
