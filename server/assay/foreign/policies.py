"""Policies of the methods of foreign protocols, which have no options of ours to declare them.

Every method that the server answers stands here: one that does not stops the server from starting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.records import Record, replace


class ForeignPolicy(Record):
    """The policy of a method, as MethodPolicy of the contract has it."""

    rate_class: str  # read, write, stream, chunk or free
    permissions: tuple[str, ...] = ()  # all of them are needed; none: no credential is needed
    point_read: bool = False  # True: one stored value is read
    keyless: bool = False  # True: the operator may let callers of this machine in without a key


_FREE = ForeignPolicy(rate_class="free")
_READ = ForeignPolicy(rate_class="read", permissions=("model:read",))
_POINT_READ = ForeignPolicy(rate_class="read", permissions=("model:read",), point_read=True)
_EDGE_READ = ForeignPolicy(rate_class="read", permissions=("job:read",), keyless=True)
_EDGE_WRITE = ForeignPolicy(rate_class="write", permissions=("job:submit",), keyless=True)
_EDGE_CHUNK = replace(_EDGE_WRITE, rate_class="chunk")
_EDGE_RUN = replace(_EDGE_WRITE, permissions=("job:submit", "model:read"))
_EDGE_INFER = replace(_EDGE_RUN, permissions=("job:read", *_EDGE_RUN.permissions))

POLICIES: Final[Mapping[str, ForeignPolicy]] = {  # by path
    "/inference.GRPCInferenceService/ServerLive": _FREE,
    "/inference.GRPCInferenceService/ServerReady": _FREE,
    "/inference.GRPCInferenceService/ServerMetadata": _FREE,
    "/inference.GRPCInferenceService/ModelReady": _POINT_READ,
    "/inference.GRPCInferenceService/ModelMetadata": _READ,
    "/inference.GRPCInferenceService/ModelInfer": _READ,
    "/jobs.v1.JobService/SubmitJob": _EDGE_RUN,
    "/jobs.v1.JobService/GetJobs": _EDGE_READ,
    "/jobs.v1.JobService/GetJob": _EDGE_READ,
    "/jobs.v1.JobService/GetFeatures": _EDGE_READ,
    "/jobs.v1.JobService/CancelJob": _EDGE_WRITE,
    "/jobs.v1.JobService/CloseJob": _EDGE_WRITE,
    "/jobs.v1.JobService/AddInputToJob": _EDGE_CHUNK,
    "/results.v1.ResultsService/GetResults": _EDGE_READ,
    "/results.v1.ResultsService/GetResult": _EDGE_READ,
    "/results.v1.ResultsService/GetResultOutput": _EDGE_READ,
    "/inferences.api.v1.InferenceService/PerformInference": _EDGE_INFER,
    "/inferences.api.v1.InferenceService/GetInferenceDetails": _EDGE_READ,
    "/inferences.api.v1.InferenceService/StreamInferences": replace(
        _EDGE_INFER, rate_class="stream"
    ),
}
