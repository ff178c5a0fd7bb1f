"""The feature of inference jobs."""

from collections.abc import Iterable

from assay.features.inference import tables
from assay.features.inference.api import InferenceJobService
from assay.features.inference.history_api import InferenceHistoryService
from assay.features.inference.history_service import InferenceHistoryReader
from assay.features.inference.history_store import InferenceHistory
from assay.features.inference.job import InferenceKind
from assay.features.inference.job_end import InputsOfCanceledJobs
from assay.features.inference.job_fetch import StorageInferenceKind
from assay.features.inference.opened_service import OpenedJobs
from assay.features.inference.rest import InferenceJobRestService
from assay.features.inference.rest_history import InferenceHistoryRestService
from assay.features.inference.rest_results import InferenceResultRestService
from assay.features.inference.results_api import InferenceResultService
from assay.features.inference.results_service import ResultReader
from assay.features.inference.results_store import InferenceResults
from assay.features.inference.results_watch import ResultWatches
from assay.features.inference.service import InferenceUseCases
from assay.features.inference.statistics_store import InferenceStatistics
from assay.features.inference.storage_service import StorageInputs
from assay.features.inference.store import (
    InferenceJobs,
    InferenceOfModels,
    InferenceOfVersions,
)
from assay.features.inference.submission_service import InferenceSubmissions
from assay.features.inference.votes_api import InferenceVoteService
from assay.features.inference.votes_service import Voting
from assay.features.inference.votes_store import InferenceVotes
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    jobs = InferenceUseCases(kernel.store, kernel.watches, kernel.run_in_thread)
    submissions = InferenceSubmissions(
        kernel.store,
        kernel.blobs,
        kernel.clock,
        sealer=kernel.sealer,
        max_attempts=kernel.limits.max_attempts,
    )
    opened, storages = OpenedJobs(kernel), StorageInputs(kernel)
    yield InferenceJobService(jobs, submissions, opened, storages)
    yield InferenceJobRestService(jobs, submissions, opened, storages, kernel.clock)
    reader = ResultReader(kernel.store, kernel.blobs, kernel.clock)
    watches = ResultWatches(kernel.store, kernel.watches, kernel.run_in_thread)
    yield InferenceResultService(reader, watches)
    yield InferenceResultRestService(reader)
    yield InferenceVoteService(Voting(kernel.store))
    history = InferenceHistoryReader(kernel.store)
    yield InferenceHistoryService(history, kernel.clock)
    yield InferenceHistoryRestService(history, kernel.clock)


FEATURE = Feature(
    name="inference",
    tables=(
        tables.inference_jobs,
        tables.inference_counts,
        tables.inference_inputs,
        tables.inference_votes,
    ),
    stores=(
        InferenceJobs,
        InferenceResults,
        InferenceHistory,
        InferenceStatistics,
        InferenceVotes,
    ),
    hooks=(InferenceOfModels(), InferenceOfVersions(), InputsOfCanceledJobs()),
    kinds=(InferenceKind(), StorageInferenceKind()),
    services=_services,
)
