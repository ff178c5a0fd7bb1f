"""The edge API over gRPC: who may call it, what each method answers, and what is not served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2

from assay.app import Backend, ServerProcess
from assay.commands.options import gateway_settings
from assay.foreign.edge import (
    inferences_pb2,
    inferences_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    results_pb2,
    results_pb2_grpc,
)
from assay.foreign.policies import POLICIES
from assay.gateway import process as gateways
from tests.support.edge import ORGANIZATION, SECRET, keyless_server
from tests.support.rpc_service import CALLS, Caller, Running, settings
from tests.support.trained_versions import TrainedVersion

TEXT = "hej med dig"


class Edge:
    """The methods of the API, called with some metadata."""

    def __init__(self, channel: grpc.Channel, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata
        self._stubs = (
            jobs_pb2_grpc.JobServiceStub(channel),
            results_pb2_grpc.ResultsServiceStub(channel),
            inferences_pb2_grpc.InferenceServiceStub(channel),
        )

    def __call__(self, name: str, request: Any) -> Any:
        """Call a method; return the reply, or the list of replies."""
        method = next(getattr(stub, name) for stub in self._stubs if hasattr(stub, name))
        found = method(request, metadata=self._metadata, timeout=30)
        return list(found) if name == "StreamInferences" else found

    def refused(self, name: str, request: Any) -> grpc.StatusCode:
        """Return the code of a refusal."""
        with pytest.raises(grpc.RpcError) as refusal:
            self(name, request)
        return refusal.value.code()

    def ended(self, job_id: str) -> Any:
        """Poll a job until it has ended."""
        while (job := self("GetJob", jobs_pb2.JobIdentifier(identifier=job_id))).pending:
            pass
        return job


@pytest.fixture(scope="module")
def server(tmp_path_factory, loop_thread):
    with keyless_server(tmp_path_factory.mktemp("edge"), loop_thread) as found:
        yield found


@pytest.fixture(scope="module")
def running(server) -> Running:
    """A server that takes callers without a key."""
    return server[0]


@pytest.fixture(scope="module")
def version(server) -> TrainedVersion:
    """A version of texts there."""
    return server[1]


@pytest.fixture(scope="module")
def edge(running: Running) -> Edge:
    """A caller without a key."""
    return Edge(running.channel)


@pytest.fixture(scope="module")
def job_id(edge: Edge, version: TrainedVersion) -> str:
    """A job that has ended."""
    made = edge("SubmitJob", submission(version, {"a": TEXT, "b": TEXT}))
    assert made.status == jobs_pb2.SUBMITTED
    return edge.ended(made.job_identifier).job_identifier


def submission(version: TrainedVersion, texts: dict[str, str]) -> jobs_pb2.JobSubmission:
    sent = jobs_pb2.JobSubmission()
    sent.model.identifier, sent.model.version = version.model_id, "1.0.0"
    sent.input.type = "text"
    for name, text in texts.items():
        sent.input.sources[name].update({"input.txt": text})
    return sent


def inference(version: TrainedVersion, **source: Any) -> inferences_pb2.InferenceRequest:
    sent = inferences_pb2.InferenceRequest(tags={"a": "b"})
    sent.model.identifier, sent.model.version = version.model_id, "1.0.0"
    sent.inputs.add(key="input.txt", **source)
    return sent


def requests(version: TrainedVersion, job_id: str) -> dict[str, Any]:
    """Return a request of each method that names a job or a model."""
    job = jobs_pb2.JobIdentifier(identifier=job_id)
    result = results_pb2.ResultIdentifier(job_identifier=job, input_identifier="a")
    output = results_pb2.OutputIdentifier(
        result_identifier=result, output_identifier="results.json"
    )
    added = jobs_pb2.AppendableJobInput(
        job_identifier=job_id, datasource_name="a", input_name="input.txt", data=b"a"
    )
    return {
        "SubmitJob": submission(version, {"a": TEXT}),
        **dict.fromkeys(("GetJob", "CancelJob", "CloseJob", "GetResults"), job),
        "AddInputToJob": added,
        "GetResult": result,
        "GetResultOutput": output,
        "PerformInference": inference(version, text=TEXT),
        "GetInferenceDetails": inferences_pb2.InferenceIdentifier(identifier=job_id),
    }


def test_another_organizations_jobs_are_absent(
    running: Running, version: TrainedVersion, job_id: str
):
    """Each method with an id answers NOT_FOUND, and the listing holds nothing."""
    other = keyed(running.organization("edge-other"))
    asked = requests(version, job_id)
    for name, request in asked.items():
        assert other.refused(name, request) is grpc.StatusCode.NOT_FOUND, name
    streamed = iter([asked["PerformInference"]])
    assert other.refused("StreamInferences", streamed) is grpc.StatusCode.NOT_FOUND
    assert not other("GetJobs", jobs_pb2.JobFilter()).jobs
    walked = {*asked, "StreamInferences", "GetJobs", "GetFeatures"}
    assert walked == {path.rpartition("/")[2] for path, one in POLICIES.items() if one.keyless}


def test_a_key_needs_the_permissions_of_the_method(running: Running, version: TrainedVersion):
    """A key that reads models alone neither submits nor lists."""
    reader = keyed(running.organization(ORGANIZATION, ("model:read",)))
    sent = submission(version, {"a": TEXT})
    assert reader.refused("SubmitJob", sent) is grpc.StatusCode.PERMISSION_DENIED
    listed = reader.refused("GetJobs", jobs_pb2.JobFilter())
    assert listed is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    "metadata",
    [
        ("authorization", ""),
        ("authorization", "Bearer no.key"),
        ("x-assay-peer", "10.0.0.1:1234"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-original-path", "/api/jobs"),
    ],
)
def test_who_comes_through_a_proxy_or_with_a_wrong_key_needs_a_right_one(
    running: Running, metadata: tuple[str, str]
):
    """The setting is for callers who bring nothing, and come themselves."""
    caller = Edge(running.channel, metadata)
    assert caller.refused("GetJobs", jobs_pb2.JobFilter()) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("secret", [SECRET, "another-secret-0123456789"])
def test_who_comes_through_the_gateway_needs_a_key(running: Running, secret: str):
    """Of a gateway that has another secret than the server, too."""
    asked = gateway_settings(
        running.backend.settings,
        http_port=0,
        grpc_port=0,
        admin_port=0,
        upstreams=(f"127.0.0.1:{running.port}",),
        access_log="/dev/null",
    )
    gateway = gateways.start(replace(asked, secret=secret))
    try:
        with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
            caller = Edge(channel)
            code = caller.refused("GetJobs", jobs_pb2.JobFilter())
            assert code is grpc.StatusCode.UNAUTHENTICATED
            keyed = Edge(channel, *running.organization(ORGANIZATION).metadata)
            assert keyed("GetFeatures", empty_pb2.Empty()).maximum_input_chunks
    finally:
        gateway.stop(0)


def test_other_methods_need_a_key(running: Running):
    """What is not of the edge API is not opened by the setting."""
    stranger = Caller(running.channel, None, ORGANIZATION)
    for name, (method, _) in CALLS.items():
        if not method.anonymous:
            refused = stranger.refused(name, iter(()) if method.client_streaming else b"")
            assert refused.code == "UNAUTHENTICATED", name


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "[::]", "assay.example"])
def test_a_server_that_others_reach_does_not_start_with_the_setting(tmp_path, host, loop_thread):
    """The message says what to set."""
    backend = Backend(settings(tmp_path, edge_organization="a", grpc_host=host), upgrade=True)

    async def start() -> ServerProcess:
        return ServerProcess(backend)

    try:
        with pytest.raises(ValueError, match="Set ASSAY_GRPC_HOST"):
            loop_thread.run(start())
    finally:
        backend.close()


def test_results_are_read_one_by_one(edge: Edge, version: TrainedVersion, job_id: str):
    """A result, and the bytes of an output, are those of the whole document."""
    asked = requests(version, job_id)
    whole = edge("GetResults", asked["GetResults"])
    one = edge("GetResult", asked["GetResult"])
    assert one.result == whole.results["a"].results
    assert (one.input_name, one.job.identifier, one.job.finished) == ("a", job_id, True)
    assert b"classPredictions" in edge("GetResultOutput", asked["GetResultOutput"]).data


def test_a_job_is_opened_filled_and_closed(edge: Edge, version: TrainedVersion):
    """Chunks of one item are joined."""
    sent = submission(version, {})
    sent.ClearField("input")
    made = edge("SubmitJob", sent)
    assert made.status == jobs_pb2.OPEN
    for data in (b"hej med ", b"dig"):
        edge(
            "AddInputToJob",
            jobs_pb2.AppendableJobInput(
                job_identifier=made.job_identifier,
                datasource_name="a",
                input_name="input.txt",
                data=data,
            ),
        )
    identifier = jobs_pb2.JobIdentifier(identifier=made.job_identifier)
    assert edge("CloseJob", identifier).total_inputs == 1
    assert edge.ended(made.job_identifier).completed == 1


def test_a_job_is_canceled(edge: Edge, version: TrainedVersion):
    """Its word is CANCELLED, by which it is listed too."""
    sent = submission(version, {})
    sent.ClearField("input")
    made = edge("SubmitJob", sent)
    identifier = jobs_pb2.JobIdentifier(identifier=made.job_identifier)
    assert edge("CancelJob", identifier).status == "CANCELLED"
    listed = edge("GetJobs", jobs_pb2.JobFilter(status="cancelled")).jobs
    assert [one.job_identifier for one in listed] == [made.job_identifier]


def test_an_inference_brings_its_tags_back(edge: Edge, version: TrainedVersion):
    """They are told by the call that brings them."""
    told = edge("PerformInference", inference(version, data=TEXT.encode()))
    assert dict(told.tags) == {"a": "b"}
    (streamed,) = edge("StreamInferences", iter([inference(version, text=TEXT)]))
    assert streamed.status == inferences_pb2.COMPLETE
    assert streamed.result.outputs["results.json"].content_type == "application/json"


def test_storages_are_for_jobs_alone(edge: Edge, version: TrainedVersion):
    """An inference takes contents, and Azure is not read at all."""
    sent = inference(version, s3={"bucket": "b", "path": "p"})
    assert edge.refused("PerformInference", sent) is grpc.StatusCode.INVALID_ARGUMENT
    job = submission(version, {"a": TEXT})
    job.input.storageAccountKey = "secret"
    assert edge.refused("SubmitJob", job) is grpc.StatusCode.INVALID_ARGUMENT


def test_an_answer_that_the_client_would_not_take_is_refused(edge: Edge, version: TrainedVersion):
    """The refusal comes from the server and says where to read the results."""
    many = {f"{at:04d}" + "n" * 240: TEXT for at in range(8_000)}
    made = edge("SubmitJob", submission(version, dict(many)))
    edge.ended(made.job_identifier)
    identifier = jobs_pb2.JobIdentifier(identifier=made.job_identifier)
    with pytest.raises(grpc.RpcError, match="GET /api/results"):
        edge("GetResults", identifier)


def test_names_that_the_client_would_not_take_are_left_out(edge: Edge, version: TrainedVersion):
    """Who submits many inputs of long names learns the job's identifier, and their number."""
    many = {f"{at:04d}" + "æ" * 240: TEXT for at in range(7_000)}
    made = edge("SubmitJob", submission(version, many))
    assert (made.total_inputs, len(made.job_inputs.identifier)) == (7_000, 0)
    told = edge("CancelJob", jobs_pb2.JobIdentifier(identifier=made.job_identifier))
    assert (told.total, len(told.job_inputs)) == (7_000, 0)


def test_what_no_job_can_hold_is_refused_before_it_is_copied(edge: Edge, version: TrainedVersion):
    """Too many inputs or items, large tags, and texts that no database can look up."""
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    many = submission(version, {str(at): "" for at in range(10_001)})
    assert edge.refused("SubmitJob", many) is grpc.StatusCode.RESOURCE_EXHAUSTED
    sent = inference(version, text=TEXT)
    sent.tags["long"] = "a" * 65_537
    assert edge.refused("PerformInference", sent) is invalid
    sent = inference(version, text=TEXT)
    for at in range(16):
        sent.inputs.add(key=str(at), text=TEXT)
    assert edge.refused("PerformInference", sent) is invalid
    for field in ("identifier", "version"):
        sent = submission(version, {"a": TEXT})
        setattr(sent.model, field, "a\0b")
        assert edge.refused("SubmitJob", sent) is invalid


def test_features_are_told_and_what_is_not_served_is_unimplemented(edge: Edge, running: Running):
    """Statistics and votes are not."""
    assert edge("GetFeatures", empty_pb2.Empty()).maximum_inputs_per_job == 10_000
    for method in ("/jobs.v1.JobService/GetStatistics", "/results.v1.ResultsService/UpVoteResult"):
        with pytest.raises(grpc.RpcError) as refusal:
            running.channel.unary_unary(method)(b"", timeout=30)
        assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def keyed(caller: Caller) -> Edge:
    """Return a caller with a key."""
    return Edge(caller.channel, *caller.metadata)
