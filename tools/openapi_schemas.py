"""JSON Schemas of the contract's messages, as the gateway's transcoder reads and prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pb2

from tools.openapi_words import narrowed
from tools.protos import option, parse

Json = dict[str, Any]
Field = descriptor_pb2.FieldDescriptorProto
Message = descriptor_pb2.DescriptorProto

MESSAGES, ENUMS, SERVICES = 4, 5, 6  # field numbers of FileDescriptorProto
FIELDS, VALUES, METHODS = 2, 2, 2  # of DescriptorProto, EnumDescriptorProto, ServiceDescriptorProto
OPTIONAL, REQUIRED, OUTPUT_ONLY = 1, 2, 3  # google.api.FieldBehavior

SCALARS: Mapping[int, Json] = {
    Field.TYPE_DOUBLE: {"type": "number", "format": "double"},
    Field.TYPE_FLOAT: {"type": "number", "format": "float"},
    Field.TYPE_INT32: {"type": "integer", "format": "int32"},
    Field.TYPE_SINT32: {"type": "integer", "format": "int32"},
    Field.TYPE_SFIXED32: {"type": "integer", "format": "int32"},
    Field.TYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0},
    Field.TYPE_FIXED32: {"type": "integer", "format": "uint32", "minimum": 0},
    # JSON numbers are doubles in most clients, so that the transcoder prints 64 bits as text.
    Field.TYPE_INT64: {"type": "string", "format": "int64"},
    Field.TYPE_SINT64: {"type": "string", "format": "int64"},
    Field.TYPE_SFIXED64: {"type": "string", "format": "int64"},
    Field.TYPE_UINT64: {"type": "string", "format": "uint64"},
    Field.TYPE_FIXED64: {"type": "string", "format": "uint64"},
    Field.TYPE_BOOL: {"type": "boolean"},
    Field.TYPE_STRING: {"type": "string"},
    Field.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
WELL_KNOWN: Mapping[str, Json] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$"},
    ".google.protobuf.FieldMask": {"type": "string"},
    ".google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    ".google.protobuf.ListValue": {"type": "array", "items": {}},
    ".google.protobuf.Value": {},
    ".google.protobuf.Empty": {"type": "object", "maxProperties": 0},
    ".google.protobuf.Any": {"type": "object", "additionalProperties": True},
    ".google.protobuf.DoubleValue": {"type": ["number", "null"], "format": "double"},
    ".google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    ".google.protobuf.StringValue": {"type": ["string", "null"]},
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method with its service and its comment."""

    service: str
    descriptor: descriptor_pb2.MethodDescriptorProto
    comment: str

    @property
    def name(self) -> str:
        """The method with its service, such as ModelService.GetModel."""
        return f"{self.service.rpartition('.')[2]}.{self.descriptor.name}"


@dataclass(kw_only=True)
class Contract:
    """Every message, enum and method of a descriptor set, with their comments by full name."""

    messages: dict[str, Message] = field(default_factory=dict)
    enums: dict[str, descriptor_pb2.EnumDescriptorProto] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)  # full name → comment
    methods: list[Method] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Contract:
        """Read a descriptor set with source info."""
        contract = cls()
        for file in parse(data).file:
            places = {
                tuple(place.path): " ".join(place.leading_comments.split())
                for place in file.source_code_info.location
            }
            contract._add(file, places)
        return contract

    def _add(
        self, file: descriptor_pb2.FileDescriptorProto, places: Mapping[tuple[int, ...], str]
    ) -> None:
        prefix = f".{file.package}"
        for at, message in enumerate(file.message_type):
            self._add_message(prefix, message, (MESSAGES, at), places)
        for at, enum in enumerate(file.enum_type):
            self.enums[f"{prefix}.{enum.name}"] = enum
            self.comments[f"{prefix}.{enum.name}"] = places.get((ENUMS, at), "")
        for at, service in enumerate(file.service):
            name = f"{file.package}.{service.name}"
            self.services[name] = places.get((SERVICES, at), "")
            self.methods += [
                Method(
                    service=name,
                    descriptor=method,
                    comment=places.get((SERVICES, at, METHODS, number), ""),
                )
                for number, method in enumerate(service.method)
            ]

    def _add_message(
        self,
        prefix: str,
        message: Message,
        path: tuple[int, ...],
        places: Mapping[tuple[int, ...], str],
    ) -> None:
        name = f"{prefix}.{message.name}"
        self.messages[name] = message
        self.comments[name] = places.get(path, "")
        for at, one in enumerate(message.field):
            self.comments[f"{name}.{one.name}"] = places.get((*path, FIELDS, at), "")
        for nested in message.nested_type:
            self._add_message(name, nested, (), {})  # map entries: nobody comments them


def said(comment: str) -> str:
    """Return the comment of a request's field without the word that its schema says."""
    for word in ("Required. ", "Optional. "):
        comment = comment.removeprefix(word)
    return comment


def behaviour(one: Field) -> frozenset[int]:
    """Return the google.api.field_behavior of a field."""
    found: Any = option(one.options, "google.api.field_behavior")
    return frozenset(found or ())


def nullable(schema: Json) -> Json:
    """Return the schema of what may be null too: in a body null is absence, as proto JSON has it."""
    if "$ref" in schema:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {"anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}], **rest}
    kind = schema.get("type")
    if not isinstance(kind, str):  # any value at all, or with null already
        return schema
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [kind, "null"], **words}


class Schemas:
    """Makes schemas and gathers those that have a name."""

    def __init__(self, contract: Contract, style: str) -> None:
        """Take the contract and how names are printed, `snake` or `camel`."""
        self._contract = contract
        self._style = style
        self.named: dict[str, Json] = {}

    def name_of(self, one: Field) -> str:
        """Return the name of a field in JSON."""
        return one.name if self._style == "snake" else one.json_name

    def of_message(self, name: str, *, sent: bool) -> Json:
        """Return the schema of a message: a reference, or in place for a well-known one.

        What is `sent` needs its required fields; a reply has every plain field of its message.
        """
        if name in WELL_KNOWN:
            return dict(WELL_KNOWN[name])
        key = self.key(name, sent=sent)
        if key not in self.named:
            self.named[key] = {}  # a message may hold itself
            self.named[key] = self.object(name, sent=sent)
        return {"$ref": f"#/components/schemas/{key}"}

    def key(self, name: str, *, sent: bool) -> str:
        """Return what the schema of a message is called in the document."""
        short = name.rpartition(".")[2]
        shown = short if self._style == "snake" else f"{short}.camel"
        is_request = short.endswith("Request")
        return f"{shown}.input" if sent and not is_request else shown

    def object(self, name: str, *, sent: bool, without: frozenset[str] = frozenset()) -> Json:
        """Return the schema of a message's fields, apart from those that go elsewhere."""
        fields = [
            one
            for one in self._contract.messages[name].field
            if one.name not in without and option(one.options, "assay.v1.order_of") is None
        ]
        shown = {self.name_of(one): self.of_field(name, one, sent=sent) for one in fields}
        if sent:
            shown |= {
                self.name_of(one): nullable(shown[self.name_of(one)])
                for one in fields
                if REQUIRED not in behaviour(one)
            }
        required = [
            self.name_of(one)
            for one in fields
            if (REQUIRED in behaviour(one) if sent else self._always_printed(one))
        ]
        schema: Json = {"type": "object", "properties": shown}
        if self._contract.comments[name]:
            schema["description"] = self._contract.comments[name]
        if required:
            schema["required"] = required
        if sent:
            schema["additionalProperties"] = False
        choices = [
            {
                "required": [self.name_of(one)],
                "properties": {self.name_of(one): {"not": {"type": "null"}}},
            }
            for one in fields
            if sent and one.HasField("oneof_index") and not one.proto3_optional
        ]
        return {**schema, "oneOf": choices} if choices else schema

    def of_field(self, message: str, one: Field, *, sent: bool) -> Json:
        """Return the schema of a field with its description."""
        schema = narrowed(
            self._of_type(one, sent=sent),
            message.rpartition(".")[2],
            one.name,
            is_optional=sent and OPTIONAL in behaviour(one),
        )
        description = said(self._contract.comments[f"{message}.{one.name}"])
        if description:
            schema = {**schema, "description": description}
        return {**schema, "readOnly": True} if OUTPUT_ONLY in behaviour(one) else schema

    def _of_type(self, one: Field, *, sent: bool) -> Json:
        entry = self._contract.messages.get(one.type_name)
        if entry is not None and entry.options.map_entry:
            values = self._single(entry.field[1], sent=sent)
            return {"type": "object", "additionalProperties": values}
        single = self._single(one, sent=sent)
        if one.label == Field.LABEL_REPEATED:
            return {"type": "array", "items": single}
        return single

    def _single(self, one: Field, *, sent: bool) -> Json:
        if one.type == Field.TYPE_MESSAGE:
            return self.of_message(one.type_name, sent=sent)
        if one.type == Field.TYPE_ENUM:
            return self._of_enum(one.type_name)
        return dict(SCALARS[one.type])

    def _of_enum(self, name: str) -> Json:
        enum = self._contract.enums[name]
        key = name.rpartition(".")[2]
        values = [value.name for value in enum.value]
        self.named[key] = {"type": "string", "enum": values}
        if self._contract.comments[name]:
            self.named[key]["description"] = self._contract.comments[name]
        return {"$ref": f"#/components/schemas/{key}"}

    @staticmethod
    def _always_printed(one: Field) -> bool:
        """Whether the gateway prints a field whatever its value (always_print_primitive_fields)."""
        if one.label == Field.LABEL_REPEATED:
            return True
        return one.type != Field.TYPE_MESSAGE and not one.HasField("oneof_index")


def leaves(
    contract: Contract, message: str, prefix: str = "", parents: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, Field]]:
    """Yield (dotted name, message, field) of all that a query string can say of a message."""
    for one in contract.messages[message].field:
        path = f"{prefix}{one.name}"
        nested = contract.messages.get(one.type_name)
        if nested is None or one.type_name in WELL_KNOWN:
            yield path, message, one
        elif nested.options.map_entry or one.label == Field.LABEL_REPEATED:
            continue  # the transcoder reads neither from a query
        elif one.type_name not in parents and one.type_name != ".google.api.HttpBody":
            yield from leaves(contract, one.type_name, f"{path}.", (*parents, message))
