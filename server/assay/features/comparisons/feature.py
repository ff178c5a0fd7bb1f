"""The feature of comparisons of two versions on the same rows."""

from collections.abc import Iterable

from assay.features.comparisons.api import ComparisonService
from assay.features.comparisons.job import ComparisonKind
from assay.features.comparisons.service import Comparisons
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    yield ComparisonService(Comparisons(kernel.store, max_attempts=kernel.limits.max_attempts))


FEATURE = Feature(name="comparisons", kinds=(ComparisonKind(),), services=_services)
