"""The declaration of the feature `jobs`."""

from assay.kernel.feature import Feature

FEATURE = Feature(name="jobs")
