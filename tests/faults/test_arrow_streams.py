"""Mutated Arrow streams are refused or read, and whatever they do to a child, no server dies."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.features.evaluations.ingest import IngestedChunk, ingest_chunk
from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.features.registry import FEATURES
from assay.kernel.errors import BadFile, InvalidArgument, TooLarge
from assay.kernel.feature import preload_of
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.records import encode as encode_record
from assay.settings import prepare_compute_environment
from assay.tabular.arrow import encode
from tests.support.evaluation_in_process import asked_for

PATIENCE = 60.0
SPEC = encode_record(asked_for(EvaluationSpec(task_type=TaskType.CLASSIFICATION)))


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    """Two children with a gigabyte each, as a mutated length may ask for any amount."""
    prepare_compute_environment()
    pool = LocalPool(workers=2, memory_bytes=1 << 30, preload=preload_of(FEATURES))
    pool.warm_up()
    yield pool
    pool.close()


def seeds() -> list[bytes]:
    """Return good streams of different layouts: plain, dictionary-encoded, compressed."""
    rng = np.random.default_rng(3)
    labels = rng.choice(["ham", "spam", "eggs"], 400)
    plain = pa.table({"y_true": labels, "y_pred": labels, "row_id": [f"r{n}" for n in range(400)]})
    coded = plain.set_column(0, "y_true", plain["y_true"].dictionary_encode())
    scored = pa.table({"y_true": rng.integers(0, 2, 400), "score": rng.random(400)})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, coded.schema, options=options) as writer:
        writer.write_table(coded)
    return [encode(plain), encode(coded), encode(scored), sink.getvalue().to_pybytes()]


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Yield good streams with one or three bytes changed, or a part cut out or doubled."""
    choose = random.Random(seed)  # reproducible damage, no secret
    good = seeds()
    for number in range(count):
        data = bytearray(choose.choice(good))
        if number % 5 == 4:
            at, size = choose.randrange(len(data)), choose.randrange(1, 64)
            data[at : at + size] = b"" if number % 2 else data[at : at + size] * 2
        else:
            for _ in range(choose.choice((1, 3))):
                # Metadata comes first and does the harm, so half of the hits go there.
                most = min(len(data), 700) if choose.random() < 0.5 else len(data)
                data[choose.randrange(most)] = choose.randrange(256)
        yield bytes(data)


def feed(pool: LocalPool, streams: Iterator[bytes]) -> Counter[str]:
    """Send every stream to the pool; return how many were accepted, refused, and so on."""
    outcomes: Counter[str] = Counter()
    for future in [pool.submit(ingest_chunk, SPEC, data, 0) for data in streams]:
        error = future.exception(PATIENCE)
        if error is None:
            assert isinstance(future.result(), IngestedChunk)
            outcomes["accepted"] += 1
        else:
            assert isinstance(error, InvalidArgument | TooLarge), error
            outcomes[type(error).__name__] += 1
    return outcomes


def test_mutated_chunks_never_reach_the_server(pool: LocalPool) -> None:
    """Of 200 mutated streams each is accepted or refused, and the parent's pid is the same."""
    before = os.getpid()
    outcomes = feed(pool, mutants(200, seed=11))
    assert outcomes.total() == 200
    assert outcomes["BadFile"] > 20
    assert os.getpid() == before
    assert feed(pool, iter(seeds())) == {"accepted": 4}


@pytest.mark.slow
def test_two_thousand_mutated_chunks_never_reach_the_server(pool: LocalPool) -> None:
    """Of 2 000 mutated streams each is accepted or refused, and the pool still works."""
    before = os.getpid()
    assert feed(pool, mutants(2000, seed=12)).total() == 2000
    assert os.getpid() == before
    assert feed(pool, iter(seeds())) == {"accepted": 4}


def test_a_column_name_that_is_no_text_is_refused(pool: LocalPool) -> None:
    """A damaged column name is a damaged chunk, not a fault of the service."""
    sink = pa.BufferOutputStream()
    table = pa.table({"y_true": ["a"], "y_pred": ["a"], "slice:part": ["x"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue().to_pybytes()
    for damage in (b"slice:\xffart", b"slice:\x00art"):
        broken = data.replace(b"slice:part", damage)
        error = pool.submit(ingest_chunk, SPEC, broken, 0).exception(PATIENCE)
        assert isinstance(error, BadFile)


def test_a_compressed_bomb_is_refused(pool: LocalPool, tmp_path: Path) -> None:
    """A chunk of a few kilobytes that unpacks to gigabytes is refused, and the child lives on."""
    zeros = pa.array(np.zeros(40_000_000, np.float64))
    sink = pa.BufferOutputStream()
    table = pa.table({"y_true": zeros, "y_pred": zeros, "score": zeros})
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    before = pool.pids()
    error = pool.submit(ingest_chunk, SPEC, sink.getvalue().to_pybytes(), 0).exception(PATIENCE)
    assert isinstance(error, InvalidArgument)
    assert pool.pids() == before
