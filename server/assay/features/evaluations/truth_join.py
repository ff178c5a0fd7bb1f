"""The join of predictions with the ground truth of a stored split, by the ids of their rows.

Ids are compared by two hashes of 64 bits each. A range of the split's ids is in memory at a time;
what is known of each prediction is in a temporary file. The predictions are read twice: for their
ids, and then together with their truths.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.features.datasets.stored_split import SplitManifest, read_blocks, read_manifest
from assay.features.evaluations.model import TruthCoverage, TruthSplit
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.rows import LABEL, ROW_ID, TARGET
from assay.tabular.arrays import from_numbers, numbers
from assay.tabular.blocks import FileBlock, blocks
from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation, InputError, InputErrorCode, bad_file, truncate
from assay.tabular.file_columns import FileTables
from assay.tabular.files import read_tables
from assay.tabular.opening import OpenFile, size_of
from assay.tabular.prediction_columns import PredictionColumns
from assay.tabular.repeated_ids import id_ranges
from assay.tabular.row_ids import RowIds, row_ids_of
from assay.tabular.table import read_row_ids

RANGE_ROWS = 6_000_000  # ids of the split that are in memory at a time, some 200 MB
SLICE_ROWS = 1 << 18  # predictions that are looked up at a time
MOST_NAMED = 10

Words = NDArray[np.uint64]
Places = NDArray[np.int64]
Values = NDArray[np.float64]

_KEYS = np.dtype([("first", "<u8"), ("second", "<u8")])


@dataclass(frozen=True, kw_only=True)
class PredictionFile:
    """A file of predictions."""

    open: OpenFile
    source: str  # a format of assay.tabular.opening
    rules: Rules  # of the rows once they have their truth


class _Answers:
    """The answers of a split: codes of its labels, or numbers, by the place of the row."""

    def __init__(self, manifest: SplitManifest, blobs: JobBlobs) -> None:
        self.manifest = manifest
        self._blobs = blobs
        self.labels = tuple(manifest.labels)
        self.column = LABEL if manifest.task_type.has_label else TARGET

    def read(self) -> Iterator[tuple[RowIds, Values]]:
        """Yield the ids and the answers of each block; a label is its code as a number."""
        codes = {label: float(code) for code, label in enumerate(self.labels)}
        for block in read_blocks(self.manifest, self._blobs, columns=(ROW_ID, self.column)):
            ids = row_ids_of(pa.chunked_array([block.column(ROW_ID)]))
            answers: Any = block.column(self.column)
            if self.column == LABEL:
                coded = answers.dictionary_encode()
                known = np.array([codes[text] for text in coded.dictionary.to_pylist()])
                yield ids, known[numbers(coded.indices)]
            else:
                yield ids, numbers(answers)

    def texts(self, values: Values) -> pa.Array[Any]:
        """Return answers as a column `y_true`."""
        if self.column == TARGET:
            return pa.Array.from_buffers(
                pa.float64(), len(values), [None, pa.py_buffer(values.tobytes())]
            )
        kind: Any = pa.DictionaryArray
        labels = pa.array(list(self.labels), pa.string())
        column: pa.Array[Any] = kind.from_arrays(from_numbers(values.astype(np.int64)), labels)
        return column


class TruthJoin:
    """The rows of predictions that a split has the truth of, and how both met."""

    def __init__(
        self,
        file: PredictionFile,
        truth: TruthSplit,
        blobs: JobBlobs,
        *,
        range_rows: int = RANGE_ROWS,
    ) -> None:
        self._file = file
        self._truth = truth
        stored = blobs.of("dataset", truth.dataset_id)
        self._answers = _Answers(read_manifest(truth.manifest, stored), stored)
        self._range_rows = range_rows
        self._matched = self._sent = 0
        self._without_prediction = 0
        self._unpredicted: list[tuple[int, str]] = []
        self._unknown: list[str] = []

    def blocks(self) -> Iterator[FileBlock]:
        """Yield the predictions that have a truth, together with it, as `read_file` would.

        Raises InputError as `read_file`, and when no prediction has a truth.
        """
        with tempfile.TemporaryFile() as keys, tempfile.TemporaryFile() as values:
            for table, location in self._tables():
                ids = read_row_ids(table, location)
                pairs = np.empty(len(ids), _KEYS)
                pairs["first"], pairs["second"] = ids.hashes, ids.second_hashes
                keys.write(pairs.tobytes())
                values.write(np.full(len(ids), np.nan).tobytes())
                self._sent += len(ids)
            keys.flush()
            values.flush()
            if not self._sent:
                file = self._read()
                raise bad_file(file.nothing, file.allowed, "Send at least one row", rows=0)
            sent = np.memmap(keys, _KEYS, "r", shape=(self._sent,))
            found = np.memmap(values, np.float64, "r+", shape=(self._sent,))
            self._match(sent, found)
            yield from self._joined(found)

    def coverage(self) -> TruthCoverage:
        """Return how predictions and truths met, once all blocks were read."""
        return TruthCoverage(
            dataset_id=self._truth.dataset_id,
            revision=self._truth.revision,
            split=self._truth.split,
            rows=self._answers.manifest.rows,
            matched=self._matched,
            without_prediction=self._without_prediction,
            without_truth=self._sent - self._matched,
            unpredicted_ids=tuple(text for _, text in self._unpredicted),
            unknown_ids=tuple(self._unknown),
        )

    def _read(self) -> FileTables:
        columns = PredictionColumns(replace(self._file.rules, joined=True))
        return read_tables(self._file.open, self._file.source, columns)

    def _tables(self) -> Iterator[tuple[pa.Table, ErrorLocation]]:
        file = self._read()
        first_row = 0
        for table in file.tables:
            yield table, ErrorLocation(first_row=first_row, line_of=file.line_of)
            first_row += table.num_rows

    def _match(self, sent: NDArray[Any], found: Values) -> None:
        """Write the answer of each prediction that has one."""
        for low, high in id_ranges(self._answers.manifest.rows, self._range_rows):
            known = self._range(low, high)
            is_met = np.zeros(len(known.first), np.bool_)
            for at in range(0, len(sent), SLICE_ROWS):
                part = sent[at : at + SLICE_ROWS]
                rows, places = known.find(part["first"], part["second"])
                found[at + rows] = known.answers[places]
                is_met[places] = True
                self._matched += len(rows)
            self._note_unmet(known, np.flatnonzero(~is_met))

    def _range(self, low: int, high: int) -> _Known:
        firsts, seconds, answers, places = [], [], [], []
        before = 0
        for ids, values in self._answers.read():
            inside = np.flatnonzero(
                (ids.hashes >= np.uint64(low)) & (ids.hashes <= np.uint64(high - 1))
            )
            firsts.append(ids.hashes[inside])
            seconds.append(ids.second_hashes[inside])
            answers.append(values[inside])
            places.append(inside + before)
            before += len(ids)
        first, second = np.concatenate(firsts), np.concatenate(seconds)
        order = np.lexsort((second, first))
        return _Known(
            first=first[order],
            second=second[order],
            answers=np.concatenate(answers)[order],
            places=np.concatenate(places)[order],
        )

    def _note_unmet(self, known: _Known, unmet: Places) -> None:
        self._without_prediction += len(unmet)
        earliest = np.sort(known.places[unmet])[:MOST_NAMED]
        named = [*self._unpredicted, *self._named(earliest)]
        self._unpredicted = sorted(named)[:MOST_NAMED]

    def _named(self, places: Places) -> Iterator[tuple[int, str]]:
        """Yield the place and the id of some rows of the split."""
        before = 0
        for ids, _ in self._answers.read() if len(places) else ():
            here = places[(places >= before) & (places < before + len(ids))]
            yield from zip(here.tolist(), ids.at(here - before), strict=True)
            before += len(ids)

    def _joined(self, found: Values) -> Iterator[FileBlock]:
        if not self._matched:
            raise self._nothing_met()
        file = self._read()
        size = size_of(self._file.open)
        joined = replace(file, tables=self._with_truth(file, found), is_numbered=True)
        yield from blocks(joined, size, self._file.rules)

    def _with_truth(self, file: FileTables, found: Values) -> Iterator[pa.Table]:
        first_row = 0
        for table in file.tables:
            answers = np.asarray(found[first_row : first_row + table.num_rows])
            kept = np.flatnonzero(~np.isnan(answers))
            if len(kept) < table.num_rows and len(self._unknown) < MOST_NAMED:
                lost = np.flatnonzero(np.isnan(answers))[: MOST_NAMED - len(self._unknown)]
                self._unknown += row_ids_of(table["row_id"]).at(lost)
            if len(kept):
                rows = table if len(kept) == table.num_rows else table.take(from_numbers(kept))
                rows = rows.append_column("y_true", self._answers.texts(answers[kept]))
                yield rows.append_column("", from_numbers(kept + first_row))
            first_row += table.num_rows

    def _nothing_met(self) -> InputError:
        theirs = next(iter(self._unpredicted), (0, ""))[1]
        table, _ = next(self._tables())
        ours = row_ids_of(table["row_id"]).at(np.arange(1))[0]
        return InputError(
            InputErrorCode.BAD_ROWS,
            f"None of the {self._sent} row ids is one of the split {self._truth.split} of the dataset "
            f"'{self._truth.dataset_id}': the first that was sent is '{truncate(ours)}', the first of "
            f"the split '{truncate(theirs)}'. Send the ids that the split was stored with.",
            {"dataset_id": self._truth.dataset_id, "split": self._truth.split, "rows": self._sent},
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A range of a split's ids in order, with their answers."""

    first: Words  # (ids,) rising
    second: Words  # (ids,) rising where `first` is equal
    answers: Values  # (ids,)
    places: Places  # (ids,) of the rows in the split

    def find(self, first: Words, second: Words) -> tuple[Places, Places]:
        """Return which of some ids are known, and their places in this range."""
        at = np.searchsorted(self.first, first)
        rows = np.arange(len(first))
        found_rows: list[Places] = []
        found_at: list[Places] = []
        while len(rows):  # once, but for ids whose first hash another one has too
            live = at < len(self.first)
            rows, at = rows[live], at[live]
            alike = self.first[at] == first[rows]
            rows, at = rows[alike], at[alike]
            same = self.second[at] == second[rows]
            found_rows.append(rows[same])
            found_at.append(at[same])
            rows, at = rows[~same], at[~same] + 1
        empty = np.empty(0, np.int64)
        return np.concatenate([empty, *found_rows]), np.concatenate([empty, *found_at])
