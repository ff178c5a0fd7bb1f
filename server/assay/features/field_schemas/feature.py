"""The feature of field schemas."""

from collections.abc import Iterable

from assay.features.field_schemas.api import FieldSchemaService
from assay.features.field_schemas.rest import FieldSchemaRestService
from assay.features.field_schemas.service import FieldSchemas
from assay.features.field_schemas.store import UserSchemas
from assay.features.field_schemas.tables import user_schemas
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    schemas = FieldSchemas(kernel.store)
    yield FieldSchemaService(schemas)
    yield FieldSchemaRestService(schemas)


FEATURE = Feature(
    name="field_schemas", tables=(user_schemas,), stores=(UserSchemas,), services=_services
)
