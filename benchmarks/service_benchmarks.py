"""What a benchmark costs beside its comparing, what a page of many benchmarks costs, and memory.

The peer of a benchmark is the bare comparator: comparing and counting the same snapshot in a pool
of two processes, with nothing stored and nothing told. The seconds of the job are those of its
row, from the submit to the end, with every document's result stored.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime as dt
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness

from assay.features.benchmarks.store import Benchmarks
from assay.features.registry import FEATURES
from assay.kernel.feature import kinds_of, preload_of
from assay.kernel.jobs.ledger_runs import Jobs
from assay.records import arrays, encode

WORKERS = 2
FIELDS = 20
MAX_RATIO = 1.5
MAX_PAGE_RATIO = 2.0
MEMORY_GROWTH = 1.25  # of the largest process, at four times the documents
ORG = "bench"


def schema() -> Any:
    """Return twenty fields of mixed kinds."""
    from assay.extraction.schema import Field, FieldSchema, FieldType

    kinds = [
        *[FieldType.TEXT] * 7, *[FieldType.MONEY] * 5, *[FieldType.DATE] * 3,
        *[FieldType.CODE] * 3, *[FieldType.NUMBER] * 2,
    ]  # fmt: skip  # a mix
    return FieldSchema(
        fields=tuple(
            Field(name=f"field_{number}", type=kind, fuzzy=number < 2)
            for number, kind in enumerate(kinds)
        )
    )


def value(kind: str, chance: random.Random, *, again: str | None = None) -> str:
    """Return a value of a kind; `again` is one that it should be the same as, spelled anew."""
    number = chance.randrange(10_000)
    if again is not None:
        return f" {again}" if chance.random() < 0.5 else again
    return {
        "text": f"Vendor number {number} of somewhere",
        "money": f"{number}.{chance.randrange(100):02d} EUR",
        "date": f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "code": f"INV-{number:06d}",
        "number": f"{number}.5",
    }[kind]


def pairs(documents: int, fields: Any, seed: int = 1) -> Iterator[Any]:
    """Yield documents of which a tenth of the values is wrong, and some are spelled otherwise."""
    from assay.features.extraction_runs.model import Pair

    chance = random.Random(seed)  # noqa: S311 - the same documents at every run
    for number in range(documents):
        expected = {one.name: value(one.type, chance) for one in fields.fields}
        found = {
            one.name: value(one.type, chance)
            if chance.random() < 0.1
            else value(one.type, chance, again=expected[one.name])
            for one in fields.fields
        }
        sure = {name: round(chance.random(), 3) for name in found}
        yield Pair(
            entry_id=f"00000000-0000-4000-8000-{number:012d}",
            document_id=f"doc-{number:08d}",
            expected=json.dumps(expected),
            extraction_id="x",
            run_id="r",
            data=json.dumps(found),
            confidence=json.dumps(sure),
        )


def bare(folder: str, address: str, definition: bytes) -> bytes:
    """Compare and count one piece of a snapshot: what a benchmark cannot save."""
    from assay.extraction.comparison import compare
    from assay.extraction.field_counts import ComparisonCounts
    from assay.extraction.schema import FieldSchema
    from assay.features.benchmarks.snapshot_artifact import read_piece
    from assay.kernel.storage.blobs import open_blobs

    fields = FieldSchema.parse(definition)
    found = [
        compare(fields, one.expected, one.extracted, one.confidence)
        for one in read_piece(open_blobs(folder).read(ORG, address))
    ]
    return arrays.encode(ComparisonCounts.of_all(found))


class LocalService:
    """A store, blobs, a pool and a runner in this process, as `assay work` has them."""

    def __init__(self, folder: Path) -> None:
        from assay.kernel.jobs.executors.process_pool import LocalPool
        from assay.kernel.jobs.runner import Runner
        from assay.kernel.jobs.states import is_terminal
        from assay.kernel.storage.blobs import open_blobs
        from assay.kernel.storage.store import open_store

        self.folder = folder
        self.blobs_url = str(folder / "blobs")
        self.blobs = open_blobs(self.blobs_url)
        self.store = open_store(f"sqlite:///{folder}/assay.db", upgrade=True)
        self.pool = LocalPool(
            workers=WORKERS, memory_bytes=2 << 30, preload=preload_of(FEATURES),
        )  # fmt: skip  # one call
        self.pool.warm_up()
        self._ended = threading.Event()
        self._is_terminal = is_terminal
        self._runner = Runner(
            self.store,
            blobs=self.blobs,
            executor=self.pool,
            kinds=kinds_of(FEATURES),
            listener=lambda news: self._ended.set() if news.what == "ended" else None,
        )
        self._runner.start()

    def close(self) -> None:
        """Stop all."""
        self._runner.stop()
        self.pool.close()
        self.store.close()

    def snapshot(self, documents: int) -> Any:
        """Write a snapshot."""
        from assay.features.benchmarks.snapshot_artifact import take_snapshot

        return take_snapshot(pairs(documents, schema()), lambda data: self.blobs.put(ORG, data))

    def run(self, snapshot: Any) -> float:
        """Run a benchmark to its end; return its seconds."""
        from assay.features.benchmarks.model import BENCHMARK_KIND, BenchmarkJob, BenchmarkRow
        from assay.kernel.ids import Ids
        from assay.kernel.jobs.job import NewJob

        benchmark_id = Ids().new_uuid()
        spec = BenchmarkJob(
            benchmark_id=benchmark_id,
            schema=self.blobs.put(ORG, schema().encoded()),
            documents=snapshot.documents,
            truth=snapshot.truth,
            blobs=snapshot.blobs,
        )
        self._ended.clear()
        with self.store.write() as uow:
            job = uow[Jobs].submit(ORG, NewJob(kind=BENCHMARK_KIND, spec=encode(spec)))
            uow[Benchmarks].create(
                ORG,
                BenchmarkRow(
                    benchmark_id=benchmark_id, name="b", dataset_id="d", run_id=None,
                    user_schema_id=None, job_id=job.job_id,
                    documents_total=snapshot.documents, compare_to=None,
                ),
            )  # fmt: skip  # one call
        assert self._ended.wait(600)
        with self.store.read() as uow:
            found = uow[Benchmarks].get(ORG, benchmark_id)
        assert found.scores is not None, found.error
        assert found.ended_at is not None
        return (found.ended_at - found.created_at).total_seconds()

    def peak(self) -> float:
        """Return the largest resident set of a compute child so far, in MiB."""
        import processes

        peaks = []
        for pid in processes.tree(multiprocessing.current_process().pid or 0)[1:]:
            status = Path(f"/proc/{pid}/status").read_text()
            peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
        return max(peaks) / 1024


def compared(documents: int, rounds: int) -> list[harness.Ratio]:
    """Return the ratio of benchmarks to the bare comparator on two processes."""
    context = multiprocessing.get_context("spawn")
    definition = schema().encoded()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        service = LocalService(Path(name))
        pool = concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=context)
        try:
            snapshot = service.snapshot(documents)
            folder = service.blobs_url
            addresses = [address for address, _ in snapshot.blobs]

            def peer() -> None:
                futures = [pool.submit(bare, folder, one, definition) for one in addresses]
                for future in futures:
                    future.result()

            ours, theirs = [], []
            for _ in range(rounds + 1):
                ours.append(service.run(snapshot))
                theirs.append(harness.seconds(peer))
        finally:
            pool.shutdown()
            service.close()
    return [
        harness.Ratio(
            name=f"benchmark of {documents} documents × {FIELDS} fields, all results stored",
            ours=statistics.median(ours[1:]),
            peer=statistics.median(theirs[1:]),
            peer_name="bare comparator, two processes",
            at_most=MAX_RATIO,
        )
    ]


def memory(documents: int) -> tuple[float, float]:
    """Return the peaks of compute children in MiB, of a benchmark and of one four times larger."""
    found = []
    for count in (documents, 4 * documents):
        with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
            service = LocalService(Path(name))
            try:
                service.run(service.snapshot(count))
                found.append(service.peak())
            finally:
                service.close()
    return found[0], found[1]


def pages(benchmarks: int, rounds: int) -> list[harness.Ratio]:
    """Return the ratio of the slowest page of many benchmarks to the first one."""
    from assay.features.benchmarks.service import BenchmarkQuery, BenchmarkUseCases
    from assay.kernel.clock import Clock
    from assay.kernel.ids import Ids
    from assay.kernel.storage.blobs import open_blobs
    from assay.kernel.storage.store import open_store

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        store = open_store(f"sqlite:///{name}/assay.db", upgrade=True)
        fill(store, benchmarks)
        blobs = open_blobs(f"{name}/blobs")
        listing = BenchmarkUseCases(store, blobs, Ids(), Clock())
        cursors, cursor = [""], ""
        while True:
            found = listing.list(ORG, BenchmarkQuery(cursor=cursor, limit=100))
            assert found.total == benchmarks
            if found.next_cursor is None:
                break
            cursor = found.next_cursor
            cursors.append(cursor)
        times: dict[str, list[float]] = {one: [] for one in cursors}
        for _ in range(rounds):
            for one in cursors:
                start = time.perf_counter()
                listing.list(ORG, BenchmarkQuery(cursor=one, limit=100))
                times[one].append(time.perf_counter() - start)
        store.close()
    # The least of the rounds counts: other processes only ever add.
    least = [min(times[one]) for one in cursors]
    return [
        harness.Ratio(
            name=f"the slowest page of {benchmarks} benchmarks, 100 a page",
            ours=max(least[:-1]),
            peer=least[0],
            peer_name="the first page",
            at_most=MAX_PAGE_RATIO,
        )
    ]


def fill(store: Any, benchmarks: int) -> None:
    """Store completed benchmarks of a few datasets."""
    from assay.features.benchmarks.model import BenchmarkRow, Scores
    from assay.kernel.jobs.job import NewJob, Owner
    from assay.kernel.jobs.states import JobState

    owner = Owner(host="h", boot_id="b", pid=1, started="1")
    scores = Scores(overall=0.9, by_field=tuple((f"field_{n}", 0.9) for n in range(FIELDS)))
    for start in range(0, benchmarks, 500):
        with store.write() as uow:
            for number in range(start, min(start + 500, benchmarks)):
                job = uow[Jobs].submit(ORG, NewJob(kind="benchmark", spec=b"{}"))
                uow[Benchmarks].create(
                    ORG,
                    BenchmarkRow(
                        benchmark_id=f"b-{number:06d}", name=f"Benchmark {number}",
                        dataset_id=f"d{number % 7}", run_id=None, user_schema_id=None,
                        job_id=job.job_id, documents_total=50, compare_to=None,
                    ),
                )  # fmt: skip  # one call
                held = uow[Jobs].claim(owner, 60, ["benchmark"])
                uow[Jobs].end(ORG, held.job_id, held.epoch, JobState.SUCCEEDED, result=b"{}")
                uow[Benchmarks].finish(ORG, f"b-{number:06d}", scores)


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--benchmarks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC")
    ratios = compared(asked.documents, asked.rounds) + pages(asked.benchmarks, asked.rounds)
    missed = harness.report("Benchmarks of extractions", ratios)
    small, large = memory(asked.documents // 4)
    grown = large / small
    print(
        f"\nMemory of a compute child: {small:.0f} MiB at {asked.documents // 4} documents, "
        f"{large:.0f} MiB at {asked.documents}: {grown:.2f}×, bar ≤ {MEMORY_GROWTH}×"
    )
    return missed or int(grown > MEMORY_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
