"""The feature of tallies, as the application takes it."""

from __future__ import annotations

from collections.abc import Iterable

from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel
from tests.probe.tallies.api import TallyService
from tests.probe.tallies.job import TallyKind
from tests.probe.tallies.rest import TallyRestService
from tests.probe.tallies.service import TallyUseCases
from tests.probe.tallies.store import Tallies, tallies


def _services(kernel: Kernel) -> Iterable[object]:
    use_cases = TallyUseCases(kernel)
    yield TallyService(use_cases)
    yield TallyRestService(use_cases)


FEATURE = Feature(
    name="tallies", tables=(tallies,), stores=(Tallies,), kinds=(TallyKind(),), services=_services
)
