"""The feature of datasets: rows stored with splits."""

from assay.features.datasets import tables
from assay.features.datasets.store import Datasets
from assay.kernel.feature import Feature

FEATURE = Feature(
    name="datasets",
    tables=(tables.datasets, tables.revisions),
    stores=(Datasets,),
)
