"""Inputs as canonical rows: what each task type takes, read from the items of inputs.

It decodes what a user sent, so it runs in compute children alone. An input that cannot be read
is told with its reason and leaves the others alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from assay.features.datasets.canonical import CanonicalRows
from assay.features.datasets.dataset_columns import DatasetColumns, Kinds
from assay.features.datasets.images import MAX_PIXELS, MAX_SIDE, image_size
from assay.features.datasets.list_columns import divided_pages
from assay.features.datasets.stored_split import FeatureKind
from assay.features.inference.item_content import ANY_TYPE, Content, InputFault, content_of
from assay.features.inference.model import NewInput
from assay.features.models.declared import DeclaredInput
from assay.kernel.errors import clip
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.rows import ROW_ID, TaskType, canonical_schema
from assay.tabular.errors import ErrorLocation, InputError
from assay.tabular.values import text_array

Faults = dict[int, str]  # position of an input → why it cannot be predicted
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one schema, and whose they are."""

    positions: tuple[int, ...]  # of the inputs, one a row
    batch: pa.RecordBatch  # canonical, without answers

    def part(self, start: int, stop: int) -> Rows:
        """Return some of the rows."""
        return Rows(
            positions=self.positions[start:stop], batch=self.batch.slice(start, stop - start)
        )


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Reads the inputs of one version."""

    task_type: TaskType
    inputs: tuple[DeclaredInput, ...]  # items that an input has; the first is what is read
    kinds: Kinds  # of features, where they are known; of tabular rows

    def read(
        self, inputs: Sequence[tuple[int, NewInput]], blobs: JobBlobs, faults: Faults
    ) -> list[Rows]:
        """Return the rows of inputs by position; put into `faults` those that have none."""
        contents: dict[int, Content] = {}
        for position, one in inputs:
            try:
                contents[position] = self._content(one, blobs)
            except InputFault as fault:
                faults[position] = str(fault)
        if self.task_type is TaskType.TEXT_CLASSIFICATION:
            return _grouped(self._each(contents, Content.text, faults), _texts)
        if self.task_type is TaskType.IMAGE_CLASSIFICATION:
            return _grouped(self._each(contents, _image, faults), _images)
        return list(self._objects(self._each(contents, _object, faults), faults))

    def _content(self, one: NewInput, blobs: JobBlobs) -> Content:
        only = self.inputs[0].name if len(self.inputs) == 1 else ""
        items = {item.name or only: item for item in one.items}
        if len(items) < len(one.items) or set(items) != {item.name for item in self.inputs}:
            sent = ", ".join(f"'{clip(item.name, 40)}'" for item in one.items) or "nothing"
            wanted = ", ".join(f"'{clip(item.name, 40)}'" for item in self.inputs)
            raise InputFault(f"The input holds {sent}; the model takes {wanted}. Name it so.")
        declared = self.inputs[0]
        item = items[declared.name]
        if item.size > declared.maximum_size:
            raise self._fault(
                f"{item.size} bytes were sent; the model takes at most {declared.maximum_size}"
            )
        try:
            content = content_of(item, blobs)
        except InputFault as fault:
            raise self._fault(str(fault)) from None
        kind = content.media_type
        is_text = self.task_type is not TaskType.IMAGE_CLASSIFICATION and kind.startswith("text/")
        if kind not in ("", ANY_TYPE, *declared.media_types) and not is_text:
            allowed = " or ".join(declared.media_types)
            raise self._fault(f"the media type '{clip(kind, 40)}' was sent; {allowed} is allowed")
        return content

    def _fault(self, says: str) -> InputFault:
        return InputFault(f"{self.inputs[0].name}: {says}.")

    def _each(
        self, contents: Mapping[int, Content], read: Callable[[Content], Any], faults: Faults
    ) -> dict[int, Any]:
        found = {}
        for position, content in contents.items():
            try:
                found[position] = read(content)
            except InputFault as fault:
                faults[position] = str(self._fault(str(fault)))
        return found

    def _objects(self, objects: Mapping[int, Values], faults: Faults) -> Iterator[Rows]:
        """Yield rows of JSON objects, those of the same keys together."""
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for position, one in objects.items():
            alike[tuple(sorted(one))].append(position)
        for positions in alike.values():
            try:
                yield self._rows(positions, objects)
            except InputError:
                for position in positions:  # one by one it is found out which
                    try:
                        yield self._rows([position], objects)
                    except InputError as error:
                        where = error.location.removeprefix("row 0, ")
                        says = f"{where}: {error.description}" if where else error.message
                        faults[position] = str(self._fault(says.rstrip(".")))

    def _rows(self, positions: Sequence[int], objects: Mapping[int, Values]) -> Rows:
        names = list(objects[positions[0]])
        kinds = {name: self._kind(name, objects[positions[0]][name]) for name in names}
        columns = DatasetColumns(self.task_type, kinds=kinds, answers=False)
        columns.check([ROW_ID, *names])
        assert columns.found is not None, "names that are not allowed are refused"
        values = {name: [objects[position][name] for position in positions] for name in names}
        values[ROW_ID] = [str(position) for position in positions]
        location = ErrorLocation()
        table = columns.from_values(values, location)
        features = {name: kinds[name] for name in columns.found.features}
        batch = CanonicalRows(columns.found, features).read(table, location)
        return Rows(positions=tuple(positions), batch=batch)

    def _kind(self, name: str, value: object) -> FeatureKind:
        """Return what a feature is: what it was in training, else what its value is."""
        is_text = isinstance(value, str)
        return self.kinds.get(name, FeatureKind.CATEGORY if is_text else FeatureKind.NUMBER)


def _grouped(
    found: Mapping[int, Any], make: Callable[[list[str], list[Any]], pa.RecordBatch]
) -> list[Rows]:
    if not found:
        return []
    batch = make([str(position) for position in found], list(found.values()))
    return [Rows(positions=tuple(found), batch=batch)]


def _texts(ids: list[str], texts: list[str]) -> pa.RecordBatch:
    schema = canonical_schema(TaskType.TEXT_CLASSIFICATION, answers=False)
    pages: Any = divided_pages(texts)
    return pa.RecordBatch.from_arrays([_ids(ids), pages], schema=schema)


def _images(ids: list[str], files: list[bytes]) -> pa.RecordBatch:
    schema = canonical_schema(TaskType.IMAGE_CLASSIFICATION, answers=False)
    return pa.RecordBatch.from_arrays([_ids(ids), _binaries(files)], schema=schema)


def _ids(ids: list[str]) -> Any:
    return text_array(ids).cast(pa.string())


def _binaries(files: list[bytes]) -> Any:
    offsets = np.cumsum([0, *map(len, files)], dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(files))]
    return pa.Array.from_buffers(pa.large_binary(), len(files), buffers)


def _image(content: Content) -> bytes:
    """Return the bytes of an image whose head says a size that is decoded."""
    size = image_size(content.data)
    if size is None:
        what = f"the {len(content.data)} bytes are no image" if content.data else "it is empty"
        raise InputFault(f"{what}. Send a whole PNG or JPEG file")
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise InputFault(
            f"the image has {width} x {height} pixels; at most {MAX_PIXELS} are decoded, and "
            f"{MAX_SIDE} to a side. Scale it down"
        )
    return content.data


def _object(content: Content) -> Values:
    try:
        found = json.loads(
            content.text(), object_pairs_hook=_no_repeats, parse_constant=_no_constant
        )
    except RecursionError:
        raise InputFault("its JSON is nested too deeply. Send one object of plain values") from None
    except ValueError as error:
        says = str(error).splitlines()[0][:100]
        raise InputFault(f"it is no JSON ({says}). Send one object") from None
    if not isinstance(found, dict):
        raise InputFault("it is JSON, but no object. Send one object")
    if ROW_ID in found:
        raise InputFault(f"the key '{ROW_ID}' is not of the model. Leave it out")
    return found


def _no_constant(word: str) -> Any:
    raise InputFault(f"{word} is no number of JSON. Send null where a value is missing")


def _no_repeats(pairs: list[tuple[str, Any]]) -> Values:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputFault("its JSON object has one key twice. Send each key once")
    return found
