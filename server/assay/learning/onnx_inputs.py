"""Tensors made of canonical rows, as the form of an ONNX model says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.learning.errors import DataError, shortened
from assay.learning.images import decode_image
from assay.learning.onnx_form import FeatureInput, ImageInput, OnnxForm, TensorType
from assay.learning.rows import CATEGORY, IMAGE, ROW_ID
from assay.learning.text import texts_of

Tensors = Mapping[str, NDArray[Any]]

NUMPY_TYPES: Final[Mapping[TensorType, type[Any]]] = {
    TensorType.FLOAT16: np.float16,
    TensorType.FLOAT: np.float32,
    TensorType.DOUBLE: np.float64,
    TensorType.UINT8: np.uint8,
    TensorType.INT32: np.int32,
    TensorType.INT64: np.int64,
    TensorType.BOOL: np.bool_,
    TensorType.STRING: np.object_,
}
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601


def tensors_of(batch: pa.RecordBatch, form: OnnxForm) -> Tensors:
    """Return the tensors of rows; raises DataError for rows that make none."""
    if form.text is not None:
        texts = np.array([*texts_of(batch, 0), None], np.object_)[:-1]
        return {form.text.name: texts if form.text.is_flat else texts.reshape(-1, 1)}
    if form.image is not None:
        return {form.image.name: _pixels(batch, form.image)}
    return {one.name: _matrix(batch, one) for one in form.features}


def _matrix(batch: pa.RecordBatch, wanted: FeatureInput) -> NDArray[Any]:
    shape = (batch.num_rows, len(wanted.features))
    made = np.empty(shape, NUMPY_TYPES[wanted.type])
    for at, name in enumerate(wanted.features):
        made[:, at] = _column(batch, name, wanted.type)
    return made[:, 0] if wanted.is_flat else made


def _column(batch: pa.RecordBatch, name: str, wanted: TensorType) -> NDArray[Any]:
    place = batch.schema.get_field_index(name)
    if place < 0:
        raise DataError(f"the rows lack the feature {shortened(name)}, which the model reads")
    column: Any = batch.column(place)
    if (wanted is TensorType.STRING) != (column.type == CATEGORY):
        needs = "string" if wanted is TensorType.STRING else "float64"
        raise DataError(f"feature {shortened(name)} is {column.type}; the model reads {needs}")
    if wanted is TensorType.STRING:
        texts: NDArray[Any] = np.array([*pc.fill_null(column, "").to_pylist(), None], np.object_)
        return texts[:-1]
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return values if wanted.is_float else _whole(batch, name, values, wanted)


def _whole(
    batch: pa.RecordBatch, name: str, values: NDArray[np.float64], wanted: TensorType
) -> NDArray[Any]:
    """Return whole numbers, or raise DataError for others."""
    kind = NUMPY_TYPES[wanted]
    low, high = (0.0, 1.0) if kind is np.bool_ else (np.iinfo(kind).min, np.iinfo(kind).max)
    is_right = (values == np.trunc(values)) & (values >= low) & (values <= high)
    if kind is np.int64:
        is_right &= values < float(high)  # as a float the limit is one beyond it
    if not is_right.all():
        row = int(np.flatnonzero(~is_right)[0])
        raise DataError(
            f"feature {shortened(name)} is {values[row]:g}; the model reads whole numbers from "
            f"{low:.0f} to {high:.0f}",
            batch.column(ROW_ID)[row].as_py(),
        )
    return values.astype(kind)


def _pixels(batch: pa.RecordBatch, wanted: ImageInput) -> NDArray[Any]:
    size = (wanted.height, wanted.width)
    made = np.empty((batch.num_rows, *size, wanted.channels), np.float32)
    ids = batch.column(ROW_ID)
    for row, data in enumerate(batch.column(IMAGE).to_pylist()):
        row_id = ids[row].as_py()
        if data is None:
            raise DataError("the row has no image", row_id)
        colours = decode_image(data, size, row_id).astype(np.float32)
        made[row] = colours if wanted.channels == 3 else (colours @ _GREY)[..., np.newaxis]
    made *= np.float32(wanted.scale)
    made -= np.array(wanted.mean, np.float32)
    made /= np.array(wanted.std, np.float32)
    if wanted.channels_first:
        made = np.ascontiguousarray(made.transpose(0, 3, 1, 2))
    kind = NUMPY_TYPES[wanted.type]
    if wanted.type.is_float:
        return made.astype(kind, copy=False)
    limits = np.iinfo(kind)
    return np.clip(np.rint(made), limits.min, limits.max).astype(kind)
