"""The declaration of the feature `comparisons`."""

from assay.kernel.feature import Feature

FEATURE = Feature(name="comparisons")
