"""The Open Inference Protocol over gRPC, on the whole service."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from assay.features.open_inference.convert import infer_request
from assay.features.open_inference.layout import Layouts
from assay.features.open_inference.light_models import light_answers
from assay.features.open_inference.model import RequestRows
from assay.features.open_inference.prediction import answers_of, tensors_of
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.errors import InvalidArgument
from assay.learning.rows import TaskType
from tests.features.artifacts.test_api import upload
from tests.support.learning_rows import trained
from tests.support.oip_server import BAD, OipServer
from tests.support.onnx_files import FEATURES, X, Y, converted
from tests.support.open_inference import outputs, request
from tests.support.rpc_service import Caller, Running
from tests.support.trained_versions import put_version
from tests.support.training_rows import diabetes, digits, images, invoices, texts

PIXELS = [f"p{place:02d}" for place in range(64)]
TASKS = {
    "digits": TaskType.TABULAR_CLASSIFICATION,
    "diabetes": TaskType.TABULAR_REGRESSION,
    "texts": TaskType.TEXT_CLASSIFICATION,
    "images": TaskType.IMAGE_CLASSIFICATION,
    "invoices": TaskType.EXTRACTION,
}


@dataclass(frozen=True, kw_only=True)
class Served:
    """Trained versions of every task type, of one organization."""

    call: Caller
    models: dict[str, str]  # id by name
    versions: dict[str, str]

    def infer(self, name: str, *tensors: Any, **options: Any) -> dict[str, Any]:
        """Return the outputs of rows."""
        return outputs(self.call.raw("ModelInfer", request(self.models[name], *tensors, **options)))

    def refused(self, name: str, *tensors: Any, **options: Any) -> Any:
        """Return how a request is refused."""
        sent = request(self.models[name], *tensors, **options)
        return self.call.refused("ModelInfer", sent)


@pytest.fixture(scope="module")
def served(rpc: Running) -> Served:
    """A ready version of each task type."""
    call = rpc.organization("open-inference")
    store, blobs = rpc.backend.store, rpc.backend.blobs
    made = {
        name: put_version(store, blobs, call.organization, task_type, project_path=f"fs/{name}")
        for name, task_type in TASKS.items()
    }
    return Served(
        call=call,
        models={name: one.model_id for name, one in made.items()},
        versions={name: one.version_id for name, one in made.items()},
    )


def pixels(rows: int, start: int = 0) -> np.ndarray:
    """Return rows of digits as a matrix."""
    table = digits()["test"].slice(start, rows)
    return np.column_stack([table.column(name).to_numpy() for name in PIXELS])


def test_a_server_tells_that_it_lives_without_a_credential(rpc: Running, served: Served) -> None:
    """Live, ready and the server's metadata need no key; everything of a model does."""
    stranger = served.call.with_credential(None)
    assert stranger("ServerLive").live
    assert stranger("ServerReady").ready
    assert stranger("ServerMetadata").name == "assay"
    assert stranger.refused("ModelReady", name=served.models["digits"]).code == "UNAUTHENTICATED"
    sent = request(served.models["texts"], ("text", "BYTES", [b"x"]))
    assert stranger.refused("ModelInfer", sent).code == "UNAUTHENTICATED"


def test_a_version_is_ready_when_it_can_be_called(served: Served) -> None:
    """A ready version is ready by any of its names; a draft is not, and another is not found."""
    call, model_id = served.call, served.models["digits"]
    for version in ("", "1.0.0", served.versions["digits"]):
        assert call("ModelReady", name=model_id, version=version).ready
    assert call("ModelReady", name="fs/digits").ready
    draft = call.version(call.model().model_id)
    assert not call("ModelReady", name=draft.model_id, version=draft.version_id).ready
    assert not call("ModelReady", name=draft.model_id).ready
    assert call.refused("ModelReady", name=model_id, version="7.0.0").code == "NOT_FOUND"
    assert call.refused("ModelReady", name="nobody").code == "NOT_FOUND"


def test_another_organization_finds_nothing(served: Served, other: Caller) -> None:
    """A model of one organization is not there for another, by id or by path."""
    for name in (served.models["texts"], "fs/texts"):
        assert other.refused("ModelReady", name=name).code == "NOT_FOUND"
        assert other.refused("ModelMetadata", name=name).code == "NOT_FOUND"
        sent = request(name, ("text", "BYTES", [b"x"]))
        assert other.refused("ModelInfer", sent).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("name", "inputs", "given"),
    [
        ("digits", [(name, "FP64", [-1, 1]) for name in PIXELS],
         [("label", "BYTES", [-1, 1]), ("scores", "FP64", [-1, 10])]),
        ("texts", [("text", "BYTES", [-1, 1])],
         [("label", "BYTES", [-1, 1]), ("scores", "FP64", [-1, 4])]),
        ("images", [("image", "BYTES", [-1, 1])],
         [("label", "BYTES", [-1, 1]), ("scores", "FP64", [-1, 10])]),
        ("invoices", [("words", "BYTES", [-1, -1]), ("boxes", "FP32", [-1, -1, 4])],
         [("labels", "BYTES", [-1, -1]), ("confidences", "FP64", [-1, -1]),
          ("fields", "BYTES", [-1, 1])]),
    ],
)  # fmt: skip  # a table
def test_metadata_tell_the_tensors(served: Served, name: str, inputs: Any, given: Any) -> None:
    """The metadata of a version name its tensors; the first dimension is that of the rows."""
    found = served.call("ModelMetadata", name=served.models[name])
    assert [(one.name, one.datatype, list(one.shape)) for one in found.inputs] == inputs
    assert [(one.name, one.datatype, list(one.shape)) for one in found.outputs] == given
    assert list(found.versions) == [served.versions[name]]
    assert (found.name, found.platform) == (served.models[name], "assay_trained")


def test_categories_are_told_as_bytes(served: Served) -> None:
    """The metadata of a table tell numbers from categories."""
    found = served.call("ModelMetadata", name="fs/diabetes", version="1.0.0")
    kinds = {one.name: one.datatype for one in found.inputs}
    assert kinds["site"] == "BYTES"
    assert kinds["bmi"] == "FP64"
    assert [one.name for one in found.outputs] == ["value"]


def test_rows_alone_have_the_bits_of_rows_in_a_batch(served: Served) -> None:
    """Scores of one row are the same to the bit alone, in a batch, and beside other callers' rows."""
    rows = pixels(64)
    whole = served.infer("digits", ("features", "FP64", rows))
    assert whole["scores"].shape == (64, 10)
    with ThreadPoolExecutor(16) as pool:
        alone = list(pool.map(
            lambda row: served.infer("digits", ("features", "FP64", row[np.newaxis])), rows
        ))  # fmt: skip  # as short as it is
    assert np.vstack([one["scores"] for one in alone]).tobytes() == whole["scores"].tobytes()
    assert [one["label"][0] for one in alone] == whole["label"]
    best = whole["scores"].argmax(axis=1)
    assert [int(label) for label in whole["label"]] == best.tolist()  # labels are the digits


def test_columns_and_a_matrix_are_the_same_rows(served: Served) -> None:
    """Features come as a tensor each, in any order and as any numbers, or as one matrix."""
    rows = np.round(pixels(5) * 16)
    wanted = served.infer("digits", ("features", "FP64", rows))["scores"]
    assert (served.infer("digits", ("features", "INT32", rows))["scores"] == wanted).all()
    assert (served.infer("digits", ("features", "FP16", rows))["scores"] == wanted).all()
    columns = [(name, "FP64", rows[:, at]) for at, name in enumerate(PIXELS)]
    assert (served.infer("digits", *reversed(columns))["scores"] == wanted).all()
    columns = [(name, "UINT8", rows[:, [at]]) for at, name in enumerate(PIXELS)]
    assert (served.infer("digits", *columns)["scores"] == wanted).all()


def test_typed_requests_have_typed_answers(served: Served) -> None:
    """Contents go back as they came: typed where they were typed, raw where they were raw."""
    rows = pixels(3)
    wanted = served.infer("digits", ("features", "FP64", rows))
    sent = request(served.models["digits"], ("features", "FP64", rows), typed=True, id="a-1")
    response = served.call.raw("ModelInfer", sent)
    assert (response.id, response.model_name) == ("a-1", served.models["digits"])
    assert response.model_version == served.versions["digits"]
    assert not response.raw_output_contents
    assert outputs(response)["label"] == wanted["label"]
    assert (outputs(response)["scores"] == wanted["scores"]).all()
    labels = json.loads(response.outputs[1].parameters["labels"].string_param)
    assert labels == [str(digit) for digit in range(10)]


def test_only_what_is_asked_for_is_returned(served: Served) -> None:
    """Requested outputs come in the order that was asked, and no others."""
    rows = ("features", "FP64", pixels(2))
    assert list(served.infer("digits", rows, outputs=["scores"])) == ["scores"]
    assert list(served.infer("digits", rows, outputs=["scores", "label"])) == ["scores", "label"]
    refused = served.refused("digits", rows, outputs=["logits"])
    assert refused.code == "INVALID_ARGUMENT"
    assert "'label', 'scores'" in refused.message
    assert served.refused("digits", rows, outputs=["label", "label"]).code == "INVALID_ARGUMENT"


def test_a_regression_gives_numbers(served: Served) -> None:
    """A regression of numbers and categories gives a number a row; NaN is what is missing."""
    table = diabetes()["test"].slice(0, 7)
    tensors: list[Any] = []
    for name in table.column_names:
        if name == "site":
            texts = [(one or "none").encode() for one in table.column(name).to_pylist()]
            tensors.append((name, "BYTES", texts))
        elif name not in {"row_id", "target"}:
            tensors.append((name, "FP64", table.column(name).to_numpy()))
    found = served.infer("diabetes", *tensors)["value"]
    assert found.shape == (7, 1)
    assert np.isfinite(found).all()
    refused = served.refused("diabetes", ("features", "FP64", np.zeros((1, 11))))
    assert "'site' is a category" in refused.message


def test_texts_and_images_come_as_bytes(served: Served) -> None:
    """A text and the bytes of an image file are classified."""
    table = texts()["test"].slice(0, 6)
    sent = [page[0].encode() for page in table.column("pages").to_pylist()]
    found = served.infer("texts", ("text", "BYTES", sent))
    assert found["scores"].shape == (6, 4)
    pictures = images()["test"].slice(0, 4).column("image").to_pylist()
    found = served.infer("images", ("image", "BYTES", [[one] for one in pictures]))
    assert found["scores"].shape == (4, 10)
    assert np.allclose(found["scores"].sum(axis=1), 1)


@pytest.mark.parametrize("name", ["diabetes", "texts", "images", "invoices"])
def test_rows_of_other_tasks_have_their_bits_too(served: Served, name: str) -> None:
    """Each row gets alone, beside other callers' rows, the bits that it gets in a batch."""
    tensors = sent_rows(name)
    output = {"diabetes": "value", "invoices": "confidences"}.get(name, "scores")
    whole = served.infer(name, *tensors)[output]
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(
            lambda row: served.infer(name, *(
                (tensor, datatype, values[row : row + 1]) for tensor, datatype, values in tensors
            ))[output], range(len(whole)),
        ))  # fmt: skip  # as short as it is
    assert np.vstack(alone).tobytes() == whole.tobytes()


def sent_rows(name: str) -> list[Any]:
    """Return the tensors of some rows of a task."""
    rows = {"diabetes": diabetes, "texts": texts, "images": images, "invoices": invoices}
    table = rows[name]()["test"].slice(0, 6)
    if name == "texts":
        pages = table.column("pages").to_pylist()
        return [("text", "BYTES", [page[0].encode() for page in pages])]
    if name == "images":
        return [("image", "BYTES", table.column("image").to_pylist())]
    if name == "invoices":
        documents = table.column("words").to_pylist()
        return [("words", "BYTES", [[word.encode() for word in one[:9]] for one in documents])]
    numbers = [one for one in table.column_names if one not in {"row_id", "target", "site"}]
    sites = [(one or "none").encode() for one in table.column("site").to_pylist()]
    columns = [(one, "FP64", table.column(one).to_numpy()) for one in numbers]
    return [("site", "BYTES", sites), *columns]


def test_an_onnx_file_is_called_as_any_other_version(rpc: Running) -> None:
    """Its tensors are told, and a row has the same bits alone and in a batch."""
    call = rpc.organization(f"open-inference-{uuid4().hex}")
    model_id = call("CreateModel", name="file", task_type="classification").model_id
    fitted = RandomForestClassifier(9, random_state=0).fit(X, Y)
    upload(call, model_id, converted(fitted), features=FEATURES)
    told = call("ModelMetadata", name=model_id)
    assert (told.platform, [one.name for one in told.inputs]) == ("assay_onnx", list(FEATURES))

    def scores(rows: np.ndarray) -> Any:
        sent = request(model_id, ("features", "FP64", rows))
        return outputs(call.raw("ModelInfer", sent))["scores"]

    whole = scores(X[::7])
    np.testing.assert_allclose(whole, fitted.predict_proba(X[::7]), atol=1e-5)
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(lambda row: scores(row[np.newaxis]), X[::7]))
    assert np.vstack(alone).tobytes() == whole.tobytes()


def test_a_remote_version_is_called_as_any_other(rpc: Running) -> None:
    """What its endpoint refuses is the caller's to mend, and an endpoint that is away is told of."""
    call = rpc.organization(f"open-inference-{uuid4().hex}")
    with OipServer() as server:
        model_id = call("CreateModel", name="remote", task_type="classification").model_id
        for label, name in (("good", "picky-INTERNAL"), ("nan", "nan")):
            remote = {
                "endpoint": server.endpoint, "model_name": name, "output": "scores",
                "inputs": [{"name": "x", "datatype": "FP32", "columns": ["a", "b"]}],
                "labels": ["no", "yes"],
            }  # fmt: skip  # as short as it is
            call("CreateVersion", model_id=model_id, label=label, remote=remote)

        def sent(first: float, version: str = "good") -> Any:
            return request(model_id, ("features", "FP64", [[first, 1.0]]), version=version)

        found = outputs(call.raw("ModelInfer", sent(3.0)))
        assert found["label"] == ["yes"]
        assert found["scores"][0, 1] == 1 / (1 + np.exp(-3.0))
        refused = call.refused("ModelInfer", sent(BAD))
        assert (refused.code, "row of 666" in refused.message) == ("INVALID_ARGUMENT", True)
        refused = call.refused("ModelInfer", sent(1.0, "nan"))
        assert (refused.code, "NaN" in refused.message) == ("INVALID_ARGUMENT", True)


def test_words_are_labelled(served: Served) -> None:
    """Words of documents, with their boxes, get a label and a confidence each, and their fields."""
    row = invoices()["test"].slice(0, 1).to_pylist()[0]
    words = [[word.encode() for word in row["words"]]]
    boxes = np.array([row["boxes"]], "<f4")
    found = served.infer("invoices", ("words", "BYTES", words), ("boxes", "FP32", boxes))
    assert len(found["labels"]) == len(row["words"])
    assert found["confidences"].shape == (1, len(row["words"]))
    assert set(json.loads(found["fields"][0])) <= set(found["labels"])
    twice = served.infer(
        "invoices", ("words", "BYTES", words * 2), ("boxes", "FP32", np.vstack([boxes, boxes]))
    )
    assert twice["labels"] == found["labels"] * 2
    assert (twice["confidences"] == found["confidences"]).all()


@pytest.mark.parametrize(
    ("name", "tensors", "options", "says"),
    [
        ("digits", [], {}, "inputs: none were sent"),
        ("digits", [("features", "FP64", np.zeros((0, 64)))], {}, "0 rows"),
        ("digits", [("features", "FP64", np.zeros((1, 63)))], {}, "[rows, 64] is allowed"),
        ("digits", [("features", "FP64", np.zeros(64))], {}, "[64] was sent"),
        ("digits", [("features", "FP64", np.zeros((1, 64)))], {"shapes": {"features": []}}, "empty"),
        ("digits", [("features", "FP64", np.zeros((1, 64)))], {"shapes": {"features": [2, 64]}}, "512 bytes"),
        ("digits", [("features", "FP64", np.zeros((1, 64)))], {"shapes": {"features": [-1, 64]}}, "-1 rows"),
        ("digits", [("features", "FP64", np.zeros((1, 64)))], {"shapes": {"features": [1 << 62, 64]}}, "rows were sent"),
        ("digits", [("features", "BYTES", [[b"1"] * 64])], {}, "features are numbers"),
        ("digits", [("features", "FP32", np.full((2, 64), np.inf))], {}, "row '0'"),
        ("digits", [("other", "FP64", np.zeros((1, 64)))], {}, "'other' was sent"),
        ("digits", [("p00", "FP64", [0.0])], {}, "63 of 64 features are absent"),
        ("digits", [("p00", "FP64", [0.0]), ("p00", "FP64", [0.0])], {}, "given twice"),
        ("texts", [("text", "BYTES", [b"a"]), ("text2", "BYTES", [b"a"])], {}, "'text2' was sent"),
        ("texts", [("text", "INT64", [1])], {}, "'text' is BYTES"),
        ("texts", [("text", "BYTES", [b"a", b"a\xff"])], {}, "string 1 is not UTF-8"),
        ("texts", [("text", "BYTES", [b"a", b"b"])], {"shapes": {"text": [3]}}, "2 elements"),
        ("images", [("image", "BYTES", [b"no image"])], {}, "row '0'"),
        ("invoices", [("words", "BYTES", [b"a"])], {}, "[documents, words]"),
        ("invoices", [("words", "BYTES", [[b"a"]]), ("boxes", "FP32", np.zeros((1, 2, 4)))], {}, "[documents, 1, 4]"),
        ("texts", [("text", "BYTES", [b"a"])], {"version": "9.0.0"}, "9.0.0"),
    ],
)  # fmt: skip  # a table
def test_what_is_wrong_is_said(
    served: Served, name: str, tensors: Any, options: Any, says: str
) -> None:
    """A wrong request is refused as the caller's to mend, in words that say what is allowed."""
    for typed in (False, True):
        if typed and "bytes" in says:
            says = "64 elements"
        refused = served.refused(name, *tensors, typed=typed, **options)
        assert refused.code == ("NOT_FOUND" if "version" in options else "INVALID_ARGUMENT")
        assert says in refused.message


def test_contents_that_lie_are_refused(served: Served) -> None:
    """Raw contents that are too many, cut, of a false length, or beside typed ones are refused."""
    good = request(served.models["texts"], ("text", "BYTES", [b"abc"]))
    for raw in (b"\x03\x00\x00\x00ab", b"\xff\xff\xff\xffabc", b"\x03\x00", b""):
        lying = oip.ModelInferRequest.FromString(good.SerializeToString())
        lying.raw_input_contents[0] = raw
        refused = served.call.refused("ModelInfer", lying)
        assert (refused.code, refused.metadata["field"]) == (
            "INVALID_ARGUMENT", "raw_input_contents[0]",
        )  # fmt: skip  # as short as it is
    twice = oip.ModelInferRequest.FromString(good.SerializeToString())
    twice.raw_input_contents.append(b"")
    assert served.call.refused("ModelInfer", twice).code == "INVALID_ARGUMENT"
    both = oip.ModelInferRequest.FromString(good.SerializeToString())
    both.inputs[0].contents.bytes_contents.append(b"abc")
    assert "send one of them" in served.call.refused("ModelInfer", both).message
    mixed = request(served.models["digits"], ("features", "FP64", np.zeros((1, 64))), typed=True)
    mixed.inputs[0].contents.int_contents.append(1)
    assert "int_contents was sent" in served.call.refused("ModelInfer", mixed).message
    mixed.inputs[0].datatype = "BF16"
    assert "'BF16' was sent" in served.call.refused("ModelInfer", mixed).message


def test_more_tensors_than_any_version_has_are_refused_at_once(served: Served) -> None:
    """Millions of tensors, outputs or dimensions are counted and not gone through."""
    started = time.monotonic()
    for field in (5, 6):  # inputs and outputs, empty ones
        sent = served_request(served, bytes([field << 3 | 2, 0]) * 1_000_000)
        refused = served.call.refused("ModelInfer", sent)
        assert (refused.code, "at most 4096" in refused.message) == ("INVALID_ARGUMENT", True)
    long = request(
        served.models["texts"], ("text", "BYTES", [b"a"]), shapes={"text": [1] * 1_000_000}
    )
    assert "at most 8" in served.call.refused("ModelInfer", long).message
    assert time.monotonic() - started < 5


def served_request(served: Served, more: bytes) -> bytes:
    """Return an encoded request with more fields."""
    sent = oip.ModelInferRequest(model_name=served.models["texts"])
    return sent.SerializeToString() + more


def test_what_is_not_followed_is_refused(served: Served) -> None:
    """Shared memory and sequences are refused; a method of the protocol that is not there says so."""
    sent = request(served.models["texts"], ("text", "BYTES", [b"abc"]))
    sent.parameters["sequence_id"].int64_param = 7
    assert "sequences" in served.call.refused("ModelInfer", sent).message
    sent = request(served.models["texts"], ("text", "BYTES", [b"abc"]))
    sent.inputs[0].parameters["shared_memory_region"].string_param = "a"
    assert "shared memory" in served.call.refused("ModelInfer", sent).message


def test_a_wrong_request_leaves_those_beside_it_alone(served: Served) -> None:
    """Of requests that are computed together only the wrong one is refused."""
    gate = threading.Barrier(12)

    def send(number: int) -> Any:
        text = b"a\xff" if number % 4 == 0 else b"en lille kat"
        gate.wait()
        sent = request(served.models["texts"], ("text", "BYTES", [text]))
        if number % 4 == 0:
            return served.call.refused("ModelInfer", sent).code
        return outputs(served.call.raw("ModelInfer", sent))["label"]

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(send, range(12)))
    assert found[0] == found[4] == found[8] == "INVALID_ARGUMENT"
    assert len({str(one) for number, one in enumerate(found) if number % 4}) == 1


def test_light_models_have_the_bits_of_compute_children() -> None:
    """A linear model of numbers is predicted in the server, as it is everywhere else."""
    train = digits()["train"].to_batches()
    task_type = TaskType.TABULAR_CLASSIFICATION
    labels = tuple("0123456789")
    model = trained(task_type, train, labels=labels, algorithm="linear", num_train_epochs=2)
    batch = digits()["test"].slice(0, 40).combine_chunks().to_batches()[0]
    wanted = model.predict(batch)
    rows = np.column_stack([batch.column(name).to_numpy() for name in PIXELS])
    sent = [RequestRows(rows=one, contents=(part.tobytes(),)) for one, part in (
        (1, rows[:1]), (7, rows[1:8]), (32, rows[8:]),
    )]  # fmt: skip  # as short as it is
    layouts = Layouts(tensors_of(model))
    layout, _ = layouts.read(infer_request(request("m", ("features", "FP64", rows))))
    answers = light_answers(model, layout, sent)
    assert answers == answers_of(model, layout, sent)
    assert b"".join(one[1] for one in answers) == wanted.probabilities.tobytes()
    names = sorted(PIXELS, reverse=True)
    columns = [(name, "FP64", rows[:, PIXELS.index(name)]) for name in names]
    layout, whole = layouts.read(infer_request(request("m", *columns)))
    assert light_answers(model, layout, [whole])[0][1] == wanted.probabilities.tobytes()
    bad = RequestRows(rows=1, contents=tuple([np.float64(np.inf).tobytes()] * 64))
    good = RequestRows(rows=1, contents=tuple([np.float64(0).tobytes()] * 64))
    found = light_answers(model, layout, [good, bad, good])
    assert isinstance(found[1], InvalidArgument)
    assert "row '0'" in found[1].message
    assert found[0] == found[2]


def test_a_version_that_runs_nothing_is_refused(served: Served) -> None:
    """A draft cannot be called, and the refusal says why."""
    draft = served.call.version(served.call.model().model_id)
    sent = request(draft.model_id, ("x", "FP64", [1.0]), version=draft.version_id)
    refused = served.call.refused("ModelInfer", sent)
    assert refused.code == "FAILED_PRECONDITION"
    assert "draft" in refused.message
