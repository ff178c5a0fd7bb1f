"""Results read once: a stored result never changes, and a large one takes long to parse."""

from __future__ import annotations

import threading
from collections import OrderedDict

from assay.features.evaluations.model import EvaluationResult
from assay.records import decode

MAX_CHARS = 64 * 1024 * 1024  # of the texts whose results are held


class ResultMemory:
    """The results of the texts that were read last; safe to share between threads."""

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._chars = 0
        self._results: OrderedDict[str, EvaluationResult] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, text: str) -> EvaluationResult:
        """Return the result of its canonical JSON."""
        with self._lock:
            found = self._results.get(text)
            if found is not None:
                self._results.move_to_end(text)
                return found
        result = decode(EvaluationResult, text)
        with self._lock:
            if text not in self._results and len(text) <= self._max_chars:
                self._results[text] = result
                self._chars += len(text)
            while self._chars > self._max_chars:
                oldest, _ = self._results.popitem(last=False)
                self._chars -= len(oldest)
        return result
