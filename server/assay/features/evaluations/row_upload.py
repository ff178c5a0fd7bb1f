"""Taking rows of one small request: made a chunk in a compute child, then measured as a file is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assay.features.evaluations.file_upload import FileUploads
from assay.features.evaluations.ingest import rows_to_chunk
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.service import EvaluationRequest, KnownEvaluation
from assay.kernel.errors import TooLarge
from assay.kernel.kernel import Compute
from assay.kernel.threads import RunInThread

MAX_ROWS = 10_000
MAX_CELLS = 1_000_000  # rows × columns; a sparse request must not become a large table
ROWS_WAIT_SECONDS = 20.0  # within the gateway's time for a write
ARROW_STREAM_TYPE = "application/vnd.apache.arrow.stream"

Columns = Mapping[str, Sequence[object]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record as it was sent: texts, booleans, ints, floats, None where nothing was."""

    plain: Mapping[str, object]  # y_true, y_pred, score, row_id, weight; only those sent
    scores: Mapping[str, float] = field(default_factory=dict)  # by label
    slices: Mapping[str, str] = field(default_factory=dict)  # by name
    features: Mapping[str, object] = field(default_factory=dict)  # by name


class RowUploads:
    """Small requests of typed rows; async, as they wait for compute children and a job."""

    def __init__(self, files: FileUploads, *, compute: Compute, run_in_thread: RunInThread) -> None:
        self._files = files
        self._compute = compute
        self._run_in_thread = run_in_thread

    async def measure(
        self,
        organization_id: str,
        request: EvaluationRequest,
        *,
        count: int,
        rows: Callable[[], Sequence[Row]],
    ) -> KnownEvaluation:
        """Measure `count` rows, and return the evaluation when it ends or time is up.

        `rows` is called in a compute child, so that it must be picklable.

        Raises:
            TooLarge: more than MAX_ROWS rows, or MAX_CELLS values.
            InvalidArgument, NotFound, WrongTaskType: the request cannot be served.
            BadPredictions: a row cannot be measured; nothing of them stays.
        """
        if count > MAX_ROWS:
            raise TooLarge(
                f"{count} rows were sent; at most {MAX_ROWS} are allowed. Send a file or Arrow "
                "chunks instead.",
                metadata={"rows": count, "limit": MAX_ROWS},
            )
        spec = await self._run_in_thread(lambda: self._files.check(organization_id, request))
        chunk = await self._compute.run(_to_chunk, spec, rows)
        return await self._files.measure(
            organization_id,
            request,
            content_type=ARROW_STREAM_TYPE,
            pieces=_one(chunk),
        )


def _to_chunk(spec: EvaluationSpec, rows: Callable[[], Sequence[Row]]) -> bytes:
    return rows_to_chunk(spec, to_columns(rows()))


def to_columns(rows: Sequence[Row]) -> Columns:
    """Return the rows as columns, named as in any upload; None where a row has no value.

    Raises:
        TooLarge: more than MAX_CELLS values, sent or not.
    """
    flat = [_flat(row) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    cells = len(flat) * len(names)
    if cells > MAX_CELLS:
        raise TooLarge(
            f"{len(flat)} rows with {len(names)} different fields were sent, {cells} values; at "
            f"most {MAX_CELLS} are allowed. Send fewer rows, or a file.",
            metadata={"rows": len(flat), "columns": len(names), "limit": MAX_CELLS},
        )
    return {name: [row.get(name) for row in flat] for name in names}


def _flat(row: Row) -> dict[str, object]:
    return {
        **row.plain,
        **{f"score:{label}": value for label, value in row.scores.items()},
        **{f"slice:{name}": value for name, value in row.slices.items()},
        **{f"feature:{name}": value for name, value in row.features.items()},
    }


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
