"""ONNX files that are refused: each says why, and costs nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from assay.learning.errors import BadModelFile, DataError
from assay.learning.onnx_declaration import ImageDeclaration, Known, OnnxDeclaration
from assay.learning.onnx_examination import examine
from assay.learning.onnx_graph import read_graph
from assay.learning.onnx_session import OnnxSession
from assay.learning.rows import TaskType
from tests.support.onnx_files import FEATURES, bloated, endless, made, node, value

KNOWN = Known(task_types=(TaskType.TABULAR_REGRESSION,))
FLOWERS = OnnxDeclaration(features=FEATURES)
NUMBER = value("y", TensorProto.FLOAT, [None])
SUM = [node("ReduceSum", "x axis", "y", keepdims=0)]
AXIS = helper.make_tensor("axis", TensorProto.INT64, [1], [1])


def right(**more) -> onnx.ModelProto:
    """Return a model that is accepted."""
    return made(
        more.pop("nodes", SUM), outputs=[NUMBER], tensors=more.pop("tensors", [AXIS]), **more
    )


def far_tensor() -> onnx.TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def hollow_tensor(count: int, held: int, sizes: int = 2) -> onnx.TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[count] * sizes)
    tensor.raw_data = bytes(4 * held)
    return tensor


def sparse() -> onnx.ModelProto:
    model = right()
    one = model.graph.sparse_initializer.add(dims=[10**9])
    one.values.CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))
    return model


def with_function() -> onnx.ModelProto:
    model = right(my=1)
    body = helper.make_function(
        "my", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], [helper.make_opsetid("", 18)]
    )
    model.functions.append(body)
    return model


def within(inner: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Return a model with nodes within a branch of another node."""
    branch = helper.make_graph(inner, "branch", [], [value("z", TensorProto.FLOAT, [None])])
    nodes = [
        node("ReduceSum", "x axis", "s", keepdims=0),
        node("If", "yes", "y", then_branch=branch, else_branch=branch),
    ]
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    return right(nodes=nodes, tensors=[AXIS, yes])


TWICE = [node("Add", "x twice", "other"), node("Add", "other x", "twice"), *SUM]
HOSTILE = {
    "empty": (b"", "no ONNX model"),
    "text": (b"weights", "cannot be decoded"),
    "cut": (right().SerializeToString()[:-9], "cannot be decoded|cut off"),
    "cycle": (right(nodes=TWICE), "has a cycle: the node 'Add'"),
    "own output": (right(nodes=[node("Add", "x a", "a", name="n"), *SUM]), "cycle: the node 'n'"),
    "cycle within": (within([node("Add", "s z", "z")]), "has a cycle"),
    "custom domain": (right(nodes=[node("Run", "x", "y", domain="my.lib")]), "'my.lib'; only those"),
    "custom within": (within([node("Run", "s", "z", domain="my.lib")]), "'my.lib'; only those"),
    "unknown operator": (right(nodes=[node("Shell", "x", "y")]), "no operator 'Shell' in opset 18"),
    "contributed": (
        right(nodes=[node("FusedMatMul", "x x", "y", domain="com.microsoft")], com_microsoft=1),
        "only those of ai.onnx and ai.onnx.ml",
    ),
    "random": (right(nodes=[node("RandomNormalLike", "x", "y")]), "draws at random"),
    "function": (with_function(), "defines the function 'Twice'"),
    "external": (right(tensors=[AXIS, far_tensor()]), "in another file, which is not read"),
    "external constant": (
        right(nodes=[node("Constant", "", "w", value=far_tensor()), *SUM]),
        "in another file",
    ),
    "declared large": (
        right(tensors=[AXIS, hollow_tensor(10**6, 3)]),
        "declared with 1,000,000,000,000 values and holds 3",
    ),
    "sizes that overflow": (right(tensors=[AXIS, hollow_tensor(2**32, 0)]), "holds 0"),
    "many sizes": (right(tensors=[AXIS, hollow_tensor(2**62, 0, 100_000)]), "has 100,000 dimensions"),
    "negative size": (right(tensors=[AXIS, hollow_tensor(-1, 0)]), "negative size"),
    "sparse": (sparse(), "sparse tensor"),
    "opset of tomorrow": (right(opset=999), "opset 999 of ai.onnx; 7 to"),
    "opset of long ago": (right(opset=5), "opset 5 of ai.onnx; 7 to"),
    "made by nothing": (right(nodes=[node("Add", "x lost", "y")]), "reads 'lost', which nothing"),
    "no input": (made([node("Constant", "", "y", value_float=1.0)], inputs=[], outputs=[NUMBER]), "no input"),
    "wrong sizes": (
        right(nodes=[node("MatMul", "x x", "y")]),
        "cannot open the model|does not predict an example row",
    ),
    "one row for all": (right(nodes=[node("ReduceSum", "x", "y", keepdims=0)]), "first dimension is"),
    "rows beside": (
        right(nodes=[
            node("ReduceMean", "x", "mean", axes=[0]), node("Sub", "x mean", "d"),
            node("ReduceSum", "d axis", "y"),
        ], opset=17),
        "depends on the rows beside it",
    ),
    "no number": (right(nodes=[node("IsNaN", "x", "y")]), "cannot open the model|expected"),
    "bomb": (bloated(), "needs more memory"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "why"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(file, why):
    """What a file declares, reads or holds is checked before it runs, and the refusal says what is wrong."""
    data = file if isinstance(file, bytes) else file.SerializeToString()
    began = time.monotonic()
    with pytest.raises(BadModelFile, match=why) as refused:
        examine(data, FLOWERS, KNOWN)
    assert time.monotonic() - began < 20
    assert "/onnxruntime" not in str(refused.value)
    assert ".cc" not in str(refused.value)


def test_the_right_files_are_accepted():
    """The models that the hostile ones are made of are taken."""
    for model in (right(), within([node("Identity", "s", "z")])):
        assert examine(model.SerializeToString(), FLOWERS, KNOWN).output == "y"


def test_unsorted_nodes_are_no_cycle():
    """Nodes may stand in any order."""
    nodes = [node("ReduceSum", "twice axis", "y", keepdims=0), node("Add", "x x", "twice")]
    assert examine(right(nodes=nodes).SerializeToString(), FLOWERS, KNOWN).output == "y"


def test_an_endless_model_is_ended():
    """A loop without an end is ended after the time that a run may take."""
    model = endless().SerializeToString()
    began = time.monotonic()
    with pytest.raises(BadModelFile, match=r"takes more than 0.3 s"):
        examine(model, FLOWERS, KNOWN, seconds=0.3)
    assert time.monotonic() - began < 20


def test_what_cannot_be_ended_is_told(monkeypatch):
    """An operator ends when it is done: where that takes too long, whoever runs the model is told."""
    monkeypatch.setattr("assay.learning.onnx_session.GRACE_SECONDS", 0.05)
    model = made(
        [
            node("ConstantOfShape", "sizes", "large"),
            node("MatMul", "large large", "larger"),
            node("ReduceMax", "larger", "most", keepdims=0),
            node("Add", "x most", "y"),
        ],
        tensors=[helper.make_tensor("sizes", TensorProto.INT64, [2], [3000, 3000])],
    )
    stuck = threading.Event()
    with pytest.raises(BadModelFile, match="takes more than"):
        examine(model.SerializeToString(), FLOWERS, KNOWN, seconds=0.05, stuck=stuck.set)
    assert stuck.is_set()


def test_a_run_has_its_own_time_after_a_late_one(monkeypatch):
    """A run that begins as soon as a late one has ended is not taken for it."""
    monkeypatch.setattr("assay.learning.onnx_session.GRACE_SECONDS", 0.05)
    stuck = threading.Event()
    session = OnnxSession(endless().SerializeToString(), seconds=0.6, stuck=stuck.set)
    with session.runs("y") as run, pytest.raises(DataError, match="takes more than"):
        run({"x": np.ones((1, len(FEATURES)), np.float32)})
    stuck.clear()
    with session.runs("y"):
        assert not stuck.wait(0.2)


def test_a_chain_of_many_nodes_is_bounded(monkeypatch):
    """More nodes than are allowed are refused before they are looked at."""
    monkeypatch.setattr("assay.learning.onnx_graph.MAX_NODES", 9)
    nodes = [node("Identity", f"x{at}" if at else "x", f"x{at + 1}") for at in range(9)]
    with pytest.raises(BadModelFile, match="more than 9 nodes"):
        examine(right(nodes=[*nodes, *SUM]).SerializeToString(), FLOWERS, KNOWN)


def test_a_graph_is_read_in_time_in_proportion_to_it():
    """Reading costs the same for each node, branch and map of classes of a large graph."""
    maps = [
        helper.make_node("ZipMap", ["x"], [f"map-{at}"], domain="ai.onnx.ml")
        for at in range(20_000)
    ]
    for one in maps:
        one.attribute.append(helper.make_attribute("classlabels_int64s", [0, 1]))
    chain = [node("Identity", f"z{at}", f"z{at + 1}") for at in range(20_000)]
    model = right(nodes=[*SUM, node("Identity", "x", "z0"), *chain, *maps], ai_onnx_ml=3)
    model.graph.output.extend(value(f"map-{at}", TensorProto.FLOAT, [None]) for at in range(20_000))
    data = model.SerializeToString()
    began = time.process_time()
    graph = read_graph(data)
    assert time.process_time() - began < 15, "the square of so many takes minutes"
    assert len(graph.zip_maps) == 20_000
    left = onnx.ModelProto.FromString(graph.runnable).graph
    assert (len(left.node), [one.name for one in left.output]) == (20_002, ["y", "x"])


def test_more_bytes_than_allowed_are_refused(monkeypatch):
    """A file over the limit is refused with its size and the limit."""
    monkeypatch.setattr("assay.learning.onnx_graph.MAX_BYTES", 10)
    with pytest.raises(BadModelFile, match="bytes; at most 10 are allowed"):
        examine(right().SerializeToString(), FLOWERS, KNOWN)


def test_memory_of_a_process_bounds_what_a_model_makes():
    """A model that fits no memory limit is refused, and its process lives on."""
    program = """
import resource, sys
from assay.learning.errors import BadModelFile
from assay.learning.onnx_examination import examine
from assay.learning.onnx_graph import read_graph
from tests.learning.test_onnx_refusals import FLOWERS, KNOWN
from tests.support.onnx_files import bloated
import numpy as np
from onnx import numpy_helper
model = bloated()
model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([20_000, 20_000]), "sizes"))
resource.setrlimit(resource.RLIMIT_DATA, (700 << 20, -1))
try:
    examine(model.SerializeToString(), FLOWERS, KNOWN)
except BadModelFile as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "needs more memory than a compute process is given" in done.stdout


DECLARATIONS = {
    "no features": (OnnxDeclaration(), "4 columns, and 0 features were declared"),
    "too few": (OnnxDeclaration(features=("a", "b")), "4 columns, and 2 features"),
    "twice": (OnnxDeclaration(features=("a", "b", "a", "c")), "declared twice"),
    "another task": (
        OnnxDeclaration(features=FEATURES, task_type=TaskType.IMAGE_CLASSIFICATION),
        "image_classification was declared; the model's versions have tabular_regression",
    ),
    "no such output": (OnnxDeclaration(features=FEATURES, output="z"), "Declare by output"),
}


@pytest.mark.parametrize(("declared", "why"), DECLARATIONS.values(), ids=DECLARATIONS)
def test_what_is_left_open_must_be_declared(declared, why):
    """Where a file does not say how rows are read, the refusal says what to declare."""
    with pytest.raises(BadModelFile, match=why):
        examine(right().SerializeToString(), declared, KNOWN)


CLASSES = Known(task_types=(TaskType.TABULAR_CLASSIFICATION, TaskType.IMAGE_CLASSIFICATION))


@pytest.mark.parametrize(
    ("shape", "declared", "why"),
    [
        ([None, 3, 8, 3], OnnxDeclaration(labels=("a", "b")), "may be NCHW or NHWC. Declare"),
        ([None, 3, None, 8], OnnxDeclaration(labels=("a", "b")), "image.height is open"),
        ([None, 4, 8, 8], OnnxDeclaration(labels=("a", "b"), image=ImageDeclaration(layout="NCHW")), "4 channels"),
        ([None, 3, 8, 8], OnnxDeclaration(), "does not name its classes"),
        ([None, 3, 8, 8], OnnxDeclaration(labels=("a", "b"), image=ImageDeclaration(mean=(0.5,))), "mean and std"),
        ([None, 3, 8, 8], OnnxDeclaration(labels=("a", "a")), "no labels"),
        ([None, 3, 8, 8], OnnxDeclaration(labels=("a",) * 10_001), "10,001 classes"),
    ],
)  # fmt: skip
def test_an_open_form_of_images_is_refused(shape, declared, why):
    """Layout, size, channels and classes are found or declared, and never guessed."""
    data = made(
        [node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)],
        inputs=[value("x", TensorProto.FLOAT, shape)],
        outputs=[value("y", TensorProto.FLOAT, [None, None])],
        opset=13,
    )
    with pytest.raises(BadModelFile, match=why):
        examine(data.SerializeToString(), declared, CLASSES)


def test_random_bytes_are_refused():
    """Whatever bytes of a file are changed, the answer is a form or a refusal."""
    data = right().SerializeToString()
    chance = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for place in chance.integers(0, len(data), 2):
            damaged[place] = chance.integers(0, 256)
        with suppress(BadModelFile):
            assert examine(bytes(damaged), FLOWERS, KNOWN).output
