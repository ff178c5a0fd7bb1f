"""What a second compute process brings: the job of a finished upload with one and with two.

Rows have ten distinct float64 score columns. The clock runs from FinishEvaluation to the
committed result, when the client is idle and only compute processes work; the time of the upload
itself, in which client and service share the machine's cores, is told beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from collections.abc import Iterator

import harness
import numpy as np
import processes
import pyarrow as pa
from service_uploads import Chunk, upload

ROWS = 10_000_000
CLASSES = 10
CHUNK_ROWS = 12_000
MIN_SPEEDUP = 1.6


def chunks(rows: int, seed: int = 1) -> Iterator[Chunk]:
    """Yield `rows` rows of ten classes as chunks of at most 1 MiB."""
    random = np.random.default_rng(seed)
    names = [f"class-{code}" for code in range(CLASSES)]
    for first in range(0, rows, CHUNK_ROWS):
        count = min(CHUNK_ROWS, rows - first)
        scores = random.standard_exponential((count, CLASSES))
        scores /= scores.sum(axis=1, keepdims=True)
        guess = scores.argmax(axis=1)
        true = np.where(random.random(count) < 0.85, guess, random.integers(0, CLASSES, count))
        labels = pa.DictionaryArray.from_arrays(true.astype(np.int8), pa.array(names))
        columns = {f"score:{name}": scores[:, code].copy() for code, name in enumerate(names)}
        batch = pa.record_batch({"y_true": labels, **columns})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        data = sink.getvalue().to_pybytes()
        yield Chunk(first_row=first, rows=count, data=data, sha256=hashlib.sha256(data).digest())


def measured(made: list[Chunk], workers: int) -> tuple[float, float]:
    """Return the seconds of the upload and those of the job behind it, with so many processes."""
    from assay.client import Client

    with processes.service(workers=str(workers)) as service:
        with Client(service.grpc, api_key=processes.SECRET) as client:
            client.models.create("Bench", "classification", model_id="bench")
            client.versions.create("bench", version_id="bench-1")
        asyncio.run(upload(service.grpc, made[:20]))
        uploaded, ended = asyncio.run(upload(service.grpc, made))
    return uploaded, ended - uploaded


def main() -> int:
    """Print the ratio; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    made = list(chunks(parser.parse_args().rows))
    one, two = measured(made, 1), measured(made, 2)
    rows = sum(chunk.rows for chunk in made)
    return harness.report(
        f"Two compute processes against one, {rows:,} rows × {CLASSES} scores",
        [
            harness.Ratio(
                name=name, ours=with_two, peer=with_one, peer_name="one process", at_least=bar
            )
            for name, with_one, with_two, bar in (
                ("finish to result", one[1], two[1], MIN_SPEEDUP),
                ("upload, beside the client", one[0], two[0], None),
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
