"""The feature of models that are trained, pruned and evaluated here."""

from collections.abc import Iterable

from assay.features.training import tables
from assay.features.training.api import TrainingService
from assay.features.training.job import TrainingKind
from assay.features.training.job_evaluation import VersionEvaluationKind
from assay.features.training.job_pruning import PruningKind
from assay.features.training.metrics_service import MetricsReader
from assay.features.training.prediction_api import PredictionService
from assay.features.training.prediction_service import FilePredictions
from assay.features.training.rest import TrainingRestService
from assay.features.training.service import ModelJobUseCases
from assay.features.training.store import (
    JobsOfModels,
    JobsOfVersions,
    ModelJobs,
    VersionsOfCanceledJobs,
)
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel
from assay.kernel.rpc.watch import JobWatch


def _services(kernel: Kernel) -> Iterable[object]:
    metrics = MetricsReader(kernel.store)
    yield TrainingService(ModelJobUseCases(kernel), metrics, JobWatch(kernel.watches))
    yield TrainingRestService(metrics)
    yield PredictionService(FilePredictions(kernel))


FEATURE = Feature(
    name="training",
    tables=(tables.model_jobs,),
    stores=(ModelJobs,),
    hooks=(JobsOfModels(), JobsOfVersions(), VersionsOfCanceledJobs()),
    kinds=(TrainingKind(), PruningKind(), VersionEvaluationKind()),
    services=_services,
)
