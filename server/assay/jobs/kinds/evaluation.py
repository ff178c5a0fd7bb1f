"""The job kind `evaluation`: predictions in, every number of the evaluation out.

Stages, each a set of shards that may run in any order:

1. what the upload brought as `chunk-…`, or nothing yet for a file;
2. `base` merges their partials, or reads the file and writes such chunks;
3. `rank-…` sorts score columns by key range, `row-ids-…` looks for repeated ids by hash range;
4. reduce reads the metrics off and writes the details, then the result that names them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from assay.domain.canonical import canonical_json
from assay.domain.errors import Internal
from assay.domain.evaluation import EvaluationResult
from assay.domain.evaluation_job import CHUNKS, EVALUATION_KIND, EvaluationJob
from assay.domain.job import Job, Shard, ShardRecord, chunk_key
from assay.domain.states import JobState, VersionStatus
from assay.jobs.blobs import JobBlobs
from assay.jobs.evaluating import duplicates
from assay.jobs.evaluating.details import evaluation_details
from assay.jobs.evaluating.ingest import ingest_file, rules_of
from assay.jobs.evaluating.partial import Partial, Stored, merge
from assay.jobs.evaluating.results import evaluation_result, live_numbers, measure
from assay.jobs.evaluating.stored import Manifest, ScoreReader
from assay.jobs.kinds.kind import Ending, JobView, ShardOutput
from assay.metrics.ranking import MAX_ROWS, RankCounts, RankRange, count_range, rank_ranges
from assay.metrics.statistics import ClassificationStatistic
from assay.storage.ports import Transaction

CHUNK, BASE, RANK, IDS = "chunk-", "base", "rank-", "row-ids-"
ONE_SHARD_CELLS = 2_000_000  # scores that are sorted in a single shard


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Evaluates a version on a split. The sizes of shards change no bit of the result."""

    one_shard_cells: int = ONE_SHARD_CELLS
    max_rows: int = MAX_ROWS  # of a rank shard; one of row ids holds twice as many

    @property
    def name(self) -> str:
        """The name in the ledger."""
        return EVALUATION_KIND

    def plan(
        self, job: JobView, finished: Mapping[str, ShardRecord], blobs: JobBlobs
    ) -> tuple[Shard, ...]:
        """Return the base shard, and once it is finished those that sort scores and compare ids."""
        asked = EvaluationJob.from_json(job.spec)
        if BASE not in finished:
            is_upload = asked.source == CHUNKS
            payload = _pack(finished, blobs).encode() if is_upload else b""
            return (Shard(key=BASE, payload=payload),)
        base = Partial.from_bytes(blobs.partial(finished[BASE]))
        manifest = Manifest(
            rules=rules_of(asked.spec),
            score_kind=base.shape.score_kind,
            score_labels=base.shape.score_labels,
            weighted=base.shape.has_weights,
            stored=base.stored,
        )
        address = blobs.put(manifest.to_bytes())
        return (*self._rank_shards(base, address), *self._id_shards(base, address))

    def run(self, job: JobView, shard: Shard, blobs: JobBlobs) -> ShardOutput:
        """Run one shard of any stage."""
        if shard.key == BASE:
            return self._base(job, shard, blobs)
        payload = json.loads(shard.payload)
        manifest = Manifest.from_bytes(blobs.read(payload["manifest"]))
        if shard.key.startswith(IDS):
            low, high = (int(edge, 16) for edge in payload["range"])
            found = duplicates.find_duplicates(manifest, low, high, blobs)
            return ShardOutput(partial=found.to_bytes())
        reader = ScoreReader(manifest, blobs)
        counts = [
            count_range(
                lambda column=one.column: reader.read(column),  # type: ignore[misc]  # mypy and defaults
                one,
                max_rows=self.max_rows,
            )
            for one in map(RankRange.from_list, payload["ranges"])
        ]
        return ShardOutput(partial=RankCounts.merge_all(counts).to_bytes())

    def reduce(self, job: JobView, finished: Mapping[str, ShardRecord], blobs: JobBlobs) -> bytes:
        """Return EvaluationResult.to_json(), its details being written; raises BadPredictions for repeated ids."""
        keys = sorted(key for key in finished if not key.startswith(CHUNK))  # base holds those
        partials = {key: blobs.partial(finished[key]) for key in keys}
        duplicates.refuse(
            duplicates.Duplicates.from_bytes(data)
            for key, data in partials.items()
            if key.startswith(IDS)
        )
        ranks = [
            RankCounts.from_bytes(data) for key, data in partials.items() if key.startswith(RANK)
        ]
        spec = EvaluationJob.from_json(job.spec).spec
        measured = measure(Partial.from_bytes(partials[BASE]), ranks, spec)
        details = blobs.put(evaluation_details(measured).to_json())
        return evaluation_result(measured, details).to_json()

    def settle(self, tx: Transaction, job: Job, ending: Ending) -> None:
        """Store the result and make the version ready; a job without one leaves both alone."""
        if ending.state is not JobState.SUCCEEDED or ending.result is None:
            return
        asked = EvaluationJob.from_json(job.spec)
        result = EvaluationResult.from_json(ending.result)
        tx.evaluations.finish(job.organization_id, asked.evaluation_id, result)
        version = tx.versions.get(job.organization_id, asked.version_id)
        if version.status is not VersionStatus.READY:
            tx.versions.mark_ready(job.organization_id, asked.version_id)

    def _base(self, job: JobView, shard: Shard, blobs: JobBlobs) -> ShardOutput:
        asked = EvaluationJob.from_json(job.spec)
        if asked.source == CHUNKS:
            base = merge(_unpack(blobs.read(shard.payload.decode())))
        else:
            path = blobs.path(asked.blob or "")
            if path is None:
                raise Internal(f"the blob {asked.blob} has no local file")
            base = ingest_file(path, asked.source, rules_of(asked.spec), blobs)
        return ShardOutput(
            partial=base.to_bytes(),
            levels={"metrics": live_numbers(base, asked.spec)},
            stored=() if asked.source == CHUNKS else tuple(_record(one) for one in base.stored),
        )

    def _rank_shards(self, base: Partial, manifest: str) -> list[Shard]:
        """Return shards of ranges of one column each, or a single one for a small evaluation."""
        statistic = base.statistic
        if not isinstance(statistic, ClassificationStatistic) or statistic.histogram is None:
            return []
        groups: list[list[RankRange]] = []
        small = base.rows * len(base.shape.score_labels) <= self.one_shard_cells
        held = 0
        micro = len(base.shape.score_labels) > 1
        for one in rank_ranges(
            statistic.histogram,
            max_rows=self.max_rows,
            micro=micro,
            weights=statistic.rank_weights,
        ):
            same = groups and (small or (groups[-1][0].column == one.column))
            if same and (small or held + one.rows <= self.max_rows):
                groups[-1].append(one)
                held += one.rows
            else:
                groups.append([one])
                held = one.rows
        return [
            Shard(
                key=f"{RANK}{number:06d}",
                payload=canonical_json(
                    {"manifest": manifest, "ranges": [one.to_list() for one in group]}
                ),
            )
            for number, group in enumerate(groups)
        ]

    def _id_shards(self, base: Partial, manifest: str) -> list[Shard]:
        if not base.shape.has_row_ids or len(base.stored) < 2:
            return []  # inside one chunk repeated ids were refused already
        return [
            Shard(
                key=f"{IDS}{number:06d}",
                payload=canonical_json({"manifest": manifest, "range": [f"{low:x}", f"{high:x}"]}),
            )
            for number, (low, high) in enumerate(duplicates.id_ranges(base.rows, 2 * self.max_rows))
        ]


def _record(place: Stored) -> ShardRecord:
    return ShardRecord(
        key=chunk_key(place.first_row),
        first_row=place.first_row,
        rows=place.rows,
        sha256=place.blob.removeprefix("sha256:"),
        blob=place.blob,
    )


def _pack(finished: Mapping[str, ShardRecord], blobs: JobBlobs) -> str:
    """Write what an upload brought into one blob, so that another process can merge it."""
    parts = []
    for key in sorted(finished):
        record = finished[key]
        if key.startswith(CHUNK):
            place = [record.first_row, record.rows, record.blob]
            partial = blobs.partial(record)
            head = canonical_json([*place, len(partial)])
            parts += [len(head).to_bytes(4, "little"), head, partial]
    return blobs.put(b"".join(parts))


def _unpack(data: bytes) -> list[Partial]:
    partials = []
    at = 0
    while at < len(data):
        start = at + 4 + int.from_bytes(data[at : at + 4], "little")
        first_row, rows, blob, size = json.loads(data[at + 4 : start])
        partial = Partial.from_bytes(data[start : start + size])
        partials.append(
            replace(partial, stored=(Stored(first_row=first_row, rows=rows, blob=blob),))
        )
        at = start + size
    return partials
