"""Invoices with known errors, and benchmarks of them without pool, ledger or runner."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.features.benchmarks.events import DocumentsCompared
from assay.features.benchmarks.job import BenchmarkKind
from assay.features.benchmarks.model import BenchmarkJob, BenchmarkResult
from assay.features.benchmarks.results_artifact import DocumentResult, ResultBlob
from assay.features.benchmarks.snapshot_artifact import Snapshot, read_line, take_snapshot
from assay.features.extraction_runs.model import Pair
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.records import decode
from tests.support.kind_in_process import run_in_process

ORG = "acme"
INVOICE = FieldSchema(
    fields=(
        Field(name="vendor", type=FieldType.TEXT),
        Field(name="total", type=FieldType.MONEY),
        Field(name="paid", type=FieldType.BOOLEAN),
        Field(
            name="lines",
            type=FieldType.TABLE,
            fields=(
                Field(name="item", type=FieldType.TEXT),
                Field(name="amount", type=FieldType.NUMBER),
            ),
        ),
    )
)


def invoices(count: int, seed: int = 1, wrong: float = 0.1) -> list[Pair]:
    """Return documents whose extractions err in every way; of some there is none."""
    chance = random.Random(seed)
    return [_pair(number, chance, wrong) for number in range(count)]


def _pair(number: int, chance: random.Random, wrong: float) -> Pair:
    expected = {
        "vendor": f"Vendor {number % 7}",
        "total": f"{number}.50",
        "paid": number % 3 == 0,
        "lines": [{"item": f"thing {n}", "amount": n + 0.25} for n in range(number % 4)],
    }
    found = json.loads(json.dumps(expected))
    if chance.random() < wrong:
        found["vendor"] = "Somebody else"
    if chance.random() < wrong:
        del found["total"]
    if chance.random() < wrong and found["lines"]:
        found["lines"][0]["amount"] = 99
    if chance.random() < wrong:
        found["lines"].append({"item": "invented", "amount": 1})
        found["stamp"] = "unexpected"
    confidence = {"vendor": round(chance.random(), 3), "total": round(chance.random(), 3)}
    absent = chance.random() < wrong / 2
    return Pair(
        entry_id=f"00000000-0000-4000-8000-{number:012d}",
        document_id=f"doc-{number:05d}",
        expected=json.dumps(expected),
        extraction_id=None if absent else f"x{number}",
        run_id=None if absent else "run",
        data=None if absent else json.dumps(found),
        confidence=None if absent else json.dumps(confidence),
    )


@dataclass(frozen=True)
class Ran:
    """What a benchmark has left."""

    result: BenchmarkResult
    documents: tuple[DocumentResult, ...]
    details: bytes
    events: tuple[DocumentsCompared, ...]
    bytes: bytes


class InProcess:
    """Runs the kind `benchmark`, its tasks in a shuffled order."""

    def __init__(self, folder: Path) -> None:
        self.blobs = JobBlobs(open_blobs(folder), ORG)
        self.kind = BenchmarkKind()

    def snapshot(self, pairs: Iterable[Pair], most_documents: int = 100) -> Snapshot:
        """Take a snapshot in pieces of so many documents."""
        return take_snapshot(pairs, self.blobs.put, most_documents=most_documents)

    def spec(self, snapshot: Snapshot, schema: FieldSchema | None = INVOICE) -> BenchmarkJob:
        """Return the job of a snapshot."""
        return BenchmarkJob(
            benchmark_id="00000000-0000-4000-8000-000000000000",
            schema=None if schema is None else self.blobs.put(schema.encoded()),
            documents=snapshot.documents,
            truth=snapshot.truth,
            blobs=snapshot.blobs,
        )

    def run(
        self,
        pairs: Sequence[Pair],
        most_documents: int = 100,
        schema: FieldSchema | None = INVOICE,
    ) -> Ran:
        """Run a benchmark to its end."""
        spec = self.spec(self.snapshot(pairs, most_documents), schema)
        run = run_in_process(self.kind, spec, self.blobs)
        data = run.result
        result = decode(BenchmarkResult, data)
        return Ran(
            result=result,
            documents=tuple(self.documents(result)),
            details=self.blobs.read(result.details),
            events=tuple(run.events[key].data for key in sorted(run.events)),
            bytes=data,
        )

    def documents(self, result: BenchmarkResult) -> Iterator[DocumentResult]:
        """Yield the results of all documents, in their order."""
        for piece in result.blobs:
            blob = ResultBlob(io.BytesIO(self.blobs.read(piece.blob)))
            for number in range(piece.documents):
                line = blob.line(number)
                data = self.blobs.read(line.blob)[line.offset :][: line.size]
                yield blob.result(number, read_line(data))
