"""One RPC as its descriptor tells it: how its request is made, and how its pages are read."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from assay.client.messages import to_message

# The field of a request that continues a listing, by the field of the answer that says how.
TOKENS = {"next_page_token": "page_token", "next_cursor": "cursor"}
ONCE = ("Cancel", "Delete")  # a second time would be refused because the first one worked


@dataclass(frozen=True, eq=False)
class Rpc:
    """One method of one service."""

    descriptor: MethodDescriptor

    @property
    def path(self) -> str:
        """The path by which gRPC knows the method."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def is_repeatable(self) -> bool:
        """True when a repeated call does no harm: a read, or one that is known by its id."""
        name = self.descriptor.name
        has_id = "request_id" in self.descriptor.input_type.fields_by_name
        return has_id or not name.startswith((*ONCE, "Create"))

    def request(self, values: Mapping[str, object], new_id: Callable[[], str]) -> Message:
        """Return the request of plain values; raises BadInput."""
        kind = self.descriptor.input_type
        message: Any = to_message(kind, values)
        if "request_id" in kind.fields_by_name and not message.request_id:
            message.request_id = new_id()
        return message  # type: ignore[no-any-return]  # a message, whatever its class

    def items(self, page: Message) -> Sequence[Message]:
        """Return the items of one page of a listing."""
        (name,) = (one.name for one in self.descriptor.output_type.fields if one.is_repeated)
        return getattr(page, name)  # type: ignore[no-any-return]  # a repeated field

    def advance(self, request: Message, page: Message) -> bool:
        """Have `request` ask for the page after `page`; return False when there is none."""
        answer, asked = next(
            pair for pair in TOKENS.items() if pair[0] in self.descriptor.output_type.fields_by_name
        )
        token = getattr(page, answer)
        setattr(request, asked, token)
        return bool(token)

    def multicallable(self, channel: Any) -> Any:
        """Return the callable of a channel of grpc or grpc.aio."""
        sides = {(False, False): "unary_unary", (False, True): "unary_stream",
                 (True, False): "stream_unary", (True, True): "stream_stream"}  # fmt: skip
        make = getattr(
            channel, sides[self.descriptor.client_streaming, self.descriptor.server_streaming]
        )
        return make(
            self.path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(
                self.descriptor.output_type
            ).FromString,
        )


@cache
def rpc_of(service: str, method: str) -> Rpc:
    """Return an RPC by its service's full name, such as assay.v1.ModelService, and its own."""
    package, _, name = service.rpartition(".")
    module = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() + "_pb2"
    # Imported at the first call, so that importing the client stays fast.
    file = importlib.import_module(f"{package}.{module}").DESCRIPTOR
    return Rpc(file.services_by_name[name].methods_by_name[method])
