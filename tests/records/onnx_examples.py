"""Examples of the records that checks of ONNX files store, for the test of golden bytes."""

from __future__ import annotations

from assay.features.artifacts.job import WholeFile
from assay.features.artifacts.job_spec import CheckedFile, OnnxCheck
from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.learning.onnx_declaration import ImageDeclaration, Known, OnnxDeclaration
from assay.learning.onnx_form import ImageInput, OnnxForm, OutputKind, TensorType
from assay.learning.rows import TaskType
from assay.records import Record

_FORM = OnnxForm(
    task_type=TaskType.IMAGE_CLASSIFICATION,
    labels=("no", "é"),
    image=ImageInput(
        name="x",
        type=TensorType.FLOAT,
        channels_first=True,
        channels=1,
        height=8,
        width=9,
        scale=0.5,
        mean=(0.25,),
        std=(2.0,),
    ),
    rows=4,
    output="y",
    kind=OutputKind.LOGITS,
    keys=("0", "1"),
    columns=(0, 1),
)

ONNX: tuple[tuple[Record, bytes], ...] = (
    (WholeFile(), b"{}"),
    (
        CheckedFile(
            artifact=Artifact(
                kind=ArtifactKind.ONNX,
                blob="sha256:aa",
                bytes=9,
                task_type=TaskType.IMAGE_CLASSIFICATION,
                labels=("no", "é"),
                onnx=_FORM,
            )
        ),
        (
            '{"artifact":{"blob":"sha256:aa","bytes":9,"credentials":"","kind":"onnx","labels'
            '":["no","é"],"learning_version":"","libraries":{},"onnx":{"columns":[0,1],"featu'
            'res":[],"image":{"channels":1,"channels_first":true,"height":8,"mean":[0.25],"na'
            'me":"x","scale":0.5,"std":[2.0],"type":"tensor(float)","width":9},"keys":["0","1'
            '"],"kind":"logits","labels":["no","é"],"output":"y","rows":4,"task_type":"image_'
            'classification","text":null},"remote":null,"task_type":"image_classification"}}'
        ).encode(),
    ),
    (
        OnnxCheck(
            model_id="mdl-1",
            version_id="ver-1",
            blob="sha256:aa",
            bytes=9,
            declared=OnnxDeclaration(
                features=("a",), image=ImageDeclaration(layout="NCHW", scale=0.5)
            ),
            known=Known(task_types=(TaskType.TABULAR_REGRESSION,)),
        ),
        (
            b'{"blob":"sha256:aa","bytes":9,"declared":{"features":["a"],"image":{"height":0,"'
            b'layout":"NCHW","mean":[],"scale":0.5,"std":[],"width":0},"labels":[],"logits":fa'
            b'lse,"output":"","task_type":null},"known":{"labels":[],"task_types":["tabular_re'
            b'gression"]},"model_id":"mdl-1","version_id":"ver-1"}'
        ),
    ),
)
