"""Layouts of requests: the names, datatypes and shapes of their tensors, checked once for each form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NoReturn

from assay.features.open_inference.model import (
    MATRIX,
    MAX_NUMBERS,
    MAX_ROWS,
    Feature,
    InferRequest,
    Layout,
    RequestRows,
    SentTensor,
    Signature,
    TensorLayout,
    TensorSpec,
)
from assay.features.remote.model import Content, Datatype
from assay.features.remote.tensors import NUMBERS
from assay.kernel.errors import InvalidArgument, clip
from assay.learning.rows import TaskType

Form = tuple[object, ...]  # all that a layout depends on
MAX_FORMS: Final = 64  # of a version that are remembered
_CONTENTS: Final = {
    TaskType.TEXT_CLASSIFICATION: Content.TEXT,
    TaskType.IMAGE_CLASSIFICATION: Content.IMAGE,
}


class Layouts:
    """The layouts of the requests to one version."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._width = sum(math.prod(map(abs, one.shape[1:])) for one in signature.outputs)
        self._known: dict[Form, Layout] = {}

    def read(self, request: InferRequest) -> tuple[Layout, RequestRows]:
        """Return how a request holds its rows, and these; InvalidArgument says what is wrong."""
        form: Form = (
            request.is_typed,
            request.outputs,
            *((one.name, one.datatype, one.shape[1:]) for one in request.tensors),
        )
        layout = self._known.get(form)
        if layout is None:
            layout = self._layout(request)
            if len(self._known) >= MAX_FORMS:
                self._known.clear()
            self._known[form] = layout
        return layout, self._rows(request, layout)

    def _layout(self, request: InferRequest) -> Layout:
        seen: set[str] = set()
        for at, one in enumerate(request.tensors):
            if one.name in seen:
                _refuse(f"inputs[{at}].name", f"'{clip(one.name)}' is given twice")
            seen.add(one.name)
            if not one.shape:
                _refuse(f"inputs[{at}].shape", "is empty; the first dimension is the rows")
        signature = self._signature
        if signature.task_type.is_tabular:
            tensors = _tabular(signature.features, request.tensors)
            words = 1
        else:
            tensors, words = _of_content(signature.task_type, request.tensors)
        return Layout(
            tensors=tensors,
            is_typed=request.is_typed,
            outputs=_outputs(signature.outputs, request.outputs),
            words=words,
        )

    def _rows(self, request: InferRequest, layout: Layout) -> RequestRows:
        rows = request.tensors[0].shape[0]
        if not 1 <= rows <= MAX_ROWS:
            _refuse("inputs[0].shape", f"{rows} rows were sent; 1 to {MAX_ROWS} are allowed")
        if rows * layout.words * self._width > MAX_NUMBERS:
            most = MAX_NUMBERS // (layout.words * self._width)
            _refuse(
                "inputs[0].shape",
                f"{_told(request.tensors[0])} was sent; {most} rows of such have outputs that are "
                "not too large. Send less at once",
            )
        for at, (one, tensor) in enumerate(zip(request.tensors, layout.tensors, strict=True)):
            if one.shape[0] != rows:
                _refuse(
                    f"inputs[{at}].shape",
                    f"{one.shape[0]} rows are in '{clip(one.name)}', and {rows} in the first tensor",
                )
            if not layout.is_typed and tensor.datatype is not Datatype.BYTES:
                wanted = rows * tensor.elements * NUMBERS[tensor.datatype].itemsize
                if len(one.contents) != wanted:
                    _refuse(
                        f"raw_input_contents[{at}]",
                        f"{len(one.contents)} bytes were sent; {list(one.shape)} of "
                        f"{tensor.datatype} have {wanted}",
                    )
        return RequestRows(rows=rows, contents=tuple([one.contents for one in request.tensors]))


def _tabular(features: Sequence[Feature], sent: Sequence[SentTensor]) -> tuple[TensorLayout, ...]:
    known = {one.name: one for one in features}
    if len(sent) == 1 and sent[0].name == MATRIX and MATRIX not in known:
        return (_matrix(features, sent[0]),)
    for at, one in enumerate(sent):
        if one.name not in known:
            _refuse_name(at, one.name, list(known))
    names = {one.name for one in sent}
    missing = [one.name for one in features if one.name not in names]
    if missing:
        some = ", ".join(f"'{clip(name)}'" for name in missing[:5])
        _refuse(
            "inputs",
            f"{len(missing)} of {len(features)} features are absent, such as {some}. Send a tensor "
            "for each; NaN says that a number is missing",
        )
    return tuple(_feature(at, one, known[one.name]) for at, one in enumerate(sent))


def _feature(at: int, sent: SentTensor, feature: Feature) -> TensorLayout:
    datatype = _datatype(at, sent)
    if feature.is_text is not (datatype is Datatype.BYTES):
        wanted = "a category, which is BYTES" if feature.is_text else "a number"
        _refuse(
            f"inputs[{at}].datatype",
            f"{datatype} was sent; the feature '{clip(feature.name)}' is {wanted}",
        )
    _check_shape(at, sent, ((), (1,)), "[rows, 1] or [rows]")
    return TensorLayout(
        content=Content.COLUMNS, columns=(feature.name,), datatype=datatype, elements=1
    )


def _matrix(features: Sequence[Feature], sent: SentTensor) -> TensorLayout:
    texts = [one.name for one in features if one.is_text]
    if texts:
        _refuse(
            "inputs[0].name",
            f"'{MATRIX}' holds numbers alone, and the feature '{clip(texts[0])}' is a category. "
            "Send a tensor for each feature",
        )
    datatype = _datatype(0, sent)
    if datatype is Datatype.BYTES:
        _refuse("inputs[0].datatype", f"{datatype} was sent; features are numbers")
    _check_shape(0, sent, ((len(features),),), f"[rows, {len(features)}]")
    columns = tuple(one.name for one in features)
    return TensorLayout(
        content=Content.COLUMNS, columns=columns, datatype=datatype, elements=len(columns)
    )


def _of_content(
    task_type: TaskType, sent: Sequence[SentTensor]
) -> tuple[tuple[TensorLayout, ...], int]:
    """Return the layouts of texts, images or words, and the words of each row."""
    if task_type is TaskType.EXTRACTION:
        return _words(sent)
    content = _CONTENTS[task_type]
    for at, one in enumerate(sent):
        if one.name != content:
            _refuse_name(at, one.name, [content])
    if _datatype(0, sent[0]) is not Datatype.BYTES:
        _refuse("inputs[0].datatype", f"{sent[0].datatype} was sent; '{content}' is BYTES")
    _check_shape(0, sent[0], ((), (1,)), "[rows, 1] or [rows]")
    layout = TensorLayout(content=content, columns=(), datatype=Datatype.BYTES, elements=1)
    return (layout,), 1


def _words(sent: Sequence[SentTensor]) -> tuple[tuple[TensorLayout, ...], int]:
    found = {}
    for at, one in enumerate(sent):
        if one.name not in {Content.WORDS, Content.BOXES}:
            _refuse_name(at, one.name, [Content.WORDS, Content.BOXES])
        found[one.name] = at
    if Content.WORDS not in found:
        _refuse("inputs", f"'{Content.WORDS}' is absent")
    place = found[Content.WORDS]
    if len(sent[place].shape) != 2 or sent[place].shape[1] < 1:
        _refuse(
            f"inputs[{place}].shape",
            f"{_told(sent[place])} was sent; [documents, words] is allowed, with a word at least",
        )
    words = sent[place].shape[1]
    layouts = []
    for at, one in enumerate(sent):
        content = Content(one.name)
        datatype = _datatype(at, one)
        allowed = {Datatype.BYTES}
        if content is Content.BOXES:
            allowed = {Datatype.FP32, Datatype.FP64}
            _check_shape(at, one, ((words, 4),), f"[documents, {words}, 4]")
        if datatype not in allowed:
            told = " or ".join(sorted(allowed))
            _refuse(f"inputs[{at}].datatype", f"{datatype} was sent; '{content}' is {told}")
        elements = math.prod(one.shape[1:])
        layouts.append(
            TensorLayout(content=content, columns=(), datatype=datatype, elements=elements)
        )
    return tuple(layouts), words


def _outputs(specs: Sequence[TensorSpec], wanted: Sequence[str]) -> tuple[TensorSpec, ...]:
    known = {one.name: one for one in specs}
    seen: set[str] = set()
    for at, name in enumerate(wanted):
        if name not in known:
            _refuse(
                f"outputs[{at}].name",
                f"'{clip(name)}' was asked for; the version gives {_listed(list(known))}",
            )
        if name in seen:
            _refuse(f"outputs[{at}].name", f"'{clip(name)}' is asked for twice")
        seen.add(name)
    return tuple(known[name] for name in wanted) or tuple(specs)


def _datatype(at: int, sent: SentTensor) -> Datatype:
    try:
        return Datatype(sent.datatype)
    except ValueError:
        _refuse(
            f"inputs[{at}].datatype",
            f"'{clip(sent.datatype)}' was sent; {', '.join(Datatype)} are read",
        )


def _check_shape(at: int, sent: SentTensor, rest: Sequence[tuple[int, ...]], allowed: str) -> None:
    if sent.shape[1:] not in rest:
        _refuse(f"inputs[{at}].shape", f"{_told(sent)} was sent; {allowed} is allowed")


def _told(sent: SentTensor) -> str:
    lengths = ", ".join(map(str, sent.shape[:8]))
    return f"[{lengths}{', …' if len(sent.shape) > 8 else ''}]"


def _refuse_name(at: int, name: str, known: list[str]) -> NoReturn:
    _refuse(f"inputs[{at}].name", f"'{clip(name)}' was sent; the version takes {_listed(known)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(f"'{clip(name)}'" for name in names[:10]) + more


def _refuse(field: str, description: str) -> NoReturn:
    raise InvalidArgument.of(field, description)
