"""What one piece of a benchmark's documents leaves: counts that merge, exactly, in any order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from assay.domain.benchmark_results import Head, filter_counts, write_results
from assay.domain.benchmark_snapshot import read_piece
from assay.domain.canonical import canonical_json
from assay.extraction.compare import DocumentComparison, compare
from assay.extraction.schema import FieldSchema
from assay.extraction.tally import FieldTally
from assay.metrics.calibration import CalibrationBins
from assay.metrics.chunk import ClassificationChunk
from assay.metrics.codec import Reader, Writer

KIND = b"P"
RIGHT = "right"  # whose probability a confidence is

Filters = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The statistics of some documents."""

    tally: FieldTally
    calibration: Mapping[str, CalibrationBins]  # by path, of fields that came with confidences
    filters: Mapping[str, Mapping[str, int]]  # of domain.benchmark_results.filter_counts

    @classmethod
    def merge_all(cls, pieces: Iterable[Piece]) -> Piece:
        """Return the statistics of the documents of all."""
        tally = FieldTally.empty()
        calibration: dict[str, CalibrationBins] = {}
        filters: Filters = {}
        for piece in pieces:
            tally = tally.merge(piece.tally)
            for path, bins in piece.calibration.items():
                mine = calibration.get(path)
                calibration[path] = (
                    bins if mine is None else CalibrationBins.merge_all([mine, bins])
                )
            for path, counts in piece.filters.items():
                ours = filters.setdefault(path, {})
                for key, number in counts.items():
                    ours[key] = ours.get(key, 0) + number
        return cls(tally=tally, calibration=calibration, filters=filters)

    def to_bytes(self) -> bytes:
        """Encode; equal statistics give equal bytes."""
        writer = Writer()
        writer.blob(self.tally.to_bytes())
        writer.blob(canonical_json(self.filters))
        writer.count(len(self.calibration))
        for path in sorted(self.calibration):
            writer.text(path)
            self.calibration[path].write(writer)
        return writer.seal(KIND)

    @classmethod
    def from_bytes(cls, data: bytes) -> Piece:
        """Decode; raises CodecError."""
        reader = Reader.unseal(data, KIND)
        tally, filters = FieldTally.from_bytes(reader.blob()), json.loads(reader.blob())
        calibration = {}
        for _ in range(reader.count()):
            path = reader.text()
            calibration[path] = CalibrationBins.read(reader)
        reader.end()
        return cls(tally=tally, calibration=calibration, filters=filters)


@dataclass(frozen=True, kw_only=True)
class ComparedPiece:
    """A piece after its comparison."""

    piece: Piece
    results: bytes  # blob of domain.benchmark_results
    heads: tuple[Head, ...]


def compare_piece(data: bytes, schema: FieldSchema) -> ComparedPiece:
    """Compare the documents of one piece of a snapshot."""
    compared = [
        (
            one.entry_id,
            one.document_id,
            compare(schema, one.expected, one.extracted, one.confidence),
        )
        for one in read_piece(data)
    ]
    found = [comparison for _, _, comparison in compared]
    results, heads = write_results(compared)
    piece = Piece(
        tally=FieldTally.of_all(found),
        calibration=_calibration(found),
        filters=filter_counts(heads),
    )
    return ComparedPiece(piece=piece, results=results, heads=heads)


def _calibration(found: Iterable[DocumentComparison]) -> dict[str, CalibrationBins]:
    """Return by path how confident the extractor was and how often it was right."""
    told: dict[str, tuple[list[float], list[bool]]] = {}
    for document in found:
        for one in document.comparisons:
            if one.confidence is not None:
                scores, wrong = told.setdefault(one.path, ([], []))
                scores.append(one.confidence)
                wrong.append(not one.normalised.right)
    return {path: _bins(scores, wrong) for path, (scores, wrong) in told.items()}


def _bins(scores: list[float], wrong: list[bool]) -> CalibrationBins:
    codes = np.array(wrong, dtype=np.uint8)
    bins = CalibrationBins.of_chunk(
        ClassificationChunk(
            labels=(RIGHT, "wrong"),
            fixed=True,
            true=codes,
            predicted=codes,
            scores=np.array([scores], dtype=np.float64),
            score_labels=(RIGHT,),
        )
    )
    assert bins is not None  # there are scores
    return bins
