"""Methods of the contract, from their descriptors: policy, shape and required fields.

The contract enforces itself: permissions and required fields are declared in the protos and
read here once, at start; the policies of foreign protos stand in a table beside them. A method
without a policy stops the server from starting.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from assay import v1
from assay.foreign.policies import POLICIES
from assay.kernel.rpc.http_binding import HttpBinding, binding_of
from assay.kernel.rpc.require import Requirements
from assay.v1 import policy_pb2

OURS = "assay.v1"  # the package of our own services


class MissingPolicy(RuntimeError):
    """A method of the contract declares no policy, or one without a rate class."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of the contract."""

    path: str  # `/assay.v1.ModelService/GetModel`
    service: str  # `assay.v1.ModelService`
    name: str  # `GetModel`
    permissions: frozenset[str]  # all of them are needed
    anonymous: bool  # True: no credential is needed
    point_read: bool  # True: one stored value is read
    keyless: bool  # True: the operator may let callers of this machine in without a key
    rate_class: str  # read, write, stream, chunk or free
    http_status: int  # of a successful REST call
    client_streaming: bool
    server_streaming: bool
    request: type[Message]
    requirements: Requirements
    http: HttpBinding | None  # None: native callers only


def service_of(handler: object) -> str:
    """Return the full name of the service that a handler serves.

    It is that of assay.v1 with the name of its class, unless it names one as `SERVICE`.
    """
    return str(getattr(handler, "SERVICE", f"{OURS}.{type(handler).__name__}"))


def services(handled: Iterable[str] = ()) -> Iterator[ServiceDescriptor]:
    """Yield the services of assay.v1, and those of the full names `handled` that are not of it.

    Raises:
        KeyError: no service of a name is known to the descriptor pool.
    """
    seen = set()
    for found in pkgutil.iter_modules(v1.__path__):
        if found.name.endswith("_service_pb2"):
            module = importlib.import_module(f"{v1.__name__}.{found.name}")
            for service in module.DESCRIPTOR.services_by_name.values():
                seen.add(service.full_name)
                yield service
    for name in handled:
        if name not in seen:
            yield descriptor_pool.Default().FindServiceByName(name)


def methods_of(service: ServiceDescriptor) -> Iterator[Method]:
    """Return the methods of one service, made one by one; they raise as `method_of` does."""
    return map(method_of, service.methods)


def method_of(descriptor: MethodDescriptor) -> Method:
    """Return one method; raises MissingPolicy where none is declared."""
    service = descriptor.containing_service
    path = f"/{service.full_name}/{descriptor.name}"
    policy = _policy(path, descriptor)
    if policy.rate_class == policy_pb2.RATE_CLASS_UNSPECIFIED:
        raise MissingPolicy(f"{path} declares no rate class")
    if policy.anonymous == bool(policy.permissions):
        raise MissingPolicy(f"{path} must be anonymous or name its permissions")
    request = GetMessageClass(descriptor.input_type)
    return Method(
        path=path,
        service=service.full_name,
        name=descriptor.name,
        permissions=frozenset(policy.permissions),
        anonymous=policy.anonymous,
        point_read=policy.point_read,
        keyless=path in POLICIES and POLICIES[path].keyless,
        rate_class=policy_pb2.RateClass.Name(policy.rate_class).removeprefix("RATE_CLASS_").lower(),
        http_status=policy.http_status or 200,
        client_streaming=descriptor.client_streaming,
        server_streaming=descriptor.server_streaming,
        request=request,
        requirements=Requirements.of(descriptor.input_type),
        http=binding_of(descriptor, request, ignores_unknown_query=policy.ignores_unknown_query),
    )


def _policy(path: str, method: MethodDescriptor) -> policy_pb2.MethodPolicy:
    options = method.GetOptions()
    if options.HasExtension(policy_pb2.policy):
        return options.Extensions[policy_pb2.policy]
    found = POLICIES.get(path)
    if found is None:
        raise MissingPolicy(f"{path} declares no policy")
    return policy_pb2.MethodPolicy(
        permissions=found.permissions,
        anonymous=not found.permissions,
        point_read=found.point_read,
        rate_class=policy_pb2.RateClass.Value(f"RATE_CLASS_{found.rate_class.upper()}"),
    )
