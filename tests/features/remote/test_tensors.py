"""Tensors of rows, and the contents of answers."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assay.features.remote.model import Content, Datatype, RemoteInput, RemoteSpec
from assay.features.remote.oip_convert import output_of
from assay.features.remote.outputs import WrongOutput
from assay.features.remote.tensors import cut, encode_rows, raw_texts, read_raw_texts
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.errors import InvalidArgument
from assay.learning.errors import DataError
from assay.learning.rows import TaskType, canonical_schema


def spec(*inputs: RemoteInput) -> RemoteSpec:
    return RemoteSpec(
        endpoint="models.example:1", model_name="m", inputs=inputs, output="o", labels=("a", "b")
    )


def png(color: tuple[int, int, int]) -> bytes:
    """An image of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (20, 12), color).save(file, "PNG")
    return file.getvalue()


def image_rows(*files: bytes) -> pa.RecordBatch:
    schema = canonical_schema(TaskType.IMAGE_CLASSIFICATION, answers=False)
    ids = [f"r{row}" for row in range(len(files))]
    return pa.record_batch({"row_id": ids, "image": list(files)}, schema=schema)


@pytest.mark.parametrize("shape", [(-1, 8, 8, 3), (-1, 3, 8, 8)])
def test_images_are_pixels_in_the_declared_shape(shape):
    """Pixels are scaled to the square, channels where the shape has them, FP32 from 0 to 1."""
    for datatype, white in ((Datatype.UINT8, 255), (Datatype.FP32, 1.0)):
        one = RemoteInput(name="i", datatype=datatype, content=Content.IMAGE, shape=shape)
        (tensor,) = encode_rows(spec(one), image_rows(png((255, 0, 0)), png((0, 0, 255))))
        assert tensor.numbers.shape == (2, *shape[1:])
        pixels = tensor.numbers if shape[3] == 3 else np.moveaxis(tensor.numbers, 1, 3)
        assert pixels[0].reshape(-1, 3).tolist() == [[white, 0, 0]] * 64
        assert pixels[1].reshape(-1, 3).tolist() == [[0, 0, white]] * 64
        assert len(tensor.raw(1, 2)) == tensor.sizes(2)[1]


def test_images_may_travel_as_their_files():
    """BYTES has the file as it is; a file that is no image is refused where pixels are wanted."""
    one = RemoteInput(name="i", datatype=Datatype.BYTES, content=Content.IMAGE)
    (tensor,) = encode_rows(spec(one), image_rows(b"no image"))
    assert read_raw_texts(tensor.raw(0, 1)) == [b"no image"]
    one = RemoteInput(name="i", datatype=Datatype.UINT8, content=Content.IMAGE, shape=(-1, 8, 8, 3))
    with pytest.raises(DataError, match="no PNG") as refused:
        encode_rows(spec(one), image_rows(png((0, 0, 0)), b"no image"))
    assert refused.value.row_id == "r1"


def test_several_tensors_share_the_features_out():
    """Numbers and texts go into tensors of their own, each row's in the order of its columns."""
    inputs = (
        RemoteInput(name="n", datatype=Datatype.INT32, content=Content.COLUMNS, columns=("b", "a")),
        RemoteInput(
            name="t", datatype=Datatype.BYTES, content=Content.COLUMNS, columns=("c",), shape=(-1,)
        ),
    )
    features = [
        pa.field("a", pa.float64()),
        pa.field("b", pa.float64()),
        pa.field("c", pa.string()),
    ]
    schema = canonical_schema(TaskType.TABULAR_CLASSIFICATION, features, answers=False)
    columns = {"row_id": ["x", "y"], "a": [1.0, 2.0], "b": [3.0, 4.0], "c": ["ü", ""]}
    batch = pa.record_batch(columns, schema=schema)
    numbers, texts = encode_rows(spec(*inputs), batch)
    assert numbers.numbers.tolist() == [[3, 1], [4, 2]]
    assert numbers.raw(1, 2) == np.array([4, 2], "<i4").tobytes()
    assert texts.rest == ()
    assert read_raw_texts(texts.raw(0, 2)) == ["ü".encode(), b""]
    missing = pa.record_batch({**columns, "c": ["ü", None]}, schema=schema)
    with pytest.raises(DataError, match="'c' is missing"):
        encode_rows(spec(*inputs), missing)


@given(st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 9))
def test_cuts_take_every_row_once_within_both_limits(lengths, max_rows):
    """Requests follow each other without a gap, and none is over its rows or its bytes."""
    one = RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.TEXT)
    schema = canonical_schema(TaskType.TEXT_CLASSIFICATION, answers=False)
    ids = [f"r{row}" for row in range(len(lengths))]
    pages = [["x" * length] for length in lengths]
    batch = pa.record_batch({"row_id": ids, "pages": pages}, schema=schema)
    tensors = encode_rows(spec(one), batch)
    found = list(cut(tensors, ids, max_rows=max_rows, max_bytes=5000))
    assert [row for start, stop in found for row in range(start, stop)] == list(range(len(lengths)))
    for start, stop in found:
        assert stop - start <= max_rows
        assert len(tensors[0].raw(start, stop)) <= 5000 - 1024


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_raw_strings_are_read_as_they_were_written(texts):
    """Strings of any bytes come back from raw contents."""
    assert read_raw_texts(raw_texts(iter(texts))) == texts


@given(
    st.binary(max_size=60),
    st.sampled_from(list(Datatype)),
    st.lists(st.integers(-2, 6), max_size=3),
)
def test_no_answer_is_read_beyond_what_it_has(raw, datatype, shape):
    """Any contents under any shape are read as that many elements, or refused with a reason."""
    output = oip.ModelInferResponse.InferOutputTensor(name="o", datatype=datatype, shape=shape)
    for contents in ([raw], []):
        response = oip.ModelInferResponse(outputs=[output], raw_output_contents=contents)
        with contextlib.suppress(WrongOutput):
            found = output_of(response, "o")
            count = len(found.texts) if found.numbers is None else found.numbers.size
            assert count == np.prod(found.shape, dtype=int)
            if datatype is Datatype.BOOL:
                assert set(found.numbers.astype(int)) <= {0, 1}


def test_a_model_takes_the_inputs_of_its_kind():
    """Texts are no regression, tables no extraction, and an extraction names the word of no field."""
    text = RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.TEXT)
    words = RemoteInput(name="t", datatype=Datatype.BYTES, content=Content.WORDS)
    assert spec(text).task_type("classification") is TaskType.TEXT_CLASSIFICATION
    for one, kind in ((text, "regression"), (text, "extraction"), (words, "classification")):
        with pytest.raises(InvalidArgument, match=r"remote\.inputs"):
            spec(one).task_type(kind)
    with pytest.raises(InvalidArgument, match="'O'"):
        spec(words).task_type("extraction")
