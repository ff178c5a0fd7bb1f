"""Messages made from values, and values from requests, by the names of their fields.

Each field of a message is taken from the attribute, or key of a mapping, that has its name. A
field that neither the value nor the caller has is a TypeError, so that none is left out unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, partial
from inspect import Parameter, signature
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from assay.kernel.rpc import job_messages, values
from assay.kernel.rpc.paging import Counted, Listing

M = TypeVar("M", bound=Message)
T = TypeVar("T")
V = TypeVar("V")
Convert = Callable[[Any], Any]
Times = Callable[[datetime], Timestamp | None]

_CONVERTERS: Mapping[str, Convert] = {
    "google.protobuf.Struct": values.struct,
    "google.protobuf.Value": values.value,
    "assay.v1.JobError": job_messages.error,
}


def message_of(kind: type[M], value: object, /, times: Times = values.timestamp, **given: Any) -> M:
    """Return `value` as a message; `given` are fields that it does not have, or has otherwise.

    None leaves a field unset, an enum is its number or its word, a mapping of reasons the
    undefined metrics in order, and a value within is a message by the same rules. `times` says how
    precise times are.
    """
    for name, read, convert in _plan(kind, type(value), times, tuple(given)):
        found = read(value)
        if found is not None:
            given[name] = found if convert is None else convert(found)
    return kind(**given)


def page_of(kind: type[M], found: Counted[T] | Listing[T], convert: Callable[[T], Message]) -> M:
    """Return a page of a listing, whose one repeated field has the items."""
    items = next(field.name for field in kind.DESCRIPTOR.fields if field.is_repeated)
    shown: dict[str, Any] = {items: map(convert, found.items)}
    if isinstance(found, Listing):
        return kind(next_page_token=found.next_token, **shown)
    return kind(next_cursor=found.next_cursor or "", total=found.total, **shown)


def value_of(kind: type[V], request: Message, /, **given: Any) -> V:
    """Return a request as the value that a use case takes; `given` are fields that it has not.

    What is not sent, and what is empty where a request cannot say which, is left to the value's
    default. Raises what the value's checks raise.
    """
    for name, is_sent, is_repeated in _reads(kind, type(request), tuple(given)):
        if is_sent(request):
            found = getattr(request, name)
            given[name] = tuple(found) if is_repeated else found
    return kind(**given)


def _reads_of(
    kind: type, source: type[Message], given: tuple[str, ...]
) -> tuple[tuple[str, Callable[[Message], bool], bool], ...]:
    """Return each field to read: its name, whether it was sent, and whether it is repeated."""
    fields = source.DESCRIPTOR.fields_by_name
    found: list[tuple[str, Callable[[Message], bool], bool]] = []
    for name, parameter in signature(kind).parameters.items():
        if name not in fields or name in given:
            continue
        field = fields[name]
        is_sent: Callable[[Message], bool] = lambda _: True  # noqa: E731 - one of three short cases
        if field.has_presence:
            is_sent = partial(_has_field, name)
        elif parameter.default is not Parameter.empty:
            is_sent = attrgetter(name)
        found.append((name, is_sent, field.is_repeated))
    return tuple(found)


_reads: Callable[..., Any] = cache(_reads_of)  # one for each pair of types and what callers add


def _has_field(name: str, message: Message) -> bool:
    return message.HasField(name)


def _plan_of(
    kind: type[Message], source: type, times: Times, given: tuple[str, ...]
) -> tuple[tuple[str, Convert, Convert | None], ...]:
    """Return each field to fill: its name, what reads it and what converts it, if anything."""
    fields = [field for field in kind.DESCRIPTOR.fields if field.name not in given]
    if issubclass(source, Mapping):
        return tuple((one.name, itemgetter(one.name), _converter(one, times)) for one in fields)
    known = {*dir(source), *getattr(source, "__dataclass_fields__", ())}
    missing = [field.name for field in fields if field.name not in known]
    if missing:
        raise TypeError(f"{source.__name__} has no {', '.join(missing)} of {kind.__name__}")
    return tuple((one.name, attrgetter(one.name), _converter(one, times)) for one in fields)


_plan: Callable[..., Any] = cache(_plan_of)  # one for each pair of types and what callers add


def _converter(field: Any, times: Times) -> Convert | None:
    """Return what converts the values of a field; None: they are taken as they are."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        inner = _converter(kind.fields_by_name["value"], times)
        return inner and (lambda entries: {key: inner(one) for key, one in entries.items()})
    if field.enum_type is not None:
        return _enum_converter(field)
    if kind is None:
        return None
    if kind.full_name == "assay.v1.UndefinedMetric":
        return values.undefined
    if kind.full_name == "google.protobuf.Timestamp":
        return times
    single = _CONVERTERS.get(kind.full_name) or partial(
        message_of, GetMessageClass(kind), times=times
    )
    return (lambda items: [single(one) for one in items]) if field.is_repeated else single


def _enum_converter(field: Any) -> Convert:
    names = field.enum_type.values_by_name
    prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return lambda member: names[prefix + member.name].number
