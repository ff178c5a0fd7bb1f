"""The feature of jobs: every kind of job read, listed, canceled and watched."""

from collections.abc import Iterable

from assay.features.jobs.api import JobService
from assay.features.jobs.rest import JobRestService
from assay.features.jobs.service import JobUseCases
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel
from assay.kernel.rpc.watch import JobWatch
from assay.kernel.rpc.watch_tokens import WatchTokens


def _services(kernel: Kernel) -> Iterable[object]:
    jobs = JobUseCases(kernel.store)
    yield JobService(jobs, JobWatch(kernel.watches), WatchTokens(kernel.store.scope, kernel.clock))
    yield JobRestService(jobs)


FEATURE = Feature(name="jobs", services=_services)
