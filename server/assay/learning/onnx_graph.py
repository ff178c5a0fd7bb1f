"""The graph of an ONNX file, read and checked before anything of it runs.

A file is data from a stranger. What it declares is compared with what it holds, only operators of
the standard are let through, and nothing outside of the file is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import onnx
from google.protobuf.message import DecodeError

from assay.learning.errors import BadModelFile, shortened
from assay.learning.onnx_declaration import MAX_BYTES

MAX_NODES: Final = 100_000  # of all graphs of a file
MAX_DIMENSIONS: Final = 64  # of a tensor
MIN_OPSET: Final = 7  # the oldest that ONNX Runtime promises to run
DOMAINS: Final = ("ai.onnx", "ai.onnx.ml")
_STANDARD: Final = {"": "ai.onnx", "ai.onnx": "ai.onnx", "ai.onnx.ml": "ai.onnx.ml"}
# Operators beside the standard that ONNX Runtime has built in: texts become words by this one.
_BUILT_IN: Final = frozenset({("com.microsoft", "Tokenizer")})
_LOCALE: Final = "C.UTF-8"
# Of these equal rows get other predictions each time.
_RANDOM: Final = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
_CLASS_LABELS: Final = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
_OTHER_DATA: Final = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")
_SMALL_BITS: Final = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}
_PARTS: Final = {onnx.TensorProto.COMPLEX64: 2, onnx.TensorProto.COMPLEX128: 2}


@dataclass(frozen=True, kw_only=True)
class ZipMap:
    """A node that pairs scores with the names of classes; what it is made of is read instead."""

    scores: str  # the tensor before it
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OnnxGraph:
    """What is known of a file whose graph can be run."""

    runnable: bytes  # the file, without its ZipMaps, and with a locale that there is
    zip_maps: Mapping[str, ZipMap]  # by the output that each made
    class_labels: tuple[str, ...] | None  # that its classifier names; None: it names none


def read_graph(data: bytes) -> OnnxGraph:
    """Return the graph of a file; raises BadModelFile, which says what is wrong with it."""
    if len(data) > MAX_BYTES:
        raise BadModelFile(
            f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Use fewer or "
            "smaller weights, such as 16-bit ones"
        )
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise BadModelFile(
            "the file is no ONNX model, or it is cut off: it cannot be decoded. Export it again"
        ) from error
    _check_model(model)
    unknown = _GraphCheck(_opsets(model)).check(model.graph)
    if unknown:
        raise BadModelFile(f"the graph reads {shortened(min(unknown))}, which nothing in it makes")
    zip_maps = dict(_zip_maps(model.graph))
    labels = _class_labels(model.graph.node)
    is_other = _localized(model.graph.node)
    if zip_maps:
        _remove(model.graph, zip_maps)
    return OnnxGraph(
        runnable=model.SerializeToString() if zip_maps or is_other else data,
        zip_maps=zip_maps,
        class_labels=labels,
    )


def _check_model(model: Any) -> None:
    if not model.ir_version or not model.HasField("graph") or not model.graph.node:
        raise BadModelFile("the file is no ONNX model, or has a graph without nodes")
    if model.functions:
        raise BadModelFile(
            f"the model defines the function {shortened(model.functions[0].name)}; functions of a "
            "model's own are not run. Inline them: onnx.inliner.inline_local_functions"
        )
    if not model.graph.input or not model.graph.output:
        raise BadModelFile("the model has no input or no output")


def _opsets(model: Any) -> dict[str, int]:
    """Return the version of the operators of each standard domain."""
    found = {}
    for one in model.opset_import:
        domain = _STANDARD.get(one.domain)
        if domain is None:
            continue  # harmless until an operator of it is used
        least = MIN_OPSET if domain == "ai.onnx" else 1
        most = onnx.defs.onnx_opset_version() if domain == "ai.onnx" else onnx.defs.onnx_ml_opset_version()  # fmt: skip
        if not least <= one.version <= most:
            raise BadModelFile(
                f"the model is of opset {one.version} of {domain}; {least} to {most} are supported."
                " Export it with another"
            )
        found[domain] = int(one.version)
    return found


class _GraphCheck:
    """Checks a graph and those within it."""

    def __init__(self, opsets: Mapping[str, int]) -> None:
        self._opsets = opsets
        self._nodes = 0

    def check(self, graph: Any) -> frozenset[str]:
        """Return the names that a graph takes from the graphs around it.

        It takes time in proportion to the file: nothing is gone through again for each node.
        """
        self._nodes += len(graph.node)
        if self._nodes > MAX_NODES:
            raise BadModelFile(f"the model has more than {MAX_NODES:,} nodes, which are allowed")
        _refuse_no_text(_names(graph))
        for tensor in graph.initializer:
            check_tensor(tensor)
        if graph.sparse_initializer:
            raise _sparse(graph.sparse_initializer[0].values.name)
        made = {name for node in graph.node for name in node.output if name}
        given = {one.name for one in (*graph.input, *graph.initializer)}
        reads = [self._node(node) for node in graph.node]
        _refuse_cycle(graph.node, reads)
        wanted = {name for names in reads for name in names} | {one.name for one in graph.output}
        return frozenset(wanted - made - given)

    def _node(self, node: Any) -> list[str]:
        """Check one node, and return the names that it reads, in graphs within it too."""
        self._operator(node)
        reads = [name for name in node.input if name]
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise _sparse(node.name)
            if attribute.HasField("t"):
                check_tensor(attribute.t)
            for tensor in attribute.tensors:
                check_tensor(tensor)
            graphs = [attribute.g] if attribute.HasField("g") else []
            for graph in (*graphs, *attribute.graphs):
                reads += self.check(graph)
        return reads

    def _operator(self, node: Any) -> None:
        if (node.domain, node.op_type) in _BUILT_IN:
            return
        domain = _STANDARD.get(node.domain)
        if domain is None or domain not in self._opsets:
            raise BadModelFile(
                f"the operator {shortened(node.op_type)} is of the domain "
                f"{shortened(node.domain or 'ai.onnx')}; only those of "
                f"{' and '.join(DOMAINS)} whose opset the model imports are run, no custom ones"
            )
        opset = self._opsets[domain]
        if not onnx.defs.has(node.op_type, opset, "" if domain == "ai.onnx" else domain):
            raise BadModelFile(
                f"{domain} has no operator {shortened(node.op_type)} in opset {opset}; custom "
                "operators are not run"
            )
        if node.op_type in _RANDOM:
            raise BadModelFile(
                f"the operator {node.op_type} draws at random, so that equal rows would get other "
                "predictions. Export the model without it"
            )


def _names(graph: Any) -> Iterator[str | bytes]:
    """Yield every name in a graph; protobuf gives what is no UTF-8 as bytes."""
    for one in (*graph.input, *graph.output, *graph.initializer):
        yield one.name
    for node in graph.node:
        yield from (*node.input, *node.output, node.op_type, node.domain, node.name)
        yield from (attribute.name for attribute in node.attribute)


def _refuse_no_text(names: Iterable[str | bytes]) -> None:
    if any(isinstance(name, bytes) for name in names):
        raise BadModelFile("a name in the graph is no UTF-8 text; the file is damaged")


def check_tensor(tensor: Any) -> None:
    """Raise BadModelFile for values that are not in the file, or not as many as declared."""
    name = shortened(tensor.name)
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise BadModelFile(
            f"the values of the tensor {name} are in another file, which is not read. Save the "
            "model with its weights in it: onnx.save(…, save_as_external_data=False)"
        )
    if len(tensor.dims) > MAX_DIMENSIONS:  # whose product alone could take for ever
        raise BadModelFile(
            f"the tensor {name} has {len(tensor.dims):,} dimensions; at most {MAX_DIMENSIONS} are "
            "allowed"
        )
    if any(size < 0 for size in tensor.dims):
        raise BadModelFile(f"the tensor {name} has a negative size")
    count = math.prod(tensor.dims)  # of Python's integers, so it cannot overflow
    if _held(tensor, count) != count:
        raise BadModelFile(
            f"the tensor {name} is declared with {count:,} values and holds "
            f"{_held(tensor, count):,}"
        )


def _held(tensor: Any, count: int) -> int:
    """Return how many values a tensor holds."""
    if tensor.data_type == onnx.TensorProto.STRING:
        return len(tensor.string_data)
    if tensor.HasField("raw_data"):
        bits = _bits(tensor.data_type)
        held = len(tensor.raw_data)
        # Types of less than a byte fill up the last one.
        return count if held == -(-count * bits // 8) else held * 8 // bits
    found = sum(len(getattr(tensor, name)) for name in _OTHER_DATA)
    if tensor.data_type in _PARTS:
        return found // _PARTS[tensor.data_type]
    bits = _bits(tensor.data_type)
    return count if bits < 8 and found == -(-count * bits // 8) else found


def _bits(data_type: int) -> int:
    """Return the bits of a value."""
    try:
        name = onnx.TensorProto.DataType.Name(data_type)
        bits = int(onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize) * 8
    except (KeyError, ValueError, TypeError) as error:
        raise BadModelFile(
            f"a tensor is of the type {data_type}, which is not supported"
        ) from error
    return _SMALL_BITS.get(name, bits)


def _refuse_cycle(nodes: Sequence[Any], reads: Sequence[Iterable[str]]) -> None:
    """Raise BadModelFile where nodes of one graph wait for one another."""
    maker = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    needs = [{maker[name] for name in names if name in maker} for names in reads]
    readers: list[list[int]] = [[] for _ in nodes]
    for at, needed in enumerate(needs):
        for one in needed:
            readers[one].append(at)
    left = [len(one) for one in needs]
    ready = [at for at, count in enumerate(left) if not count]
    done = 0
    while ready:
        done += 1
        for reader in readers[ready.pop()]:
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    if done < len(nodes):
        node = nodes[next(at for at, count in enumerate(left) if count)]
        raise BadModelFile(
            f"the graph has a cycle: the node {shortened(node.name or node.op_type)} waits for its "
            "own output"
        )


def _sparse(name: str) -> BadModelFile:
    return BadModelFile(f"{shortened(name)} is a sparse tensor; only dense ones are read")


def _labels_of(node: Any) -> tuple[str, ...] | None:
    """Return the names of classes that a node has as attributes."""
    for attribute in node.attribute:
        if attribute.name in _CLASS_LABELS:
            values = attribute.strings or attribute.ints
            if values:
                return tuple(
                    one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
                    for one in values
                )
    return None


def _class_labels(nodes: Sequence[Any]) -> tuple[str, ...] | None:
    """Return the names of classes of the last node that has some."""
    return next((found for node in reversed(nodes) if (found := _labels_of(node))), None)


def _zip_maps(graph: Any) -> Iterator[tuple[str, ZipMap]]:
    outputs = {one.name for one in graph.output}
    for node in graph.node:
        if node.op_type == "ZipMap" and len(node.input) == 1 and set(node.output) <= outputs:
            labels = _labels_of(node)
            if labels is not None:
                yield node.output[0], ZipMap(scores=node.input[0], labels=labels)


def _localized(nodes: Sequence[Any]) -> bool:
    """Let texts be lowered by the one locale that every machine has; say whether some are."""
    found = [node for node in nodes if node.op_type == "StringNormalizer"]
    for node in found:
        _keep(node.attribute, [one for one in node.attribute if one.name != "locale"])
        node.attribute.append(onnx.helper.make_attribute("locale", _LOCALE))
    return bool(found)


def _remove(graph: Any, zip_maps: Mapping[str, ZipMap]) -> None:
    """Make scores the outputs of a graph, instead of what ZipMaps made of them."""
    _keep(graph.node, [one for one in graph.node if not set(one.output) & zip_maps.keys()])
    _keep(graph.output, [one for one in graph.output if one.name not in zip_maps])
    there = {one.name for one in graph.output}
    for name in dict.fromkeys(one.scores for one in zip_maps.values()):
        if name not in there:
            graph.output.append(onnx.ValueInfoProto(name=name))


def _keep(messages: Any, kept: Sequence[Any]) -> None:
    """Leave only some messages of a repeated field; to remove one searches it from the start."""
    if len(kept) < len(messages):
        del messages[:]
        messages.extend(kept)
