"""Two versions of a model beside each other."""

from __future__ import annotations

from assay.client import types
from assay.client.aio import calls
from assay.client.aio.jobs import Jobs

UNTESTED = frozenset({"not_started", "running", "failed"})


class Comparisons(calls.Comparisons):
    """Comparisons of two versions of one model."""

    async def paired(self, model_id: str, version_a: str, version_b: str) -> types.Comparison:
        """Return a comparison in which both were tested on the same rows, where that is possible.

        Starts the test and waits for it, also after it failed before; needs the permission
        job:submit.
        """
        found = await self.get(model_id, version_a, version_b)
        if found.paired_tests.status not in UNTESTED:
            return found
        started = await self.start(model_id, version_a, version_b)
        await Jobs(self._transport).wait(started.job_id)
        return await self.get(model_id, version_a, version_b)
