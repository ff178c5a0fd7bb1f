"""The declaration of the feature `imports`."""

from assay.kernel.feature import Feature

FEATURE = Feature(name="imports")
