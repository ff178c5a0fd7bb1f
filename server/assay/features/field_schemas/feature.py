"""The declaration of the feature `field_schemas`."""

from assay.features.field_schemas.store import UserSchemas
from assay.kernel.feature import Feature

FEATURE = Feature(name="field_schemas", stores=(UserSchemas,))
