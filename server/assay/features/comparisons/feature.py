"""The feature of comparisons of two versions on the same rows."""

from assay.features.comparisons.job import ComparisonKind
from assay.kernel.feature import Feature

FEATURE = Feature(name="comparisons", kinds=(ComparisonKind(),))
