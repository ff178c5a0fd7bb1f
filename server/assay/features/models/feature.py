"""The declaration of the feature `models`."""

from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.feature import Feature

FEATURE = Feature(name="models", stores=(Models, Versions))
