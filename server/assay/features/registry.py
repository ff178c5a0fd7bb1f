"""The features, one folder a noun, in the order in which they may import one another."""

from assay.features.artifacts.feature import FEATURE as ARTIFACTS
from assay.features.benchmarks.feature import FEATURE as BENCHMARKS
from assay.features.catalogue.feature import FEATURE as CATALOGUE
from assay.features.comparisons.feature import FEATURE as COMPARISONS
from assay.features.datasets.feature import FEATURE as DATASETS
from assay.features.edge.feature import FEATURE as EDGE
from assay.features.evaluations.feature import FEATURE as EVALUATIONS
from assay.features.extraction_runs.feature import FEATURE as EXTRACTION_RUNS
from assay.features.field_schemas.feature import FEATURE as FIELD_SCHEMAS
from assay.features.ground_truth.feature import FEATURE as GROUND_TRUTH
from assay.features.imports.feature import FEATURE as IMPORTS
from assay.features.inference.feature import FEATURE as INFERENCE
from assay.features.jobs.feature import FEATURE as JOBS
from assay.features.keys.feature import FEATURE as KEYS
from assay.features.models.feature import FEATURE as MODELS
from assay.features.open_inference.feature import FEATURE as OPEN_INFERENCE
from assay.features.server_info.feature import FEATURE as SERVER_INFO
from assay.features.training.feature import FEATURE as TRAINING

FEATURES = (
    KEYS,
    JOBS,
    MODELS,
    DATASETS,
    EVALUATIONS,
    COMPARISONS,
    FIELD_SCHEMAS,
    IMPORTS,
    GROUND_TRUTH,
    EXTRACTION_RUNS,
    ARTIFACTS,
    BENCHMARKS,
    TRAINING,
    CATALOGUE,
    INFERENCE,
    EDGE,
    OPEN_INFERENCE,
    SERVER_INFO,
)
