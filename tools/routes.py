"""Read the HTTP rules out of a descriptor set: the route table of gateway and docs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from google.protobuf import descriptor_pb2

from tools.protos import option, parse

CAMEL_PREFIXES = ("/api/jobs", "/api/results", "/api/models", "/api/resources")
VERBS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One HTTP rule of one method."""

    method: str  # GET, POST, …
    path: str  # as the proto has it, /api/v1/models/{model_id}
    service: str  # assay.v1.ModelService
    rpc: str  # GetModel
    uploads: bool  # the request is a stream: its body has no limit in the gateway
    watches: bool  # the response is a stream: it may last for hours
    permissions: tuple[str, ...]
    status: int  # HTTP status of a success

    @property
    def style(self) -> str:
        """How JSON names are printed: snake or camel; Envoy sets it per service."""
        return "camel" if self.path.startswith(CAMEL_PREFIXES) else "snake"


def routes(data: bytes) -> list[Route]:
    """Return every HTTP rule of the descriptor set, ordered by path and method."""
    found = [
        route
        for file in parse(data).file
        for service in file.service
        for method in service.method
        for route in _of_method(f"{file.package}.{service.name}", method)
    ]
    return sorted(found, key=lambda route: (route.path, route.method))


def table(data: bytes) -> dict[str, object]:
    """Return what the gateway's configuration is rendered from, as JSON values."""
    found = routes(data)
    styles: dict[str, str] = {}
    for route in found:
        if styles.setdefault(route.service, route.style) != route.style:
            raise SystemExit(f"{route.service} mixes JSON styles: {route.method} {route.path}")
    return {
        "services": dict(sorted(styles.items())),
        "routes": [asdict(route) for route in found],
    }


def _of_method(service: str, method: descriptor_pb2.MethodDescriptorProto) -> Iterator[Route]:
    policy = option(method.options, "assay.v1.policy")
    for verb, path, _ in bindings(method):
        yield Route(
            method=verb,
            path=path,
            service=service,
            rpc=method.name,
            uploads=method.client_streaming,
            watches=method.server_streaming,
            permissions=tuple(getattr(policy, "permissions", ())),
            status=getattr(policy, "http_status", 0) or 200,
        )


def bindings(method: descriptor_pb2.MethodDescriptorProto) -> Iterator[tuple[str, str, str]]:
    """Yield (verb, path, body field or * or nothing) of every HTTP rule of a method."""
    rule = option(method.options, "google.api.http")
    if rule is None:
        return
    for binding in (rule, *rule.additional_bindings):  # type: ignore[attr-defined]  # google.api.HttpRule, known at run time
        yield *_verb_and_path(binding), binding.body


def _verb_and_path(binding: object) -> tuple[str, str]:
    for verb in VERBS:
        path = getattr(binding, verb)
        if path:
            return verb.upper(), path
    custom = binding.custom  # type: ignore[attr-defined]  # google.api.HttpRule, known at run time
    return custom.kind.upper(), custom.path
