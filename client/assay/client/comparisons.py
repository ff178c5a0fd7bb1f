"""Two versions of a model beside each other."""

# Made by `make generate` from aio/comparisons.py; never edited.

from __future__ import annotations

from assay.client import calls, types
from assay.client.jobs import Jobs

UNTESTED = frozenset({"not_started", "running", "failed"})


class Comparisons(calls.Comparisons):
    """Comparisons of two versions of one model."""

    def paired(self, model_id: str, version_a: str, version_b: str) -> types.Comparison:
        """Return a comparison in which both were tested on the same rows, where that is possible.

        Starts the test and waits for it, also after it failed before; needs the permission
        job:submit.
        """
        found = self.get(model_id, version_a, version_b)
        if found.paired_tests.status not in UNTESTED:
            return found
        started = self.start(model_id, version_a, version_b)
        Jobs(self._transport).wait(started.job_id)
        return self.get(model_id, version_a, version_b)
