"""ONNX files: converted from scikit-learn, and made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper
from sklearn.datasets import load_iris

FEATURES = ("sepal length", "sepal width", "petal length", "petal width")
SPECIES = ("setosa", "versicolor", "virginica")
X, _Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
Y = np.array(SPECIES)[_Y]


def iris_rows(values: np.ndarray = X, **more: Any) -> pa.RecordBatch:
    """Return canonical rows of flowers."""
    columns = {"row_id": [f"r{at}" for at in range(len(values))]}
    columns |= {name: values[:, at].astype(float) for at, name in enumerate(FEATURES)}
    return pa.RecordBatch.from_pydict(columns | more)


def converted(model: Any, example: Any = X[:1], **options: Any) -> bytes:
    """Return a fitted estimator as an ONNX file."""
    from skl2onnx import to_onnx

    return to_onnx(model, example, **options).SerializeToString()


def value(name: str, kind: int, shape: Sequence[int | str | None]) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


INPUT = value("x", TensorProto.FLOAT, [None, 4])
OUTPUT = value("y", TensorProto.FLOAT, [None, 4])


def made(
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[onnx.ValueInfoProto] = (INPUT,),
    outputs: Sequence[onnx.ValueInfoProto] = (OUTPUT,),
    tensors: Sequence[onnx.TensorProto] = (),
    opset: int = 18,
    **domains: int,
) -> onnx.ModelProto:
    """Return a model of these nodes."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(name.replace("_", "."), one) for name, one in domains.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def node(op_type: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """Return a node; names of tensors are parted by spaces, "-" is none."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op_type, names, outputs.split(), **attributes)


def endless() -> onnx.ModelProto:
    """Return a regression that counts to a million millions."""
    body = helper.make_graph(
        [node("Identity", "go", "on"), node("Add", "sum one", "next")],
        "body",
        [
            value("at", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("sum", TensorProto.FLOAT, []),
        ],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [])],
        [helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])],
    )
    return made(
        [
            node("ReduceSum", "x", "total", keepdims=0),
            node("Loop", "times - total", "found", body=body),
            node("Add", "x found", "y"),
        ],
        tensors=[helper.make_tensor("times", TensorProto.INT64, [], [10**12])],
    )


def bloated() -> onnx.ModelProto:
    """Return a model of a few bytes that makes a tensor of four terabytes."""
    return made(
        [
            node("ReduceSum", "x", "sum", keepdims=1),
            node("Expand", "sum sizes", "large"),
            node("ReduceMax", "large", "most", keepdims=0),
            node("Add", "x most", "y"),
        ],
        tensors=[helper.make_tensor("sizes", TensorProto.INT64, [2], [10**6, 10**6])],
    )
