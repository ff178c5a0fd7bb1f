"""The feature of API keys."""

from collections.abc import Iterable
from functools import partial

from assay.features.keys.api import KeyService
from assay.features.keys.service import KeyUseCases
from assay.features.keys.store import Keys
from assay.features.keys.tables import api_keys
from assay.kernel.feature import Feature, FindKey
from assay.kernel.identity import ApiKey
from assay.kernel.kernel import Kernel


def _services(kernel: Kernel) -> Iterable[object]:
    yield KeyService(KeyUseCases(kernel.store, kernel.ids, kernel.clock))


def _find_key(kernel: Kernel) -> FindKey:
    keys = KeyUseCases(kernel.store, kernel.ids, kernel.clock)

    async def find(prefix: str) -> ApiKey | None:
        return await kernel.run_in_thread(partial(keys.find, prefix))

    return find


FEATURE = Feature(
    name="keys", tables=(api_keys,), stores=(Keys,), services=_services, find_key=_find_key
)
