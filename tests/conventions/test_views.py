"""REST views: no message twice, and a typed method beside each."""

from __future__ import annotations

from collections import defaultdict

from google.protobuf import descriptor_pb2

from assay.kernel.rpc import methods
from tools import protos
from tools.openapi_views import views

# Messages with the fields of another one, each with its reason. Requests are not looked at: buf wants
# one for each method, and a view has that of its typed method, as the other test says.
ALIKE = {
    "WatchBenchmarkResponse": "a response for each method, and both stream events of a job",
    "DeleteBenchmarkResponse": "a response for each method",
    "DeleteEntryResponse": "a response for each method",
    "DeleteExtractionRunResponse": "a response for each method",
    "DeleteFieldSchemaResponse": "a response for each method",
    "ModelInput": "of a ModelOutput the media type may be absent, which here is required",
}
# Views without a typed method of their name, each with the one that tells the same.
ALONE = {
    "InferenceHistoryRestService.ListInferenceJobSummaries": "ListInferenceJobs, in short",
    "InferenceHistoryRestService.GetInferenceJobHistory": "GetInferenceJob, in a list",
    "InferenceHistoryRestService.ListInferenceStatistics": "only the camelCase family asks for them",
    "InferenceHistoryRestService.GetInferenceStatistics": "only the camelCase family asks for them",
    "JobRestService.GetJobStatus": "JobService.GetJob, in the words of the model API",
    "CatalogueRestService": "ModelService and VersionService, in the words of the catalogue",
    "EngineRestService": "the clients of the catalogue alone have words for engines",
}
HTTP_BODY = "google.api.HttpBody"


def test_no_message_is_a_twin():
    """No two messages of the contract have the same fields, and none is named for its encoding."""
    by_fields: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for file in descriptor_pb2.FileDescriptorSet.FromString(protos.descriptor_set()).file:
        for message in file.message_type if file.package == "assay.v1" else ():
            assert "Json" not in message.name.replace("JsonLines", ""), message.name
            if message.field and not message.name.endswith("Request"):
                by_fields[tuple((one.name, one.type, one.type_name) for one in message.field)] += [
                    message.name
                ]
    twins = {name for names in by_fields.values() for name in sorted(names)[:-1]}
    assert twins == set(ALIKE) & twins
    assert len(by_fields) > 50


def test_a_typed_method_stands_beside_each_view():
    """Every REST view has the request of the typed method of its name, and every one is described."""
    typed = {service.name: service for service in methods.services()}
    described = views()
    for name, service in typed.items():
        if name.endswith("RestService"):
            pair = typed.get(name.replace("RestService", "Service"))
            beside = {} if pair is None else pair.methods_by_name
            for method in service.methods:
                assert method.output_type.full_name == HTTP_BODY, method.full_name
                if not {name, f"{name}.{method.name}"} & set(ALONE):
                    assert beside[method.name].input_type is method.input_type, method.full_name
                assert f"{name}.{method.name}" in described, method.full_name
