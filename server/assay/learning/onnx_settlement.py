"""The form of an ONNX model, settled from what its sender declares and what the file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assay.learning.errors import BadModelFile, shortened
from assay.learning.onnx_declaration import (
    MAX_LABELS,
    ImageDeclaration,
    Known,
    OnnxDeclaration,
)
from assay.learning.onnx_form import (
    FeatureInput,
    ImageInput,
    OnnxForm,
    OutputKind,
    TensorType,
    TextInput,
)
from assay.learning.onnx_graph import OnnxGraph
from assay.learning.onnx_session import Tensor
from assay.learning.rows import TaskType

CHANNELS: Final = (3, 1)
MAX_SIDE: Final = 4096  # pixels of an image that a model reads
_LAYOUTS: Final = ("NCHW", "NHWC")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file that was opened."""

    graph: OnnxGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def settle(declared: OnnxDeclaration, known: Known, found: Opened) -> OnnxForm:
    """Return the form; raises BadModelFile, which says what to declare where something is open."""
    task_type = _task_type(declared, known, found.inputs)
    fixed = {one.shape[0] for one in found.inputs if one.shape} - {None}
    if len(fixed) > 1 or any(not one.shape for one in found.inputs):
        raise BadModelFile(
            f"the first dimension of each input is the rows; the file has {_told(found.inputs)}"
        )
    features: tuple[FeatureInput, ...] = ()
    text, image = None, None
    if task_type is TaskType.TEXT_CLASSIFICATION:
        text = _text(found.inputs)
    elif task_type is TaskType.IMAGE_CLASSIFICATION:
        image = _image(declared.image, found.inputs)
    else:
        features = _features(declared.features, found.inputs)
    output, kind, labels, keys = _output(declared, known, task_type, found)
    order = known.labels or labels
    places = {label: at for at, label in enumerate(labels)}
    return OnnxForm(
        task_type=task_type,
        labels=order,
        features=features,
        text=text,
        image=image,
        rows=next(iter(fixed), None),
        output=output.name,
        kind=kind,
        keys=tuple(keys[places[label]] for label in order),
        columns=tuple(places[label] for label in order),
    )


def _task_type(declared: OnnxDeclaration, known: Known, inputs: Sequence[Tensor]) -> TaskType:
    if declared.task_type is not None:
        if declared.task_type not in known.task_types:
            raise BadModelFile(
                f"the task type {declared.task_type} was declared; the model's versions have "
                f"{' or '.join(known.task_types) or 'none that ONNX files have'}"
            )
        return declared.task_type
    found = TaskType.TABULAR_CLASSIFICATION
    if len(inputs) == 1:
        [only] = inputs
        if len(only.shape) == 4:
            found = TaskType.IMAGE_CLASSIFICATION
        elif only.type == TensorType.STRING and _width(only) == 1 and not declared.features:
            found = TaskType.TEXT_CLASSIFICATION
    if found not in known.task_types:
        found = next(iter(known.task_types), found)
    return found


def _text(inputs: Sequence[Tensor]) -> TextInput:
    if len(inputs) != 1 or inputs[0].type != TensorType.STRING or _width(inputs[0]) != 1:
        raise BadModelFile(
            f"a text classification has one input of one string a row; the file has {_told(inputs)}"
        )
    return TextInput(name=inputs[0].name, is_flat=len(inputs[0].shape) == 1)


def _features(declared: Sequence[str], inputs: Sequence[Tensor]) -> tuple[FeatureInput, ...]:
    widths = [_width(one) for one in inputs]
    open_ones = [at for at, width in enumerate(widths) if width is None]
    if not declared and len(inputs) > 1 and all(width == 1 for width in widths):
        declared = [one.name for one in inputs]
    known = sum(width or 0 for width in widths)
    if len(open_ones) == 1 and len(declared) > known:
        widths[open_ones[0]] = len(declared) - known
        known = len(declared)
    if len(set(declared)) != len(declared):
        raise BadModelFile("a feature is declared twice")
    if not declared or len(declared) != known or None in widths:
        columns = f"{known} or more" if open_ones else str(known)
        raise BadModelFile(
            f"the inputs {_told(inputs)} have {columns} columns, and {len(declared)} features were "
            "declared. Declare the name of each column's feature in order: features"
        )
    made, at = [], 0
    for one, width in zip(inputs, widths, strict=True):
        assert width is not None, "refused above"
        made.append(
            FeatureInput(
                name=one.name,
                type=_type(one),
                features=tuple(declared[at : at + width]),
                is_flat=len(one.shape) == 1,
            )
        )
        at += width
    return tuple(made)


def _width(one: Tensor) -> int | None:
    """Return the columns of an input; None: any number."""
    if len(one.shape) > 2:
        raise BadModelFile(
            f"the input {shortened(one.name)} has {len(one.shape)} dimensions; rows of features "
            "or texts have at most 2, and images 4"
        )
    return 1 if len(one.shape) == 1 else one.shape[1]


def _type(one: Tensor) -> TensorType:
    try:
        return TensorType(one.type)
    except ValueError:
        raise BadModelFile(
            f"the input {shortened(one.name)} is a {one.type}; {', '.join(TensorType)} are read"
        ) from None


def _image(declared: ImageDeclaration, inputs: Sequence[Tensor]) -> ImageInput:
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or _type(inputs[0]) is TensorType.STRING:
        raise BadModelFile(
            "an image classification has one input of four dimensions; the file has "
            f"{_told(inputs)}"
        )
    [one] = inputs
    layout = declared.layout or _layout(one)
    if layout not in _LAYOUTS:
        raise BadModelFile(
            f"the layout {shortened(layout)} was declared; {' or '.join(_LAYOUTS)} is allowed"
        )
    first = layout == "NCHW"
    _, *sizes = one.shape
    channels, height, width = sizes if first else (sizes[2], sizes[0], sizes[1])
    height, width = _side("height", declared.height, height), _side("width", declared.width, width)
    channels = channels or (len(declared.mean) or 3)
    if channels not in CHANNELS:
        raise BadModelFile(f"the model reads {channels} channels of a pixel; 3 or 1 are made")
    kind = _type(one)
    mean, std = declared.mean or (0.0,) * channels, declared.std or (1.0,) * channels
    if len(mean) != channels or len(std) != channels or 0.0 in std:
        raise BadModelFile(
            f"mean and std have a number for each of {channels} channels, none of std being 0; "
            f"{len(mean)} and {len(std)} were declared"
        )
    scale = declared.scale
    return ImageInput(
        name=one.name,
        type=kind,
        channels_first=first,
        channels=channels,
        height=height,
        width=width,
        scale=(1 / 255 if kind.is_float else 1.0) if scale is None else scale,
        mean=mean,
        std=std,
    )


def _layout(one: Tensor) -> str:
    first, last = one.shape[1] in CHANNELS, one.shape[3] in CHANNELS
    if first == last:
        raise BadModelFile(
            f"the input {shortened(one.name)} of the shape {_sizes(one)} may be NCHW or NHWC. "
            "Declare image.layout"
        )
    return "NCHW" if first else "NHWC"


def _side(name: str, declared: int, found: int | None) -> int:
    """Return the pixels of a side."""
    if declared and found and declared != found:
        raise BadModelFile(f"image.{name} {declared} was declared, and the model has {found}")
    size = declared or found or 0
    if not 1 <= size <= MAX_SIDE:
        raise BadModelFile(
            f"image.{name} is {size or 'open'}. Declare it: 1 to {MAX_SIDE} pixels are allowed"
        )
    return size


Output = tuple[Tensor, OutputKind, tuple[str, ...], tuple[str, ...]]


def _output(declared: OnnxDeclaration, known: Known, task_type: TaskType, found: Opened) -> Output:
    """Return the output, what it holds, the labels in the model's own order and its names of them."""
    floats = [one for one in found.outputs if one.type in _NUMBERS]
    named = [one for one in found.outputs if one.type in _NAMES]
    if declared.output:
        zipped = found.graph.zip_maps.get(declared.output)
        wanted = declared.output if zipped is None else zipped.scores
        floats = [one for one in floats if one.name == wanted]
        named = [one for one in named if one.name == wanted]
    elif found.graph.zip_maps:
        scores = {one.scores for one in found.graph.zip_maps.values()}
        floats = [one for one in floats if one.name in scores]
    if len(floats) > 1 or (not floats and len(named) != 1):
        raise BadModelFile(
            f"the outputs are {_told(found.outputs)}. Declare by output which one holds the "
            "scores, the class or the value"
        )
    if task_type is TaskType.TABULAR_REGRESSION:
        if not floats:
            raise BadModelFile(f"a regression has an output of numbers; it is {_told(named)}")
        return floats[0], OutputKind.VALUES, (), ()
    zipped = next(
        (one for one in found.graph.zip_maps.values() if floats and one.scores == floats[0].name),
        None,
    )
    own = found.graph.class_labels if zipped is None else zipped.labels
    labels, keys = _labels(declared.labels or known.labels, own, known.labels)
    if not floats:
        return named[0], OutputKind.CLASSES, labels, keys
    return floats[0], _kind(floats[0], declared, len(labels)), labels, keys


_NUMBERS: Final = (TensorType.FLOAT, TensorType.DOUBLE, TensorType.FLOAT16)
_NAMES: Final = (TensorType.STRING, TensorType.INT64, TensorType.INT32)


def _labels(
    given: tuple[str, ...], own: tuple[str, ...] | None, declared_by_model: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the labels in the order of the model's scores, and the model's own names of them."""
    for names in (given, own or ()):
        if len(names) > MAX_LABELS:
            raise BadModelFile(
                f"{len(names):,} classes are named; at most {MAX_LABELS:,} are allowed"
            )
    if not given and not own:
        raise BadModelFile(
            "the file does not name its classes. Declare them in the order of its scores: labels"
        )
    labels = given or own or ()
    if own and set(own) == set(labels):
        labels = own
    elif own and [str(at) for at in range(len(labels))] != list(own):
        raise BadModelFile(
            f"the file names the classes {_some(own)}, and {_some(labels)} are declared. Declare "
            "the same, or, where the file numbers them from 0, a name for each number"
        )
    if len(set(labels)) != len(labels) or len(labels) < 2 or not all(labels):
        raise BadModelFile(f"{_some(labels)} are no labels: two or more different ones are needed")
    if declared_by_model and set(declared_by_model) != set(labels):
        raise BadModelFile(
            f"the model declares the labels {_some(declared_by_model)}, and the file has "
            f"{_some(labels)}"
        )
    return labels, own or tuple(str(at) for at in range(len(labels)))


def _kind(output: Tensor, declared: OnnxDeclaration, labels: int) -> OutputKind:
    is_single = output.shape[1:] == (1,) or len(output.shape) == 1  # no shape: not known
    if is_single and labels == 2:
        return OutputKind.POSITIVE_LOGITS if declared.logits else OutputKind.POSITIVE
    return OutputKind.LOGITS if declared.logits else OutputKind.PROBABILITIES


def _sizes(one: Tensor) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in one.shape)}]"


def _told(tensors: Sequence[Tensor]) -> str:
    some = [f"{shortened(one.name)} {one.type}{_sizes(one)}" for one in tensors[:5]]
    return ", ".join(some) + (" and more" if len(tensors) > 5 else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(shortened, names[:5])) + (" and more" if len(names) > 5 else "")
