"""Files that are bombs or damaged are refused, and whatever they do to a child, no server dies."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.features.registry import FEATURES
from assay.kernel.errors import AssayError, BadFile, BadPredictions, TooLarge
from assay.kernel.feature import preload_of
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.settings import prepare_compute_environment
from assay.tabular.chunk import Rules
from assay.tabular.files import read_file
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, PARQUET
from tests.support.file_formats import written

PATIENCE = 120.0


def rows_of(path: Path, source: str) -> int:
    """Read a file to its end; for a child of a pool."""
    with input_refused():
        blocks = read_file(partial(path.open, "rb"), source, Rules())
        return sum(block.chunk.rows for block in blocks)


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    """A child with 512 MiB."""
    prepare_compute_environment()
    pool = LocalPool(workers=1, memory_bytes=1 << 29, preload=preload_of(FEATURES))
    pool.warm_up()
    yield pool
    pool.close()


def refusal(pool: LocalPool, path: Path, source: str) -> BaseException | None:
    """Return how a child refuses a file; the child lives on."""
    before = pool.pids()
    error = pool.submit(rows_of, path, source).exception(PATIENCE)
    assert pool.pids() == before
    return error


def test_a_parquet_bomb_is_refused(pool: LocalPool, tmp_path: Path) -> None:
    """A Parquet file of kilobytes whose texts unpack to gigabytes is refused as too large."""
    path = tmp_path / "bomb"
    words = pa.array(["x" * 20_000_000] * 4).dictionary_encode().cast(pa.string())
    table = pa.table({"y_true": ["a"] * 4, "y_pred": ["a"] * 4, "feature:text": words})
    with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(table)
    assert path.stat().st_size < 1_000_000
    assert isinstance(refusal(pool, path, PARQUET), TooLarge)


def test_an_arrow_bomb_is_refused(pool: LocalPool, tmp_path: Path) -> None:
    """An Arrow file whose one batch unpacks to more than a child's memory is refused."""
    zeros = pa.array(np.zeros(40_000_000, np.float64))
    table = pa.table({"y_true": zeros, "y_pred": zeros, "score": zeros})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(tmp_path / "bomb", table.schema, options=options) as writer:
        writer.write_table(table)
    assert isinstance(refusal(pool, tmp_path / "bomb", ARROW_FILE), TooLarge)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (ARROW_STREAM, "The schema has "),
        (ARROW_FILE, "The schema has "),
        (CSV, "1000000 columns"),
    ],
)
def test_a_million_columns_are_refused(
    source: str, told: str, pool: LocalPool, tmp_path: Path
) -> None:
    """A file of a million columns is refused before they are decoded, and the child lives on."""
    names = ["y_true", "y_pred", *(f"feature:{n}" for n in range(999_998))]
    path = tmp_path / "wide"
    if source == CSV:
        path.write_text(f"{','.join(names)}\n{'1,' * 999_999}1\n")
    else:
        write = pa.ipc.new_stream if source == ARROW_STREAM else pa.ipc.new_file
        with write(path, pa.schema([(name, pa.int8()) for name in names])):
            pass  # the schema is the bomb
    error = refusal(pool, path, source)
    assert isinstance(error, AssayError)
    assert told in error.message


@pytest.mark.slow
def test_endless_rows_are_refused(pool: LocalPool, tmp_path: Path) -> None:
    """A file of a few megabytes that holds billions of equal rows is refused before the disk is full."""
    rows = 10_000_000
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["a"]))
    table = pa.table({"y_true": same, "y_pred": same})
    with pq.ParquetWriter(tmp_path / "endless", table.schema, compression="zstd") as writer:
        for _ in range(200):
            writer.write_table(table, row_group_size=rows)
    error = refusal(pool, tmp_path / "endless", PARQUET)
    assert isinstance(error, TooLarge)
    assert "may unpack to" in error.message


def test_damaged_files_never_reach_the_server(pool: LocalPool, tmp_path: Path) -> None:
    """Of 300 damaged Parquet and Arrow files each is read or refused, and the pool still works."""
    choose = random.Random(5)  # reproducible damage, no secret
    table = pa.table({"y_true": ["a", "b"] * 200, "y_pred": ["a", "a"] * 200})
    good = {source: written(table, source) for source in (PARQUET, ARROW_FILE, ARROW_STREAM)}
    refused = 0
    for number in range(300):
        source = choose.choice(list(good))
        data = bytearray(good[source])
        for _ in range(choose.choice((1, 3))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        error = pool.submit(rows_of, path, source).exception(PATIENCE)
        assert error is None or isinstance(error, BadFile | BadPredictions | TooLarge), (
            number,
            error,
        )
        refused += error is not None
    assert refused > 100
    assert pool.submit(rows_of, tmp_path / "good", PARQUET).exception(PATIENCE) is not None
    (tmp_path / "good").write_bytes(good[PARQUET])
    assert pool.submit(rows_of, tmp_path / "good", PARQUET).result(PATIENCE) == 400
