"""The feature of the server's own description."""

from collections.abc import Iterable
from importlib import metadata

from assay.features.evaluations.row_upload import MAX_ROWS
from assay.features.evaluations.upload import CHUNKS_IN_FLIGHT
from assay.features.server_info.api import Facts, ServerService
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel
from assay.kernel.rpc.paging import MAX_PAGE
from assay.metrics.registry import METRICS
from assay.metrics.spec import SPEC_VERSION
from assay.records.predictions import MAX_LABEL_CHARS, MAX_LABELS


def _services(kernel: Kernel) -> Iterable[object]:
    limits = kernel.limits
    yield ServerService(
        Facts(
            version=metadata.version("assay-quality"),
            metrics_version=str(SPEC_VERSION),
            chunk_bytes=limits.max_chunk_bytes,
            chunks_in_flight=CHUNKS_IN_FLIGHT,
            file_bytes=limits.max_file_bytes,
            body_bytes=limits.max_body_bytes,
            labels=MAX_LABELS,
            label_chars=MAX_LABEL_CHARS,
            page_size=MAX_PAGE,
            typed_rows=MAX_ROWS,
            metrics=METRICS,
        )
    )


FEATURE = Feature(name="server_info", services=_services)
