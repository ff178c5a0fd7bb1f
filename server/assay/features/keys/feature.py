"""The declaration of the feature `keys`."""

from assay.features.keys.store import Keys
from assay.kernel.feature import Feature

FEATURE = Feature(name="keys", stores=(Keys,))
