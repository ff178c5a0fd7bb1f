"""The feature of datasets: rows stored with splits."""

from collections.abc import Iterable

from assay.features.datasets import tables
from assay.features.datasets.api import DatasetService
from assay.features.datasets.job import PartitionKind, UploadKind
from assay.features.datasets.service import DatasetProfiles, DatasetUseCases
from assay.features.datasets.splits_service import SplitUseCases
from assay.features.datasets.store import Datasets
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    profiles = DatasetProfiles(
        kernel.store, kernel.blobs, compute=kernel.compute, run_in_thread=kernel.run_in_thread
    )
    yield DatasetService(DatasetUseCases(kernel.store), SplitUseCases(kernel, profiles), profiles)


FEATURE = Feature(
    name="datasets",
    tables=(tables.datasets, tables.revisions),
    stores=(Datasets,),
    kinds=(UploadKind(), PartitionKind()),
    services=_services,
)
