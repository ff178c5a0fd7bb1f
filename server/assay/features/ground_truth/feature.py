"""The declaration of the feature `ground_truth`."""

from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.feature import Feature

FEATURE = Feature(name="ground_truth", stores=(GroundTruthDatasets, Entries))
