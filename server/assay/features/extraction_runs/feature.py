"""The declaration of the feature `extraction_runs`."""

from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.kernel.feature import Feature

FEATURE = Feature(name="extraction_runs", stores=(ExtractionRuns, Extractions))
