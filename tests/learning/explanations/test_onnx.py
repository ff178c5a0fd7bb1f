"""ONNX models explained: they can only be asked."""

import numpy as np
import pytest
from onnx import TensorProto
from sklearn.linear_model import LogisticRegression

from assay.learning.explanations.explaining import explain
from assay.learning.onnx_declaration import ImageDeclaration, Known, OnnxDeclaration
from assay.learning.onnx_examination import examine
from assay.learning.onnx_model import OnnxModel
from assay.learning.rows import TaskType
from tests.support.onnx_files import (
    FEATURES,
    SPECIES,
    X,
    Y,
    converted,
    iris_rows,
    made,
    node,
    value,
)
from tests.support.planted_images import planted_images

KNOWN = Known(task_types=(TaskType.TABULAR_CLASSIFICATION, TaskType.IMAGE_CLASSIFICATION))


def opened(data, declared):
    return OnnxModel.open(data, examine(data, declared, KNOWN), stuck=lambda: None)


def test_features_of_an_onnx_model_have_its_weights():
    """Of a linear model, in two classes, each feature does what its weight times its value does."""
    chosen = SPECIES[0] != Y
    fitted = LogisticRegression(C=0.01, max_iter=500).fit(X[chosen], Y[chosen])
    model = opened(converted(fitted), OnnxDeclaration(features=FEATURES))
    found = explain(model, iris_rows(X[70:71]))
    expected = fitted.coef_[0] * X[70] * (1 if found.labels[0] == fitted.classes_[1] else -1)
    assert found.values == pytest.approx(X[70].tolist())
    assert np.allclose(found.scores[0], expected, atol=1e-4)


def test_the_patch_that_an_onnx_model_looks_for_is_under_the_mask():
    """A model of mean colours marks the patches of its colours."""
    data = made(
        [node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)],
        inputs=[value("x", TensorProto.FLOAT, [None, 3, 32, 32])],
        outputs=[value("y", TensorProto.FLOAT, [None, 3])],
        opset=13,
    ).SerializeToString()
    image = ImageDeclaration(std=(0.02, 0.02, 0.02))
    model = opened(data, OnnxDeclaration(labels=("red", "green", "blue"), logits=True, image=image))
    planted = planted_images(2, 6, (60, 90))
    for row, label in enumerate(("red", "green")):
        found = explain(model, planted.rows.slice(row, 1))
        assert found.labels[0] == label
        document, truth = found.document(), planted.truth(row)
        runs = document["maskRLE"][0]
        mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape((60, 90), order="F")
        assert (mask & truth).sum() / (mask | truth).sum() >= 0.5
