"""Models of ONNX files: the numbers of scikit-learn, for whatever form a file has."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper
from PIL import Image
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from assay.learning.errors import DataError
from assay.learning.onnx_declaration import ImageDeclaration, Known, OnnxDeclaration
from assay.learning.onnx_examination import examine
from assay.learning.onnx_form import OutputKind
from assay.learning.onnx_model import BLOCK_ROWS, OnnxModel
from assay.learning.predictions import ClassPredictions, ValuePredictions
from assay.learning.rows import TaskType
from assay.records import replace
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

FLOAT32 = 1e-5  # what float32 loses
CLASSES = Known(
    task_types=(
        TaskType.TABULAR_CLASSIFICATION,
        TaskType.TEXT_CLASSIFICATION,
        TaskType.IMAGE_CLASSIFICATION,
    )
)
NUMBERS = Known(task_types=(TaskType.TABULAR_REGRESSION,))
FLOWERS = OnnxDeclaration(features=FEATURES)


def opened(data: bytes, declared: OnnxDeclaration = FLOWERS, known: Known = CLASSES) -> OnnxModel:
    """Return the model of a file, as its examination and a later opening make it."""
    return OnnxModel.open(data, examine(data, declared, known), stuck=lambda: None)


def classes(model: OnnxModel, batch: pa.RecordBatch) -> ClassPredictions:
    found = model.predict(batch)
    assert isinstance(found, ClassPredictions)
    return found


@pytest.fixture(scope="module")
def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=500).fit(X, Y)


@pytest.mark.parametrize("zipmap", [True, False, "columns"], ids=str)
def test_probabilities_are_those_of_scikit_learn(logistic, zipmap):
    """Scores as maps or as a matrix are read, with the classes that the file names."""
    data = converted(logistic, options={"zipmap": zipmap})
    declared = FLOWERS
    if zipmap == "columns":
        with pytest.raises(Exception, match="Declare by output"):
            opened(data)
        return
    model = opened(data, declared)
    found = classes(model, iris_rows())
    assert found.labels == SPECIES
    np.testing.assert_allclose(found.probabilities, logistic.predict_proba(X), atol=FLOAT32)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert [model.features[at].name for at in range(4)] == list(FEATURES)


@pytest.mark.parametrize("rows", [1, BLOCK_ROWS - 1, BLOCK_ROWS + 1])
def test_a_row_alone_gets_the_bits_that_it_gets_among_others(rows):
    """Every run takes as many rows, so how rows are sent changes no bit."""
    data = converted(RandomForestClassifier(9, random_state=0).fit(X, Y))
    model = opened(data)
    whole = classes(model, iris_rows()).probabilities
    parts = [
        classes(model, iris_rows(X[at : at + rows])).probabilities for at in range(0, len(X), rows)
    ]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_declared_labels_give_the_order_and_names_of_numbered_classes(logistic):
    """The model's order of labels is kept, and classes that a file numbers get the names declared."""
    model = opened(
        converted(logistic), known=Known(task_types=CLASSES.task_types, labels=SPECIES[::-1])
    )
    turned = classes(model, iris_rows())
    assert turned.labels == SPECIES[::-1]
    expected = logistic.predict_proba(X)
    np.testing.assert_allclose(turned.probabilities, expected[:, ::-1], atol=FLOAT32)
    numbered = LogisticRegression(max_iter=500).fit(X, np.searchsorted(SPECIES, Y))
    declared = OnnxDeclaration(features=FEATURES, labels=("i", "ii", "iii"))
    named = classes(opened(converted(numbered), declared), iris_rows())
    assert named.labels == ("i", "ii", "iii")
    np.testing.assert_allclose(named.probabilities, expected, atol=1e-3)


def test_a_regression_has_the_values_of_scikit_learn():
    """Numbers are read from one column, whatever else the rows have."""
    fitted = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X[:, :3], X[:, 3])
    data = converted(fitted, X[:1, :3])
    model = opened(data, OnnxDeclaration(features=FEATURES[:3]), NUMBERS)
    found = model.predict(iris_rows())
    assert isinstance(found, ValuePredictions)
    np.testing.assert_allclose(found.values, fitted.predict(X[:, :3]), rtol=1e-4)
    assert model.labels == ()


def test_each_column_may_be_an_input_of_its_own():
    """A pipeline of numbers and categories reads an input a column, named as the features are."""
    import pandas as pd
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    colours = np.array(["red", "green", "blue"])[np.arange(len(X)) % 3]
    frame = pd.DataFrame({"length": X[:, 0], "colour": colours})
    steps = make_column_transformer(
        (StandardScaler(), ["length"]), (OneHotEncoder(handle_unknown="ignore"), ["colour"])
    )
    fitted = make_pipeline(steps, LinearRegression()).fit(frame, X[:, 2])
    types = [("length", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    model = opened(converted(fitted, None, initial_types=types), OnnxDeclaration(), NUMBERS)
    batch = pa.RecordBatch.from_pydict(
        {
            "row_id": [str(at) for at in range(len(X))],
            "colour": colours.tolist(),
            "length": X[:, 0].astype(float),
        }
    )
    found = model.predict(batch)
    assert isinstance(found, ValuePredictions)
    np.testing.assert_allclose(found.values, fitted.predict(frame), atol=1e-4)
    wrong = batch.set_column(1, "colour", pa.array(np.zeros(len(X))))
    with pytest.raises(DataError, match="'colour' is double; the model reads string"):
        model.predict(wrong)
    with pytest.raises(DataError, match="lack the feature 'length'"):
        model.predict(batch.drop_columns(["length"]))


def test_texts_are_read_as_one_string_each():
    """A pipeline of words reads the pages of a text, joined."""
    from skl2onnx.common.data_types import StringTensorType

    texts = ["A good film", "a bad film", "very good", "So bad, so sad"] * 5
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["yes", "no"] * 10)
    data = converted(fitted, None, initial_types=[("text", StringTensorType([None, 1]))])
    model = opened(data, OnnxDeclaration())
    assert model.task_type is TaskType.TEXT_CLASSIFICATION
    pages = pa.array([text.split(" ", 1) for text in texts], pa.list_(pa.large_string()))
    batch = pa.RecordBatch.from_pydict({"row_id": [str(at) for at in range(20)], "pages": pages})
    found = classes(model, batch)
    np.testing.assert_allclose(found.probabilities, fitted.predict_proba(texts), atol=FLOAT32)


def test_a_class_alone_counts_as_certain():
    """Where a file gives no probabilities, the class that it names has 1."""
    fitted = LinearSVC(random_state=0).fit(X, Y)
    model = opened(converted(fitted), OnnxDeclaration(features=FEATURES, output="label"))
    assert model.form.kind is OutputKind.CLASSES
    found = classes(model, iris_rows())
    assert [found.labels[code] for code in found.codes] == fitted.predict(X).tolist()
    assert set(found.probabilities.reshape(-1)) == {0.0, 1.0}


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("columns", [1, 2])
def test_two_classes_may_be_one_score(columns, logits):
    """One score is that of the second class, and scores before a softmax are declared as such."""
    nodes = [node("MatMul", "x w", "z")]
    nodes += (
        [node("Identity", "z", "y")]
        if logits
        else [node("Sigmoid", "z", "y") if columns == 1 else node("Softmax", "z", "y")]
    )
    weights = np.array([[0.5], [-0.25], [0.125], [1.0]], np.float32)
    if columns == 2:
        weights = np.hstack([np.zeros_like(weights), weights])
    data = made(
        nodes,
        outputs=[value("y", TensorProto.FLOAT, [None, columns])],
        tensors=[helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.reshape(-1))],
    ).SerializeToString()
    model = opened(data, OnnxDeclaration(features=FEATURES, labels=("no", "yes"), logits=logits))
    found = classes(model, iris_rows())
    expected = 1 / (1 + np.exp(-X.astype(float) @ weights[:, -1]))
    np.testing.assert_allclose(found.probabilities[:, 1], expected, atol=FLOAT32)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_images_are_scaled_and_laid_out_as_declared(layout):
    """Pixels come in the size, order, scale and channels that the model reads."""
    shape = [None, 3, 2, 5] if layout == "NCHW" else [None, 2, 5, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    data = made(
        [node("ReduceMean", "x", "y", axes=axes, keepdims=0)],
        inputs=[value("x", TensorProto.FLOAT, shape)],
        outputs=[value("y", TensorProto.FLOAT, [None, 3])],
        opset=13,
    ).SerializeToString()
    image = ImageDeclaration(mean=(0.5, 0.0, 0.0), std=(0.5, 1.0, 2.0))
    declared = OnnxDeclaration(labels=("r", "g", "b"), logits=True, image=image)
    model = opened(data, declared)
    file = io.BytesIO()
    Image.new("RGB", (50, 20), (255, 51, 102)).save(file, "PNG")
    batch = pa.RecordBatch.from_pydict(
        {"row_id": ["a"], "image": pa.array([file.getvalue()], pa.large_binary())}
    )
    scores = np.exp([1.0, 0.2, 0.2])
    found = classes(model, batch).probabilities[0]
    np.testing.assert_allclose(found, scores / scores.sum(), atol=FLOAT32)
    broken = batch.set_column(1, "image", pa.array([b"\x89PNG no"], pa.large_binary()))
    with pytest.raises(DataError, match="row 'a': the image cannot be decoded"):
        model.predict(broken)


def test_a_fixed_number_of_rows_is_kept_to():
    """A file that takes exactly three rows gets three, and rows beside them change nothing."""
    data = made(
        [node("Mul", "x x", "xx"), node("ReduceSum", "xx axis", "y", keepdims=0)],
        inputs=[value("x", TensorProto.FLOAT, [3, 4])],
        outputs=[value("y", TensorProto.FLOAT, [3])],
        tensors=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    ).SerializeToString()
    model = opened(data, FLOWERS, NUMBERS)
    assert model.block_rows == 3
    found = model.predict(iris_rows(X[:7]))
    assert isinstance(found, ValuePredictions)
    np.testing.assert_allclose(found.values, (X[:7].astype(float) ** 2).sum(axis=1), rtol=1e-6)


def test_missing_numbers_are_nan_and_whole_numbers_are_checked():
    """A missing float is NaN to the model; where it reads integers, others are refused by row."""
    data = made(
        [node("IsNaN", "x", "n"), node("Cast", "n", "f", to=1), node("ReduceSum", "f axis", "y")],
        outputs=[value("y", TensorProto.FLOAT, [None, 1])],
        tensors=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    ).SerializeToString()
    values = X[:2].astype(float)
    values[1, 2] = np.nan
    found = opened(data, FLOWERS, NUMBERS).predict(iris_rows(values))
    assert isinstance(found, ValuePredictions)
    assert list(found.values) == [0.0, 1.0]
    whole = made(
        [node("Cast", "x", "y", to=1)],
        inputs=[value("x", TensorProto.INT64, [None, 1])],
        outputs=[value("y", TensorProto.FLOAT, [None, 1])],
    ).SerializeToString()
    model = opened(whole, OnnxDeclaration(features=FEATURES[:1]), NUMBERS)
    found = model.predict(iris_rows(np.array([[2, 0, 0, 0]])))
    assert isinstance(found, ValuePredictions)
    assert list(found.values) == [2.0]
    with pytest.raises(DataError, match=r"row 'r1'.*is 2.5; the model reads whole numbers"):
        model.predict(iris_rows(np.array([[2, 0, 0, 0], [2.5, 0, 0, 0]])))
    with pytest.raises(DataError, match=r"is 9.22337e\+18; the model reads whole numbers"):
        model.predict(iris_rows(np.array([[2.0**63, 0, 0, 0]])))


def test_what_a_model_returns_is_not_believed():
    """Numbers that are not finite, and scores that are none, are refused with their row."""
    log = made(
        [node("Log", "x", "z"), node("ReduceSum", "z axis", "y")],
        outputs=[value("y", TensorProto.FLOAT, [None, 1])],
        tensors=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    ).SerializeToString()
    model = opened(log, FLOWERS, NUMBERS)
    with pytest.raises(DataError, match="row 'r1': the model's output 'y' is nan"):
        model.predict(iris_rows(np.array([[1.0] * 4, [-1.0] * 4])))
    scores = made([node("Identity", "x", "y")]).SerializeToString()
    declared = OnnxDeclaration(features=FEATURES, labels=tuple("abcd"), logits=True)
    form = examine(scores, declared, CLASSES)
    raw = replace(form, kind=OutputKind.PROBABILITIES)
    with pytest.raises(
        DataError, match=r"row 'r0'.*no probabilities.*upload the model with logits"
    ):
        OnnxModel.open(scores, raw, stuck=lambda: None).predict(iris_rows())
