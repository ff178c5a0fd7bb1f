"""What the server has compute children do while a caller waits."""

from __future__ import annotations

from collections.abc import Sequence

from assay.extraction.schema_inference import SchemaGuess
from assay.features.benchmarks.comparison import SideBySide
from assay.features.benchmarks.model import ResultPiece
from assay.features.benchmarks.paired_comparison import side_by_side
from assay.features.evaluations.ingest import IngestedChunk, ingest_chunk
from assay.features.evaluations.live_metrics import LiveState, live_state
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.row_upload import Columns
from assay.features.evaluations.typed_rows import RowsChunk, rows_to_chunk
from assay.features.imports.model import Staged
from assay.features.imports.staging import guess_schema, stage_file
from assay.kernel.jobs.executors.process_pool import LocalPool


class PoolCompute:
    """What compute children do while a caller waits."""

    def __init__(self, pool: LocalPool) -> None:
        self._pool = pool

    async def ingest(self, spec: bytes, data: bytes, first_row: int) -> IngestedChunk:
        """Decode and validate one chunk."""
        return await self._pool.run(ingest_chunk, spec, data, first_row)

    async def live(self, spec: bytes, partials: Sequence[bytes]) -> LiveState:
        """Merge partials and read the metrics that need no second look at the rows."""
        return await self._pool.run(live_state, spec, list(partials))

    async def stage(self, organization_id: str, address: str, source: str, kind: str) -> Staged:
        """Read, check and stage a file of documents."""
        return await self._pool.run(stage_file, organization_id, address, source, kind)

    async def guess(self, texts: Sequence[str], known: SchemaGuess | None) -> SchemaGuess:
        """Look at documents for the fields that they have."""
        return await self._pool.run(guess_schema, list(texts), known)

    async def rows(self, spec: EvaluationSpec, columns: Columns) -> RowsChunk:
        """Make typed rows a chunk."""
        return await self._pool.run(rows_to_chunk, spec, columns)

    async def side_by_side(
        self,
        organization_id: str,
        paths: Sequence[str],
        first: Sequence[ResultPiece],
        second: Sequence[ResultPiece],
    ) -> SideBySide:
        """Compare the results of two benchmarks."""
        return await self._pool.run(side_by_side, organization_id, paths, first, second)
