"""Arrow IPC streams: the only decoder of one.

A mutated stream can crash the decoder in spite of every check here, so this runs in compute
children alone, under a memory limit.
"""

from __future__ import annotations

import pyarrow as pa

from assay.tabular.chunk import MAX_CHUNK_ROWS, Chunk, Rules
from assay.tabular.errors import ErrorLocation, bad_file
from assay.tabular.table import chunk_from_table

FORMAT = "a chunk is one self-contained Arrow IPC stream"
END_MARK = b"\xff\xff\xff\xff\0\0\0\0"  # the last eight bytes of every whole stream
WAY_OUT = "Write the chunk again with an Arrow library and send it whole"


def read_chunk(data: bytes, rules: Rules, first_row: int) -> Chunk:
    """Return the validated rows of one chunk.

    Raises InputError when the bytes are no whole Arrow stream or hold no rows, and
    InputError, with row and column, when the rows break a rule.
    """
    return chunk_from_table(decode(data), rules, ErrorLocation(first_row=first_row))


def decode(data: bytes) -> pa.Table:
    """Return the stream's rows as a table, each buffer checked; raises InputError."""
    if not data:
        raise bad_file("The chunk is empty", FORMAT, WAY_OUT, bytes=0)
    if not data.endswith(END_MARK):
        # Arrow takes the end of the bytes for the end of the stream, so a cut could lose rows.
        raise bad_file(
            f"The {len(data)} bytes end before an Arrow stream does",
            FORMAT,
            WAY_OUT,
            bytes=len(data),
        )
    try:
        table = _read(data)
    except MemoryError as error:
        raise bad_file(
            "The chunk needs more memory than a chunk is given",
            FORMAT,
            "Send it in smaller chunks, without compression",
            bytes=len(data),
        ) from error
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise bad_file(
            f"The {len(data)} bytes cannot be read as Arrow ({first_line(error)})",
            FORMAT,
            WAY_OUT,
            bytes=len(data),
        ) from error
    if table.num_rows == 0:
        raise bad_file("The chunk holds no rows", "a chunk has at least one row", WAY_OUT, rows=0)
    return table


def _read(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        batches = []
        rows = 0
        for batch in reader:
            rows += batch.num_rows
            if rows > MAX_CHUNK_ROWS:
                raise bad_file(
                    f"The chunk holds {rows} rows or more",
                    f"at most {MAX_CHUNK_ROWS} are allowed",
                    "Send it in smaller chunks",
                    rows=rows,
                )
            batch.validate(full=True)
            batches.append(batch)
        table = pa.Table.from_batches(batches, reader.schema)
    table.validate()  # every value was looked at above
    if "\0" in "".join(table.column_names):  # names are decoded only now: they may be no UTF-8
        raise ValueError("a column name holds the character U+0000")
    return table


def encode(table: pa.Table) -> bytes:
    """Return a table as one self-contained Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    written: bytes = sink.getvalue().to_pybytes()
    return written


def first_line(error: Exception) -> str:
    """Return what an error says, in one short line."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
