"""Render docs/api.md: every RPC, its route, who may call it and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf import descriptor_pb2

from tools.pages import MARK
from tools.routes import routes

SERVICE, METHOD = (
    6,
    2,
)  # field numbers of FileDescriptorProto.service, ServiceDescriptorProto.method

HEAD = """\
# API

gRPC and REST are one contract: [protos/assay/v1](../protos/assay/v1) declares both. A client that knows
neither can ask the server itself, by gRPC reflection. Authorization is a header of either:
`Bearer <JWT>`, `Bearer <key>` or `ApiKey <prefix>.<secret>`. Refusals are in [errors.md](errors.md).
"""


@dataclass(frozen=True, kw_only=True)
class Rpc:
    """One method with its comment."""

    service: str
    name: str
    comment: str
    service_comment: str
    shape: str  # unary, or which side streams


def api_page(data: bytes) -> str:
    """Render the page from a descriptor set with source info."""
    http = {(route.service, route.rpc): route for route in routes(data)}
    lines, current = [MARK, HEAD], ""
    for rpc in rpcs(data):
        if rpc.service != current:
            lines += ["", f"## {rpc.service}", "", rpc.service_comment, ""]
            current = rpc.service
        route = http.get((f"assay.v1.{rpc.service}", rpc.name))
        where = f"`{route.method} {route.path}`" if route else "gRPC only"
        lines.append(f"- **{rpc.name}** ({rpc.shape}, {where}). {rpc.comment}")
    return "\n".join([*lines, ""])


def rpcs(data: bytes) -> Iterator[Rpc]:
    """Yield every method of the contract, service by service."""
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        comments = {
            tuple(place.path): " ".join(place.leading_comments.split())
            for place in file.source_code_info.location
        }
        for at, service in enumerate(file.service):
            for number, method in enumerate(service.method):
                sides = ["client"] * method.client_streaming + ["server"] * method.server_streaming
                yield Rpc(
                    service=service.name,
                    name=method.name,
                    comment=comments[SERVICE, at, METHOD, number],
                    service_comment=comments[SERVICE, at],
                    shape=f"streamed by {' and '.join(sides)}" if sides else "unary",
                )
