"""The bytes of stored values: one example of each record that rests, as it was first written.

A change of these bytes is a change of what is stored: hashes, request ids and rows of a running
installation depend on them.
"""

from __future__ import annotations

from typing import Any

import pytest

from assay.features.benchmarks.events import ComparedDocument, DocumentsCompared, FieldAccuracy
from assay.features.benchmarks.job import DocumentsPayload, InferPayload
from assay.features.benchmarks.model import BenchmarkJob, BenchmarkResult, ResultBlobRef, Scores
from assay.features.comparisons.job import PairPayload
from assay.features.comparisons.model import (
    AreasTest,
    ComparisonJob,
    McNemarTest,
    PairedTests,
    Side,
)
from assay.features.datasets.job_partition import TargetSplit, WholeSplit
from assay.features.datasets.job_spec import SplitPartition, SplitsResult, SplitUpload
from assay.features.datasets.job_upload import HashRange, WholeFile
from assay.features.datasets.model import StoredSplit
from assay.features.evaluations.details_artifact import (
    AreaDetails,
    CellHead,
    KeptMistakes,
    SliceDetails,
)
from assay.features.evaluations.job import (
    Everything,
    GroupPayload,
    RankPayload,
    ResidualPayload,
    RowIdPayload,
)
from assay.features.evaluations.job_spec import EvaluationJob, LiveMetrics
from assay.features.evaluations.model import ClassScores, EvaluationResult, EvaluationSpec
from assay.features.imports.model import Imported, SkippedRow, StagedRow
from assay.features.models.model import TaskType
from assay.features.registry import FEATURES
from assay.kernel.errors import Violation
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.payloads import KERNEL_PAYLOADS, Progress, StateChanged
from assay.learning.rows import TaskType as LearningTask
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualRange, ResidualSummary
from assay.metrics.ranking import RankRange
from assay.records import Record, decode, encode
from tests.records.benchmark_examples import BENCHMARKS
from tests.records.inference_examples import INFERENCE
from tests.records.onnx_examples import ONNX
from tests.records.training_examples import TRAINING

_SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=("no", "é"), positive_label="é")
_SIDE = Side(evaluation_id="evl-1", blobs=("sha256:aa",), rows=(10,))
_FIELD = FieldAccuracy(
    field="total",
    right=2,
    comparisons=3,
    exact_right=1,
    correct=2,
    wrong_value=1,
    invented=0,
    missed=0,
)
_SCORES = ClassScores(
    label="é",
    precision=0.1,
    recall=1e-7,
    f1_score=1.0,
    support=3,
    predicted=2,
    roc_auc=0.30000000000000004,
)

GOLDEN: tuple[tuple[Any, bytes], ...] = (
    (
        JobError(
            reason="BAD_FILE",
            message="no",
            metadata={"row": "3"},
            violations=(Violation(field="row 3", description="no"),),
        ),
        (
            b'{"message":"no","metadata":{"row":"3"},"reason":"BAD_FILE","violations":[{"descr'
            b'iption":"no","field":"row 3"}]}'
        ),
    ),
    (StateChanged(to="RUNNING", from_state="QUEUED"), (b'{"from":"QUEUED","to":"RUNNING"}')),
    (Progress(done=1, total=2, rows=3), (b'{"done":1,"rows":3,"total":2}')),
    (
        LiveMetrics(rows=3, metrics={"f1_score": 0.5, "accuracy": 1.0}),
        (b'{"metrics":{"accuracy":1.0,"f1_score":0.5},"problem":null,"rows":3,"undefined":{}}'),
    ),
    (
        DocumentsCompared(
            documents=(ComparedDocument(document_id="d", right=1, comparisons=2),), fields=(_FIELD,)
        ),
        (
            b'{"documents":[{"comparisons":2,"document_id":"d","right":1}],"fields":[{"compari'
            b'sons":3,"correct":2,"exact_right":1,"field":"total","invented":0,"missed":0,"rig'
            b'ht":2,"wrong_value":1}]}'
        ),
    ),
    (
        _SPEC,
        (
            '{"labels":["no","é"],"positive_label":"é","renormalize":false,"task_type":"class'
            'ification"}'
        ).encode(),
    ),
    (
        EvaluationJob(
            evaluation_id="evl-1",
            model_id="mdl-1",
            version_id="ver-1",
            dataset_split="test",
            spec=_SPEC,
        ),
        (
            '{"blob":null,"dataset_split":"test","evaluation_id":"evl-1","model_id":"mdl-1","'
            'source":"chunks","spec":{"labels":["no","é"],"positive_label":"é","renormalize":'
            'false,"task_type":"classification"},"truth":null,"version_id":"ver-1"}'
        ).encode(),
    ),
    (
        EvaluationResult(
            rows=3,
            task="binary",
            labels=("no", "é"),
            positive_label="é",
            label_set_inferred=False,
            metrics={"f1_score": 0.5, "accuracy": -0.0},
            undefined={"roc_auc": "NO_SCORES"},
            per_class=(_SCORES,),
            averages={"micro": {"precision": 0.5}},
            confusion=((1, 0), (2, 0)),
            clipped_rows=0,
            spec={"b": 1, "a": [None, True]},
            spec_hash="s",
            environment={"numpy": "2"},
            content_hash="c",
        ),
        (
            '{"averages":{"micro":{"precision":0.5}},"clipped_rows":0,"confusion":[[1,0],[2,0'
            ']],"content_hash":"c","details":null,"environment":{"numpy":"2"},"label_set_infe'
            'rred":false,"labels":["no","é"],"metrics":{"accuracy":-0.0,"f1_score":0.5},"per_'
            'class":[{"average_precision":null,"ece":null,"f1_score":1.0,"label":"é","precisi'
            'on":0.1,"predicted":2,"recall":1e-7,"roc_auc":0.30000000000000004,"support":3,"w'
            'eight":null}],"positive_label":"é","rows":3,"spec":{"a":[null,true],"b":1},"spec'
            '_hash":"s","task":"binary","truth":null,"undefined":{"roc_auc":"NO_SCORES"},"wei'
            'ght":null,"zero_targets":null}'
        ).encode(),
    ),
    (
        SplitUpload(
            dataset_id="dst-1",
            split="train",
            task_type=LearningTask.EXTRACTION,
            source="csv",
            blob="sha256:aa",
            like=None,
            created_by="ann",
        ),
        (
            b'{"blob":"sha256:aa","created_by":"ann","dataset_id":"dst-1","like":null,"source":"csv",'
            b'"split":"train","task_type":"extraction"}'
        ),
    ),
    (
        SplitPartition(
            dataset_id="dst-1",
            source="train",
            manifest="sha256:aa",
            fractions={"train": 0.5, "test": 0.5},
            seed=0,
            stratified=True,
            grouped=False,
            created_by="ann",
        ),
        (
            b'{"created_by":"ann","dataset_id":"dst-1","fractions":{"test":0.5,"train":0.5},'
            b'"grouped":false,"manifest":"sha256:aa","seed":0,"source":"train","stratified":true}'
        ),
    ),
    (
        SplitsResult(
            splits={"train": StoredSplit(manifest="sha256:aa", rows=2, bytes=9, schema_hash="h")},
            blobs=("sha256:aa",),
        ),
        (
            b'{"blobs":["sha256:aa"],"splits":{"train":{"bytes":9,"manifest":"sha256:aa","rows":2,'
            b'"schema_hash":"h"}}}'
        ),
    ),
    (WholeFile(), b"{}"),
    (WholeSplit(), b"{}"),
    (HashRange(low="0", high="ff"), b'{"high":"ff","low":"0"}'),
    (TargetSplit(place=1, name="test"), b'{"name":"test","place":1}'),
    (Everything(), (b"{}")),
    (
        RankPayload(manifest="sha256:aa", ranges=(RankRange(column=0, low=0.0, high=0.5, rows=5),)),
        (
            b'{"manifest":"sha256:aa","ranges":[{"above":null,"column":0,"high":0.5,"low":0.0,'
            b'"rows":5,"whole":null}]}'
        ),
    ),
    (
        RowIdPayload(manifest="sha256:aa", low="0", high="ff"),
        (b'{"high":"ff","low":"0","manifest":"sha256:aa"}'),
    ),
    (
        ResidualPayload(manifest="sha256:aa", range=ResidualRange(buckets=(), edges=(0.0, 1.0))),
        (b'{"manifest":"sha256:aa","range":{"buckets":[],"edges":[0.0,1.0]}}'),
    ),
    (
        GroupPayload(manifest="sha256:aa", first=0, last=2),
        (b'{"first":0,"last":2,"manifest":"sha256:aa"}'),
    ),
    (
        ComparisonJob(a=_SIDE, b=_SIDE, spec=_SPEC, labels=("no", "é"), positive_label="é"),
        (
            '{"a":{"blobs":["sha256:aa"],"evaluation_id":"evl-1","rows":[10]},"b":{"blobs":["'
            'sha256:aa"],"evaluation_id":"evl-1","rows":[10]},"labels":["no","é"],"positive_l'
            'abel":"é","spec":{"labels":["no","é"],"positive_label":"é","renormalize":false,"'
            'task_type":"classification"}}'
        ).encode(),
    ),
    (PairPayload(number=0, parts=2), (b'{"number":0,"parts":2}')),
    (
        PairedTests(
            rows=3,
            mcnemar=McNemarTest(only_a=1, only_b=2, p_value=0.5),
            roc_auc=AreasTest(
                area_a=0.5, area_b=0.75, difference=0.25, low=None, high=None, p_value=None
            ),
            differences={"accuracy": Interval(low=-0.5, high=0.5, level=0.95, method="bootstrap")},
        ),
        (
            b'{"differences":{"accuracy":{"high":0.5,"level":0.95,"low":-0.5,"method":"bootstr'
            b'ap"}},"mcnemar":{"only_a":1,"only_b":2,"p_value":0.5},"reason":null,"roc_auc":{"'
            b'area_a":0.5,"area_b":0.75,"difference":0.25,"high":null,"low":null,"p_value":nul'
            b'l},"rows":3,"undefined":{}}'
        ),
    ),
    (
        BenchmarkJob(
            benchmark_id="b", schema="sha256:aa", documents=2, truth="t", blobs=(("sha256:bb", 2),)
        ),
        (
            b'{"benchmark_id":"b","blobs":[["sha256:bb",2]],"documents":2,"schema":"sha256:aa"'
            b',"truth":"t"}'
        ),
    ),
    (InferPayload(), (b"{}")),
    (
        DocumentsPayload(schema="sha256:aa", blobs=("sha256:bb",), first=0),
        (b'{"blobs":["sha256:bb"],"first":0,"schema":"sha256:aa"}'),
    ),
    (
        BenchmarkResult(
            scores=Scores(overall=None, by_field=(("total", 1.0),), extracted_documents=2),
            documents=2,
            schema_hash="h",
            schema_inferred=True,
            normaliser="1",
            truth="t",
            details="sha256:cc",
            blobs=(ResultBlobRef(blob="sha256:dd", first=0, documents=2),),
        ),
        (
            b'{"blobs":[{"blob":"sha256:dd","documents":2,"first":0}],"details":"sha256:cc","d'
            b'ocuments":2,"normaliser":"1","schema_hash":"h","schema_inferred":true,"scores":'
            b'{"by_field":[["total",1.0]],"extracted_documents":2,"overall":null},"truth":"t","unmatched":'
            b"null}"
        ),
    ),
    (
        Imported(
            imported=1,
            skipped=1,
            skipped_rows=(SkippedRow(row=3, document_id="d", reason="already_stored"),),
        ),
        (
            b'{"imported":1,"skipped":1,"skipped_rows":[{"document_id":"d","reason":"already_s'
            b'tored","row":3}]}'
        ),
    ),
    (
        StagedRow(row=0, document_id="d", data='{"a":1.50}', more=None),
        (b'[0,"d","{\\"a\\":1.50}",null]'),
    ),
    (
        AreaDetails(per_class={"é": 0.5}, undefined={"no": "SINGLE_CLASS"}, defined_classes=1),
        (
            '{"defined_classes":1,"macro":null,"micro":null,"per_class":{"é":0.5},"undefined"'
            ':{"no":"SINGLE_CLASS"},"weighted":null}'
        ).encode(),
    ),
    (
        SliceDetails(value=None, rows=1, metrics={}, undefined={"mcc": "SINGLE_CLASS"}),
        (b'{"metrics":{},"rows":1,"undefined":{"mcc":"SINGLE_CLASS"},"value":null,"weight":null}'),
    ),
    (
        CellHead(true_label="no", predicted_label="é", total=7, best=0.9, first_row=3),
        ('{"best":0.9,"first_row":3,"predicted_label":"é","total":7,"true_label":"no"}').encode(),
    ),
    (
        KeptMistakes(rows=(3,), row_ids=(None,), features=('{"x":1}',)),
        (b'{"confidence":null,"features":["{\\"x\\":1}"],"row_ids":[null],"rows":[3]}'),
    ),
    (
        ResidualSummary(
            quantiles={"0.5": 0.25}, minimum=-1.0, maximum=2.0, edges=(-1.0, 2.0), counts=(4,)
        ),
        (
            b'{"counts":[4],"edges":[-1.0,2.0],"maximum":2.0,"minimum":-1.0,"quantiles":{"0.5"'
            b":0.25}}"
        ),
    ),
    *TRAINING,
    *INFERENCE,
    *ONNX,
    *BENCHMARKS,
)


@pytest.mark.parametrize(("value", "data"), GOLDEN, ids=lambda one: type(one).__name__)
def test_a_stored_value_is_these_bytes_and_reads_back(value: Any, data: bytes) -> None:
    """A value is encoded as it was when it was first stored, and decodes to itself."""
    assert encode(value) == data
    assert decode(type(value), data) == value


def test_every_record_of_a_job_has_an_example() -> None:
    """The specs, payloads, events, status and results of all kinds of jobs stand above."""
    kinds = [kind for feature in FEATURES for kind in feature.kinds]
    rest = {
        *KERNEL_PAYLOADS,
        *(one for kind in kinds for one in (kind.spec, kind.result, *kind.events, *kind.status)),
        *(stage.payload for kind in kinds for stage in kind.stages),
    }
    assert {one for one in rest if issubclass(one, Record)} <= {type(value) for value, _ in GOLDEN}
