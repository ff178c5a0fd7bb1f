"""The declaration of the feature `evaluations`."""

from assay.features.evaluations.store import Evaluations
from assay.kernel.feature import Feature

FEATURE = Feature(name="evaluations", stores=(Evaluations,))
