"""Examples of records of benchmarks of versions, and their bytes."""

from __future__ import annotations

from typing import Any

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.benchmarks.job_predictions import ExtractedSpan, RowsPayload
from assay.features.benchmarks.job_spec import VersionBenchmarkJob
from assay.features.benchmarks.job_version import JoinPayload
from assay.learning.rows import TaskType

BENCHMARKS: tuple[tuple[Any, bytes], ...] = (
    (
        VersionBenchmarkJob(
            benchmark_id="b",
            schema=None,
            documents=2,
            truth="t",
            blobs=(("sha256:bb", 2),),
            run_id="r",
            artifact=Artifact(
                kind=ArtifactKind.TRAINED,
                blob="sha256:aa",
                bytes=9,
                task_type=TaskType.EXTRACTION,
                labels=("O", "total"),
            ),
            manifest="sha256:cc",
            split_blobs=("sha256:dd",),
        ),
        (
            b'{"artifact":{"blob":"sha256:aa","bytes":9,"credentials":"","kind":"trained","label'
            b's":["O","total"],"learning_version":"","libraries":{},"onnx":null,"remote":null,"t'
            b'ask_type":"extraction"},"benchmark_id":"b","blobs":[["sha256:bb",2]],"documents":2'
            b',"manifest":"sha256:cc","run_id":"r","schema":null,"split_blobs":["sha256:dd"],"tr'
            b'uth":"t"}'
        ),
    ),
    (RowsPayload(number=1, first=250, rows=7), b'{"first":250,"number":1,"rows":7}'),
    (
        JoinPayload(
            blobs=("sha256:bb",),
            low="",
            high="d",
            spans=(ExtractedSpan(blob="sha256:ee", start=0, end=9),),
        ),
        b'{"blobs":["sha256:bb"],"high":"d","low":"","spans":[["sha256:ee",0,9]]}',
    ),
)
