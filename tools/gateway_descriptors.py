"""Descriptor set of the gateway: the contract, with each JSON body handed over as it came.

The transcoder drops the keys that a message does not have, and reads a body even where the
contract has none. In its own descriptor set the request of each unary method gets one more field,
a google.api.HttpBody, and that is the body: it then binds path and query, and the server reads
the JSON. Whatever answers GET answers HEAD there as well; the gateway drops the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2

from assay.kernel.rpc.http_binding import RAW_BODY
from tools.protos import option, parse

FIELD = "assay_json_body"
HTTP_BODY = "google/api/httpbody.proto"


def with_raw_bodies(data: bytes) -> bytes:
    """Return a descriptor set in which the body of each unary request is an HttpBody field."""
    files = parse(data)
    requests = set()
    for method in _unary_methods(files):
        _answer_head(method)
        for rule in _rules(method):
            rule.body = FIELD
            requests.add(method.input_type)
    for file in files.file:
        for message in file.message_type:
            if f".{file.package}.{message.name}" in requests:
                _add_body(file, message)
    # Files stand after those that they import, and Google's import no others.
    files.file.sort(key=lambda file: not file.name.startswith("google/"))
    return files.SerializeToString(deterministic=True)


def _unary_methods(
    files: descriptor_pb2.FileDescriptorSet,
) -> Iterator[descriptor_pb2.MethodDescriptorProto]:
    for file in files.file:
        for service in file.service:
            yield from (method for method in service.method if not method.client_streaming)


def _rules(method: descriptor_pb2.MethodDescriptorProto) -> list[Any]:
    rule: Any = option(method.options, "google.api.http")
    return [] if rule is None else [rule, *rule.additional_bindings]


def _answer_head(method: descriptor_pb2.MethodDescriptorProto) -> None:
    """Bind HEAD to each path of a method that answers GET."""
    for rule in _rules(method):
        if rule.get:
            _rules(method)[0].additional_bindings.add(custom={"kind": "HEAD", "path": rule.get})


def _add_body(
    file: descriptor_pb2.FileDescriptorProto, message: descriptor_pb2.DescriptorProto
) -> None:
    message.field.add(
        name=FIELD,
        number=RAW_BODY,
        label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".google.api.HttpBody",
        json_name="assayJsonBody",
    )
    if HTTP_BODY not in file.dependency:
        file.dependency.append(HTTP_BODY)
