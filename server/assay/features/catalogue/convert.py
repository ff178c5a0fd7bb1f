"""Requests of the catalogue as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf import struct_pb2

from assay.features.catalogue.service import SORTS, ModelQuery, VersionChange
from assay.features.models.declared import DeclaredInput, DeclaredOutput, media_types
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import value_of
from assay.kernel.rpc.numbered_pages import sort_order
from assay.records import encode_text
from assay.v1 import catalogue_service_pb2 as pb

TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def model_query(request: pb.ListCatalogueModelsRequest) -> ModelQuery:
    """Return which models are asked for, and in which order."""
    none_is = [
        _truth(name, sent)
        for name, sent in (
            ("isExpired", request.is_expired),
            ("isRecommended", request.is_recommended),
            ("isCommercial", request.is_commercial),
        )
    ]
    expires = values.moment_of_text("expirationDateTime", request.expiration_date_time)
    return ModelQuery(
        model_id=request.model_id,
        author=request.author,
        created_by=request.created_by_email,
        name=request.name,
        description=request.description,
        is_active=_truth("isActive", request.is_active),
        has_none=expires is not None or any(none_is),
        active_since=values.moment_of_text("lastActiveDateTime", request.last_active_date_time),
        sort_by=sort_order(request.sort_by, request.direction, SORTS),
    )


def version_change(request: pb.UpdateCatalogueVersionRequest) -> VersionChange:
    """Return what is asked to change of a version."""
    card: dict[str, Any] = {}
    if request.HasField("long_description"):
        card["long_description"] = request.long_description
    if request.HasField("technical_details"):
        card["technical_details"] = request.technical_details
    if request.HasField("performance_summary"):
        card["performance_summary"] = request.performance_summary
    if request.inputs:
        card["inputs"] = tuple(map(_input, request.inputs))
    if request.outputs:
        card["outputs"] = tuple(value_of(DeclaredOutput, one) for one in request.outputs)
    if request.HasField("statistics"):
        card["statistics"] = _statistics(request.statistics)
    return VersionChange(
        **_engines(request.processing),
        status=request.status if request.HasField("status") else None,
        card=card,
    )


def processing_change(request: pb.UpdateProcessingRequest) -> VersionChange:
    """Return how many engines are asked for."""
    return VersionChange(**_engines(request))


def sample(field: str, sent: struct_pb2.Value) -> VersionChange:
    """Return which example is set; null takes it away."""
    found = values.from_value("sample", sent)
    return VersionChange(card={field: None if found is None else encode_text(found)})


def tag_list(text: str) -> Iterable[str]:
    """Return the tags in a text such as `a,b`."""
    return [one for part in text.split(",") if (one := part.strip())]


def _engines(sent: pb.ProcessingChange | pb.UpdateProcessingRequest) -> dict[str, Any]:
    engines: dict[str, Any] = {}
    if sent.HasField("minimum_parallel_capacity"):
        engines["minimum_engines"] = sent.minimum_parallel_capacity
    if sent.HasField("maximum_parallel_capacity"):
        engines["maximum_engines"] = sent.maximum_parallel_capacity
    return engines


def _input(sent: pb.CatalogueInput) -> DeclaredInput:
    accepted = media_types(sent.accepted_media_types) or ("application/json",)
    return value_of(DeclaredInput, sent, media_types=accepted)


def _statistics(sent: struct_pb2.ListValue) -> tuple[dict[str, Any], ...]:
    found = values.from_value("statistics", struct_pb2.Value(list_value=sent))
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            raise InvalidArgument.of(f"statistics[{index}]", "an object is allowed")
    return tuple(found)


def _truth(name: str, sent: str) -> bool | None:
    if not sent:
        return None
    found = TRUTHS.get(sent.lower())
    if found is None:
        raise InvalidArgument.of(name, f"'{clip(sent)}' was sent; True or False is allowed")
    return found
