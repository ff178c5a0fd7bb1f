from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import grpc
import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from assay.app import Backend, ServerProcess
from assay.features.registry import FEATURES
from assay.foreign.policies import POLICIES
from assay.kernel.identity import Permission
from assay.kernel.rpc import methods
from assay.kernel.rpc.server import MissingHandler
from assay.v1 import policy_pb2
from tests.support import rpc_service
from tests.support.rpc_service import BINARY_CSV, Caller, Refused, Running
from tools import protos

SERVICES = list(methods.services())
DESCRIPTORS: list[MethodDescriptor] = [method for service in SERVICES for method in service.methods]
METHODS = [method for service in SERVICES for method in methods.methods_of(service)]
SEGMENT = re.compile(r"([a-z0-9-]+|\{[a-z_]+\})(:[a-z.]+)?")


def rules() -> list[tuple[MethodDescriptor, str, str, str]]:
    """Return (method, verb, path, body) of every http rule."""
    found = []
    for method in DESCRIPTORS:
        if method.GetOptions().HasExtension(annotations_pb2.http):
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for one in (rule, *rule.additional_bindings):
                verb = one.WhichOneof("pattern")
                found.append((method, verb, getattr(one, verb), one.body))
    return found


def test_a_method_that_no_feature_handles_stops_the_start(tmp_path: Path):
    """A server whose features leave a method of the contract out does not start."""
    features = tuple(one for one in FEATURES if one.name != "server_info")
    backend = Backend(rpc_service.settings(tmp_path, workers=1), upgrade=True, features=features)

    async def start() -> None:
        ServerProcess(backend)

    try:
        with pytest.raises(MissingHandler, match="ServerService"):
            asyncio.run(start())
    finally:
        backend.close()


OURS = ("/api/v1/", "/api/v2/", "/v1/quality/")
CAMEL_CASE = ("/api/jobs", "/api/results/", "/api/models", "/api/resources/")  # document 004
WITHOUT_BODY = {
    "CloseInferenceJob", "UpvoteInferenceResult", "DownvoteInferenceResult",
}  # fmt: skip  # as clients of the family send them
OPTIONAL_VARIABLES = {("AddInferenceInput", "item_name")}  # which native callers may leave out
RATES = {
    "AddInferenceInput": "chunk",  # one of many short calls
    "ListInferenceJobs": "read",  # a page whose items are sent one by one
    "ListInferenceJobSummaries": "read",  # likewise
    "GetInferenceJobHistory": "read",  # likewise
    "CancelInferenceJobs": "write",  # likewise
    "GetInferenceResults": "read",  # likewise
    "GetInferenceResult": "read",  # likewise
    "GetInferenceOutput": "read",  # likewise
}


def test_every_method_declares_who_may_call_it_and_its_rate():
    """Each method names known permissions, all of one caller, or is anonymous and free."""
    for method in METHODS:
        assert method.permissions <= {str(word) for word in Permission}, method.path
        assert method.anonymous == (method.rate_class == "free"), method.path
        assert method.anonymous != bool(method.permissions), method.path


def test_streams_count_as_streams_and_reads_as_reads():
    """A method's rate class follows from what it does."""
    for method, descriptor in zip(METHODS, DESCRIPTORS, strict=True):
        streams = method.client_streaming or method.server_streaming
        safe = descriptor.GetOptions().idempotency_level == 1
        expected = "stream" if streams else "read" if safe else "write"
        expected = RATES.get(method.name, expected)
        if not method.anonymous:
            assert method.rate_class == expected, method.path


def test_point_reads_are_free_of_side_effects():
    """Only unary methods without side effects may run on the event loop."""
    for method, descriptor in zip(METHODS, DESCRIPTORS, strict=True):
        if method.point_read:
            assert descriptor.GetOptions().idempotency_level == 1, method.path
            assert not method.client_streaming, method.path
            assert not method.server_streaming, method.path


def test_every_request_field_says_how_it_behaves():
    """Each field of each request, nested ones of ours included, is required or optional."""
    for method in DESCRIPTORS:
        for field in method.input_type.fields:
            behaviour = set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
            assert (
                len(behaviour & {field_behavior_pb2.REQUIRED, field_behavior_pb2.OPTIONAL}) == 1
            ), field.full_name


def test_comments_say_errors_and_agree_with_field_behaviour():
    """Each method's comment lists its errors, and each field's says whether it is required."""
    files = descriptor_pb2.FileDescriptorSet.FromString(protos.descriptor_set(source_info=True))
    seen = 0
    for file in files.file:
        if file.package != "assay.v1":
            continue
        comments = {
            tuple(place.path): place.leading_comments for place in file.source_code_info.location
        }
        requests = {m.input_type.rpartition(".")[2] for s in file.service for m in s.method}
        for number, service in enumerate(file.service):
            for index, method in enumerate(service.method):
                seen += 1
                assert re.search("Errors[:,] ", comments[6, number, 2, index]), method.name
        for number, message in enumerate(file.message_type):
            for index, field in enumerate(message.field):
                if message.name in requests:
                    said = comments[4, number, 2, index].strip()
                    required = "field_behavior" in str(field.options) and "REQUIRED" in str(
                        field.options
                    )
                    assert said.startswith("Required." if required else "Optional."), field.name
    assert seen == len(METHODS)


def test_http_rules_are_legal():
    """Each path has plain segments or whole-field variables that the request really has."""
    for method, verb, path, body in rules():
        if path in {"/openapi.json", "/docs"}:
            continue  # where tools and people look for them
        assert path.startswith((*OURS, *CAMEL_CASE)), method.full_name
        for segment in path.split("/")[1:]:
            assert SEGMENT.fullmatch(segment), (method.full_name, segment)
        names = re.findall(r"\{([a-z_]+)\}", path)
        fields = method.input_type.fields_by_name
        required = methods.Requirements.of(method.input_type).scalars
        for name in names:
            assert fields[name].message_type is None, (method.full_name, name)
            if (method.name, name) not in OPTIONAL_VARIABLES:
                assert name in required, (method.full_name, name)
        is_bare = verb in {"get", "delete"} or method.name in WITHOUT_BODY
        assert (body == "") == is_bare, method.full_name
        if body not in {"", "*"}:
            assert body in fields
            assert body not in names


def test_query_parameters_are_scalars():
    """What is left for the query string of a rule without a body is a scalar, or a time as text."""
    for method, _, path, body in rules():
        if body == "":
            for field in method.input_type.fields:
                if f"{{{field.name}}}" not in path:
                    is_time = field.message_type is not None and (
                        field.message_type.full_name == "google.protobuf.Timestamp"
                    )
                    assert field.message_type is None or is_time, field.full_name


def test_http_rules_are_unique():
    """No two rules take the same verb and path, whatever their variables are called."""
    shapes = Counter((verb, re.sub(r"\{[^}]*\}", "*", path)) for _, verb, path, _ in rules())
    assert [shape for shape, count in shapes.items() if count > 1] == []


def test_methods_without_http_have_a_rest_face():
    """What REST cannot reach is an upload by chunks or has a face of its own."""
    ruled = {method.name for method, *_ in rules()}  # a view has the name of its typed method
    native = {method.name for method in METHODS} - ruled
    assert native == {
        "CreateEvaluation", "UploadPredictions", "FinishEvaluation",  # chunks are for clients
        "WatchJob",  # WatchJobEvents/Lines
        "WatchInferenceResults",  # WatchInferenceResultEvents
        "WatchBenchmark",  # WatchBenchmarkEvents/Lines
        "WatchModelJob",  # the events of its job over REST
        "ImportEntries", "ImportExtractions",  # files over REST
    }  # fmt: skip  # grouped by reason


def test_reads_are_gets_and_creates_answer_201():
    """GET is what reads, POST on a collection answers 201 and DELETE 204."""
    by_path = {method.path: method for method in METHODS}
    for descriptor, verb, path, _ in rules():
        method = by_path[f"/{descriptor.containing_service.full_name}/{descriptor.name}"]
        safe = descriptor.GetOptions().idempotency_level == 1
        assert (verb == "get") == safe, method.path
        creates = verb == "post" and re.search(
            r"/(models|versions|keys|evaluations(:rows)?|benchmarks|schemas|ground-truth|entries"
            r"|extractions|datasets|splits(/\{split\}|:make)?|jobs"
            r"|versions:onnx)$",
            path,
        )
        # A delete of the quality family has a body: {"deleted": true}.
        deleted = 200 if path.startswith("/v1/quality/") else 204
        expected = 201 if creates else deleted if verb == "delete" else 200
        if path.startswith(CAMEL_CASE):
            expected = 202 if (verb, path) == ("post", "/api/jobs") else 200
        assert method.http_status == expected, path


def test_a_method_without_a_policy_does_not_start():
    """A contract that forgets a policy, a rate or the permissions stops the server."""
    service = SERVICES[0]
    known = service.methods[0].GetOptions().Extensions[policy_pb2.policy]
    assert known.permissions

    class Fake:
        def __init__(self, policy):
            self.options = descriptor_pb2.MethodOptions()
            if policy is not None:
                self.options.Extensions[policy_pb2.policy].CopyFrom(policy)
            self.name = "M"
            self.containing_service = service

        def GetOptions(self):
            return self.options

    bad = (
        None,
        policy_pb2.MethodPolicy(permissions=["model:read"]),
        policy_pb2.MethodPolicy(rate_class=policy_pb2.RATE_CLASS_READ),
        policy_pb2.MethodPolicy(
            rate_class=policy_pb2.RATE_CLASS_READ, anonymous=True, permissions=["admin"]
        ),
    )
    for policy in bad:
        with pytest.raises(methods.MissingPolicy):
            methods.method_of(Fake(policy))


def test_methods_of_foreign_protocols_have_their_policy_in_a_table(monkeypatch):
    """Each method of another's protocol has a known permission or is free; one without stops the start."""
    (service,) = list(methods.services(rpc_service.FOREIGN))[len(SERVICES) :]
    for method in methods.methods_of(service):
        assert method.permissions <= {str(word) for word in Permission}, method.path
        assert method.anonymous == (method.rate_class == "free"), method.path
    monkeypatch.delitem(POLICIES, f"/{service.full_name}/ModelInfer")
    with pytest.raises(methods.MissingPolicy, match="ModelInfer"):
        list(methods.methods_of(service))


def test_health_is_told_without_a_credential(rpc: Running):
    """The standard health service reports SERVING for the server as a whole and each service."""
    stub = health_pb2_grpc.HealthStub(rpc.channel)
    for name in ("", "assay.v1.ModelService", "assay.v1.PerformanceService"):
        reply = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_is_enough_to_call(rpc: Running):
    """A client that knows only reflection lists all services, describes and calls one."""
    database = ProtoReflectionDescriptorDatabase(rpc.channel)
    assert set(database.get_services()) >= {service.full_name for service in SERVICES} | {
        "grpc.health.v1.Health"
    }
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName("assay.v1.ServerService")
    method = service.methods_by_name["GetServerInfo"]
    request = message_factory.GetMessageClass(method.input_type)
    reply = message_factory.GetMessageClass(method.output_type)
    call = rpc.channel.unary_unary(
        "/assay.v1.ServerService/GetServerInfo",
        request_serializer=request.SerializeToString,
        response_deserializer=reply.FromString,
    )
    info = call(request(), timeout=10)
    assert info.limits.chunk_bytes == 1024 * 1024
    assert info.limits.page_size == 500
    assert info.limits.typed_rows == 10_000
    assert info.version
    assert info.metrics_version


def test_reflection_describes_every_method(rpc: Running):
    """Each method of the contract can be described by reflection, with its messages."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(rpc.channel))
    for service in SERVICES:
        described = pool.FindServiceByName(service.full_name)
        assert [m.name for m in described.methods] == [m.name for m in service.methods]
        for method in described.methods:
            assert method.input_type.full_name.startswith("assay.v1.")


def test_reflection_answers_under_both_of_its_names(rpc: Running):
    """Clients that ask for reflection v1 get the answers of v1alpha, whose messages are the same."""
    question = reflection_pb2.ServerReflectionRequest(file_containing_symbol="assay.v1.Model")
    answers = []
    for version in ("v1", "v1alpha"):
        call = rpc.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answers += call(iter([question.SerializeToString()]), timeout=10)
    assert answers[0] == answers[1]
    assert answers[0].file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize(
    "path", ["/assay.v1.ModelService/Nothing", "/assay.v1.NothingService/GetModel", "/nothing"]
)
@pytest.mark.parametrize("shape", ["unary_unary", "stream_stream"])
def test_an_unknown_method_is_refused_as_all_else(rpc: Running, path: str, shape: str):
    """What is no method or no service is UNIMPLEMENTED, with a reason and the call's id."""
    call = getattr(rpc.channel, shape)(path)
    with pytest.raises(grpc.RpcError) as caught:
        sent = b"" if shape == "unary_unary" else iter([b""])
        told = call(sent, timeout=10, metadata=(("x-request-id", "mine"),))
        list(told)
    refused = Refused.of(caught.value)
    assert refused.told == ("UNIMPLEMENTED", "UNIMPLEMENTED")
    assert refused.metadata == {"method": path}
    assert refused.trailers["x-request-id"] == "mine"


def test_a_refused_health_check_names_its_reason(rpc: Running):
    """Services that no interceptor guards refuse with a reason and an id as well."""
    call = rpc.channel.unary_unary("/grpc.health.v1.Health/Check")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff", timeout=10)
    refused = Refused.of(caught.value)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.trailers["x-request-id"].startswith("req_")


def test_a_native_caller_asks_for_no_headers_alone(me: Caller):
    """HEAD is a method of REST: a native caller who claims it gets its stream to the end."""
    model_id, version_id = me.pair()
    job_id = me.measure(model_id, version_id, BINARY_CSV).job_id
    head = Caller(me.channel, me.credential, me.organization, **{"x-envoy-original-method": "HEAD"})
    asked = rpc_service.message("WatchJobEvents", job_id=job_id)
    whole = me.raw("WatchJobEvents", asked)
    assert len(whole) > 1
    assert head.raw("WatchJobEvents", asked) == whole
