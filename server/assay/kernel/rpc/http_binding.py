"""Binding of REST requests to messages: which names may stand in path, query and body.

The gateway's transcoder drops the keys of a body that a message does not have, and lets a query
parameter, or the body of a DELETE, override a variable of the path. So the descriptor set that it
reads hands each body over as it came, in a field RAW_BODY of the request; the server reads it
here, after it knows who is calling, and checks the names in the query.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from google.api import annotations_pb2, http_pb2, httpbody_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from assay.kernel.errors import BadContentType, InvalidArgument, TooLarge, Violation, clip
from assay.kernel.rpc.json_reading import (
    JsonValueError,
    Reader,
    RepeatedKeys,
    UnknownKey,
    names_of,
    object_reader,
    singular_reader,
)
from assay.kernel.suggestion import advice
from assay.tabular.suggestion import nearest

RAW_BODY = 18_999  # number of the field that carries a JSON body; 19000 to 19999 are protobuf's
JSON_TYPES = re.compile(r"application/(?:[\w.+-]+\+)?json", re.ASCII)
SCALAR_MESSAGES = frozenset({"Timestamp", "Duration", "FieldMask"})  # a query can hold them

_VARIABLE = re.compile(r"\{([^}=]+)")
MAX_VALUES = 500_000  # of a body; each takes some hundred bytes once it is read

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')  # what stands in quotes is one value, whatever it holds
_PLAIN_KEY = re.compile(r"[\w-]{1,100}")


class MixedRules(RuntimeError):
    """The HTTP rules of one method differ in their path variables or their body."""


@dataclass(frozen=True, kw_only=True)
class HttpBinding:
    """What a REST caller may send to one method."""

    name: str  # of the method
    request: type[Message]
    variables: Mapping[str, str]  # spelling → name of each variable of the path
    parameters: Mapping[str, FieldDescriptor]  # spelling → field, of each query parameter
    body: str  # the field that the body fills, `*` for the whole request, or nothing
    read: Reader | None  # of a JSON body; None where it is an uploaded file
    ignores_unknown_query: bool = False  # True: only names that it knows are checked

    def check_query(self, query: str) -> None:
        """Check the names in the query of a URL; the transcoder has checked their values.

        Raises:
            InvalidArgument: a name is given twice, a variable of the path, or unknown where the
                method does not ignore such.
        """
        seen = set()
        for name, _ in parse_qsl(query, keep_blank_values=True):
            field = self.parameters.get(name)
            if field is None:
                if self.ignores_unknown_query and name not in self.variables:
                    continue
                self._refuse_parameter(name)
            if field.name in seen and not field.is_repeated:
                raise InvalidArgument.of(name, "is given twice in the query")
            seen.add(field.name)

    def merge_body(self, message: Message, content_encoding: str = "") -> Message:
        """Return `message`, which holds what the path says, with the fields of its JSON body.

        Raises:
            BadContentType: the body is said not to be JSON.
            InvalidArgument: it is no JSON object, or has a key or value that is not allowed.
        """
        raw = [one.data for one in _unknown_fields(message) if one.field_number == RAW_BODY]
        message.DiscardUnknownFields()
        body = httpbody_pb2.HttpBody.FromString(b"".join(raw))
        sent = body.data.strip()
        # Clients that have nothing to send may send that; where a body has a meaning it is wrong.
        if self.read is None or not sent or (not self.body and sent == b"null"):
            return message
        check_content_type(body.content_type, content_encoding)
        try:
            fields = self.read(decode(body.data))
        except JsonValueError as error:
            self._refuse_value(error)
        except RecursionError:
            raise InvalidArgument("The body is nested too deeply.") from None
        found = self.request(**({self.body: fields} if self.body not in {"", "*"} else fields))
        found.MergeFrom(message)
        return found

    def _refuse_parameter(self, name: str) -> NoReturn:
        allowed = tuple(dict.fromkeys(field.name for field in self.parameters.values()))
        if name in self.variables:
            description = (
                f"'{name}' is part of the path of {self.name} and must not stand in the query."
            )
        else:
            end = advice(name, allowed)
            if self.body == "*":
                end = ", which takes none. Send it as a key of the JSON body."
            description = f"'{clip(name)}' is not a query parameter of {self.name}{end}"
        raise _refusal(name, name, description, allowed)

    def _refuse_value(self, error: JsonValueError) -> NoReturn:
        place = path_text(error.path)
        if not isinstance(error, UnknownKey):
            if not place:
                raise InvalidArgument("The body must be a JSON object.") from None
            raise InvalidArgument.of(place, error.description) from None
        holder = path_text(error.path[1:])
        if not holder and error.key in self.variables:
            end = f" is part of the path of {self.name} and must not stand in the body."
        else:
            end = f" is not a key of {holder or self.name}{advice(error.key, error.allowed)}"
        description = f"'{clip(error.key)}'{end}"
        raise _refusal(error.key, place, description, error.allowed) from None


def binding_of(
    method: MethodDescriptor, request: type[Message], *, ignores_unknown_query: bool = False
) -> HttpBinding | None:
    """Return the binding of a method, None when it has no HTTP rule.

    Raises:
        MixedRules: its rules differ in their path variables or their body.
    """
    rule: http_pb2.HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    if rule.WhichOneof("pattern") is None:
        return None
    rules = {(_variables(one), one.body) for one in (rule, *rule.additional_bindings)}
    if len(rules) > 1:
        raise MixedRules(f"{method.full_name} binds its path or its body in different ways")
    ((variables, body),) = rules
    fields = {field.name: field for field in method.input_type.fields}
    bound = {spelling: name for name in variables for spelling in names_of(fields[name])}
    in_query = [
        field
        for name, field in fields.items()
        if body != "*" and name not in {*variables, body} and _fits_query(field)
    ]
    return HttpBinding(
        name=method.name,
        request=request,
        variables=bound,
        parameters={spelling: field for field in in_query for spelling in names_of(field)},
        body=body,
        read=None if method.client_streaming else _body_reader(method, body, variables),
        ignores_unknown_query=ignores_unknown_query,
    )


def check_content_type(sent: str, encoding: str = "") -> None:
    """Check what a JSON body is said to be; a body without a content type is taken for JSON.

    Raises:
        BadContentType: it is something else, compressed, or in another encoding than UTF-8.
    """
    if encoding.lower() not in {"", "identity"}:
        raise BadContentType(
            f"The content encoding '{clip(encoding)}' was sent; JSON is read as plain text only.",
            metadata={"content_encoding": encoding, "allowed": "identity"},
        )
    kind, _, more = sent.lower().partition(";")
    charset = more.partition("charset=")[2].partition(";")[0].strip(' "')
    if (kind and not JSON_TYPES.fullmatch(kind.strip())) or charset not in {"", "utf-8", "utf8"}:
        raise BadContentType(
            f"The content type '{clip(sent)}' was sent; allowed is application/json in UTF-8.",
            metadata={"content_type": sent, "allowed": "application/json"},
        )


def decode(data: bytes) -> Any:
    """Return a JSON text as Python values; an object with a key given twice is RepeatedKeys.

    Raises:
        InvalidArgument: it is not JSON in UTF-8.
        TooLarge: it holds more than MAX_VALUES values.
    """
    if (
        len(data) > MAX_VALUES
        and _values(data) > MAX_VALUES
        and _values(_TEXT.sub(b"", data)) > (MAX_VALUES)
    ):
        raise TooLarge(
            f"The body holds more than {MAX_VALUES} values. Send fewer, or upload a file.",
            metadata={"limit": MAX_VALUES},
        )
    try:
        return _DECODER.decode(data.decode())
    except UnicodeDecodeError as error:
        raise InvalidArgument(
            f"The body is not UTF-8: byte {error.start} cannot be read."
        ) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidArgument(f"The body is not valid JSON: {error.msg} at {place}.") from None
    except ValueError as error:
        raise InvalidArgument(f"The body is not valid JSON: {clip(error)}.") from None


def _values(data: bytes) -> int:
    """Return about how many values a JSON text holds, or a few more."""
    return sum(data.count(mark) for mark in (b",", b"[", b"{"))


def path_text(path: list[str | int]) -> str:
    """Return the path to a value, given innermost first, as text such as `rows[3].weight`."""
    text = ""
    for step in reversed(path):
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(clip(step)) if isinstance(step, str) else step}]"
    return text


def _refusal(key: str, place: str, description: str, allowed: tuple[str, ...]) -> InvalidArgument:
    near = nearest(key, allowed)
    return InvalidArgument(
        description,
        metadata={"key": key, "field": place, **({"nearest": near} if near else {})},
        violations=(Violation(field=place, description=description),),
    )


def _body_reader(method: MethodDescriptor, body: str, variables: frozenset[str]) -> Reader:
    message = method.input_type
    if body == "*":
        return object_reader(message, without=variables)
    if not body:
        return object_reader(message, without=message.fields_by_name)
    return singular_reader(message.fields_by_name[body])


def _unknown_fields(message: Message) -> Iterable[Any]:
    return UnknownFieldSet(message)  # type: ignore[return-value]  # its stub lacks __iter__


def _variables(rule: http_pb2.HttpRule) -> frozenset[str]:
    pattern = getattr(rule, rule.WhichOneof("pattern") or "get")
    path = pattern if isinstance(pattern, str) else pattern.path
    return frozenset(_VARIABLE.findall(path))


def _fits_query(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is None or (
        message.file.package == "google.protobuf" and message.name in SCALAR_MESSAGES
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = RepeatedKeys(found)
    counts = Counter(key for key, _ in pairs)
    repeated.key = next(key for key, count in counts.items() if count > 1)
    return repeated


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
