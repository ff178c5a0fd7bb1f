"""Policies of the methods of foreign protocols, which have no options of ours to declare them.

Every method that the server answers stands here: one that does not stops the server from starting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.records import Record


class ForeignPolicy(Record):
    """The policy of a method, as MethodPolicy of the contract has it."""

    rate_class: str  # read, write, stream or free
    permissions: tuple[str, ...] = ()  # all of them are needed; none: no credential is needed
    point_read: bool = False  # True: one stored value is read


_FREE = ForeignPolicy(rate_class="free")
_READ = ForeignPolicy(rate_class="read", permissions=("model:read",))
_POINT_READ = ForeignPolicy(rate_class="read", permissions=("model:read",), point_read=True)

POLICIES: Final[Mapping[str, ForeignPolicy]] = {  # by path
    "/inference.GRPCInferenceService/ServerLive": _FREE,
    "/inference.GRPCInferenceService/ServerReady": _FREE,
    "/inference.GRPCInferenceService/ServerMetadata": _FREE,
    "/inference.GRPCInferenceService/ModelReady": _POINT_READ,
    "/inference.GRPCInferenceService/ModelMetadata": _READ,
    "/inference.GRPCInferenceService/ModelInfer": _READ,
}
