"""Examples of the records that jobs of models store, for the test of golden bytes."""

from __future__ import annotations

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.evaluations.measurement import MeasuredSplit
from assay.features.evaluations.model import EvaluationResult, EvaluationSpec
from assay.features.models.model import TaskType
from assay.features.training.job_epochs import EpochPayload
from assay.features.training.job_evaluation import RowsPayload
from assay.features.training.job_events import (
    CalibrationFinished,
    EpochFinished,
    SplitMeasured,
    TrialFinished,
)
from assay.features.training.job_features import BlockRef, Everything
from assay.features.training.job_measure import PredictPayload, SplitPayload
from assay.features.training.job_pruning_measure import VersionSplit
from assay.features.training.job_pruning_model import EpochNumber, PlacedRows
from assay.features.training.job_rows import BlockPayload
from assay.features.training.job_spec import (
    EvaluatedResult,
    TrainingJob,
    TrainingResult,
    VersionEvaluation,
    VersionPruning,
)
from assay.features.training.job_trials import TrialPayload
from assay.features.training.model import (
    ClassLevel,
    Epoch,
    FieldLevel,
    Measured,
    RegressionLevel,
    Setting,
    Tables,
    Trial,
)
from assay.learning import trials
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.rows import TaskType as LearningTask
from assay.learning.search import Pruner
from assay.records import Record

_TEXT = LearningTask.TEXT_CLASSIFICATION
_SETTINGS = (Setting(name="learning_rate", value=5e-05),)
_HYPERPARAMETERS = Hyperparameters(task_type=_TEXT, values={"batch_size": 4, "seed": 0})
_ARTIFACT = Artifact(
    kind=ArtifactKind.TRAINED,
    blob="sha256:aa",
    bytes=9,
    task_type=_TEXT,
    labels=("no", "é"),
    learning_version="1.0.0",
    libraries={"scikit-learn": "1.5.2"},
)
_SPLIT = MeasuredSplit(
    dataset_split="test",
    spec=EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=("no", "é"), positive_label="é"),
    result=EvaluationResult(
        rows=2,
        task="binary",
        labels=("no", "é"),
        positive_label="é",
        label_set_inferred=False,
        metrics={"accuracy": 0.5},
        undefined={},
        per_class=(),
        averages={},
        confusion=((1, 0), (1, 0)),
        clipped_rows=0,
        spec={},
        spec_hash="s",
        environment={},
        content_hash="c",
    ),
    blobs=("sha256:bb",),
    rows=(2,),
)
_LEVEL = ClassLevel(labels=("no", "é"), confusion=((1, 0), (1, 0)), ece=(0.25, None))
_TABLES = Tables(
    records=_LEVEL,
    chunks=_LEVEL,
    fields=(FieldLevel(field="total", correct=1, extracted=2, expected=3, ece=0.5),),
    tokens=(FieldLevel(field="total", correct=1, extracted=2, expected=3),),
    regression=(RegressionLevel(split="Test", rows=2, metrics={"r2": 0.5}),),
    epochs=(Epoch(train_loss=0.5, validation_loss=None),),
    trials=(Trial(number=1, settings=_SETTINGS, objective=0.75),),
    calibration=(Measured(measure="ECE", before=0.25, after=0.125),),
    pruning=(Measured(measure="bytes", before=9.0, after=3.0),),
)

TRAINING: tuple[tuple[Record, bytes], ...] = (
    (
        BlockPayload(split="train", stored="sha256:aa", number=1),
        (b'{"number":1,"split":"train","stored":"sha256:aa"}'),
    ),
    (
        CalibrationFinished(ece_before=0.25, ece_after=0.125),
        (b'{"ece_after":0.125,"ece_before":0.25}'),
    ),
    (
        EpochFinished(epoch=1, epochs=3, train_loss=0.5, validation_loss=None),
        (b'{"epoch":1,"epochs":3,"train_loss":0.5,"validation_loss":null}'),
    ),
    (
        EpochNumber(number=1, epochs=3),
        (b'{"epochs":3,"number":1}'),
    ),
    (
        EpochPayload(course="sha256:aa", number=1, epochs=3),
        (b'{"course":"sha256:aa","epochs":3,"number":1}'),
    ),
    (
        EvaluatedResult(tables=Tables(records=_LEVEL), splits=(_SPLIT,)),
        (
            '{"artifact":null,"splits":[{"blobs":["sha256:bb"],"dataset_split":"test","result'
            '":{"averages":{},"clipped_rows":0,"confusion":[[1,0],[1,0]],"content_hash":"c","'
            'details":null,"environment":{},"label_set_inferred":false,"labels":["no","é"],"m'
            'etrics":{"accuracy":0.5},"per_class":[],"positive_label":"é","rows":2,"spec":{},'
            '"spec_hash":"s","task":"binary","truth":null,"undefined":{},"weight":null,"zero_'
            'targets":null},"rows":[2],"spec":{"labels":["no","é"],"positive_label":"é","reno'
            'rmalize":false,"task_type":"classification"}}],"tables":{"calibration":[],"chunk'
            's":null,"epochs":null,"fields":[],"pruning":[],"records":{"confusion":[[1,0],[1,'
            '0]],"ece":[0.25,null],"labels":["no","é"]},"regression":[],"tokens":[],"trials":'
            "[]}}"
        ).encode(),
    ),
    (
        Everything(),
        (b"{}"),
    ),
    (
        PlacedRows(version="before", split="test", number=1, first_row=10),
        (b'{"first_row":10,"number":1,"split":"test","version":"before"}'),
    ),
    (
        PredictPayload(
            model="sha256:aa",
            block=BlockRef(
                split="test", stored="sha256:bb", number=1, blob="sha256:cc", records=2, chunks=3
            ),
            first_row=10,
            shows_chunks=True,
        ),
        (
            b'{"block":{"blob":"sha256:cc","chunks":3,"number":1,"records":2,"split":"test","s'
            b'tored":"sha256:bb"},"first_row":10,"model":"sha256:aa","shows_chunks":true}'
        ),
    ),
    (
        RowsPayload(number=1, first_row=10),
        (b'{"first_row":10,"number":1}'),
    ),
    (
        SplitMeasured(dataset_split="test", rows=2, metrics={"accuracy": 0.5}),
        (b'{"dataset_split":"test","metrics":{"accuracy":0.5},"rows":2}'),
    ),
    (
        SplitPayload(split="test"),
        (b'{"split":"test"}'),
    ),
    (
        TrainingJob(
            model_id="mdl-1",
            version_id="ver-1",
            manifests={"train": "sha256:aa"},
            labels=("no", "é"),
            positive_label="é",
            hyperparameters=_HYPERPARAMETERS,
            learning_version="1.0.0",
        ),
        (
            '{"hyperparameters":{"task_type":"text_classification","values":{"batch_size":4,"'
            'seed":0}},"labels":["no","é"],"learning_version":"1.0.0","manifests":{"train":"s'
            'ha256:aa"},"model_id":"mdl-1","positive_label":"é","version_id":"ver-1"}'
        ).encode(),
    ),
    (
        TrainingResult(
            tables=_TABLES,
            artifact=_ARTIFACT,
            splits=(),
            settings=_SETTINGS,
            warnings=("Two splits share 1 row.",),
        ),
        (
            '{"artifact":{"blob":"sha256:aa","bytes":9,"credentials":"","kind":"trained","labels":["no","é"],"learning_version"'
            ':"1.0.0","libraries":{"scikit-learn":"1.5.2"},"onnx":null,"remote":null,"task_type":"text_classification"}'
            ',"settings":[{"name":"learning_rate","value":0.00005}],"splits":[],"tables":{"ca'
            'libration":[{"after":0.125,"before":0.25,"measure":"ECE"}],"chunks":{"confusion"'
            ':[[1,0],[1,0]],"ece":[0.25,null],"labels":["no","é"]},"epochs":[{"train_loss":0.'
            '5,"validation_loss":null}],"fields":[{"correct":1,"ece":0.5,"expected":3,"extrac'
            'ted":2,"field":"total"}],"pruning":[{"after":3.0,"before":9.0,"measure":"bytes"}'
            '],"records":{"confusion":[[1,0],[1,0]],"ece":[0.25,null],"labels":["no","é"]},"r'
            'egression":[{"metrics":{"r2":0.5},"rows":2,"split":"Test"}],"tokens":[{"correct"'
            ':1,"ece":null,"expected":3,"extracted":2,"field":"total"}],"trials":[{"number":1'
            ',"objective":0.75,"settings":[{"name":"learning_rate","value":0.00005}]}]},"warn'
            'ings":["Two splits share 1 row."]}'
        ).encode(),
    ),
    (
        TrialFinished(trial=1, trials=3, outcome="complete", settings=_SETTINGS, objective=0.75),
        (
            b'{"objective":0.75,"outcome":"complete","settings":[{"name":"learning_rate","valu'
            b'e":0.00005}],"trial":1,"trials":3}'
        ),
    ),
    (
        TrialPayload(
            course="sha256:aa",
            trial=trials.Trial(number=1, values={"learning_rate": 5e-05}),
            pruner=Pruner(medians=(0.5, 0.75)),
            trials=3,
        ),
        (
            b'{"course":"sha256:aa","pruner":{"medians":[0.5,0.75]},"trial":{"number":1,"value'
            b's":{"learning_rate":0.00005}},"trials":3}'
        ),
    ),
    (
        VersionEvaluation(
            model_id="mdl-1",
            version_id="ver-1",
            artifact=_ARTIFACT,
            positive_label=None,
            split="test",
            manifest="sha256:bb",
        ),
        (
            '{"artifact":{"blob":"sha256:aa","bytes":9,"credentials":"","kind":"trained","labels":["no","é"],"learning'
            '_version":"1.0.0","libraries":{"scikit-learn":"1.5.2"},"onnx":null,"remote":null,"task_type":"text_classification"'
            '},"manifest":"sha256:bb","model_id":"mdl-1","positive_label":null,"split":"test","versio'
            'n_id":"ver-1"}'
        ).encode(),
    ),
    (
        VersionPruning(
            model_id="mdl-1",
            version_id="ver-2",
            artifact="sha256:aa",
            manifests={"train": "sha256:bb"},
            task_type=_TEXT,
            labels=("no", "é"),
            positive_label=None,
            target_sparsity=0.5,
            tuning=_HYPERPARAMETERS,
            learning_version="1.0.0",
        ),
        (
            '{"artifact":"sha256:aa","labels":["no","é"],"learning_version":"1.0.0","manifest'
            's":{"train":"sha256:bb"},"model_id":"mdl-1","positive_label":null,"target_bytes"'
            ':null,"target_sparsity":0.5,"task_type":"text_classification","tuning":{"task_ty'
            'pe":"text_classification","values":{"batch_size":4,"seed":0}},"version_id":"ver-'
            '2"}'
        ).encode(),
    ),
    (
        VersionSplit(version="before", split="test"),
        (b'{"split":"test","version":"before"}'),
    ),
)
