"""Results, downloads and the history of jobs over REST of the whole service, as document 004 has them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from assay.features.keys.store import Keys
from assay.kernel.identity import ApiKey, Permission
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.refusal_body import check
from tests.support.trained_versions import TrainedVersion, put_version
from tests.support.training_rows import texts

WAIT = 60.0  # seconds until what never comes fails its test
TEXT = texts()["test"].to_pylist()[0]["pages"][0]
NAMES = ["plain", "päper/ü 1?.txt", "<b>&\"'\\", "datasource"]
# The objects of document 004, and what later clients of its family read besides.
HEADER = [
    "jobIdentifier", "accountIdentifier", "team", "total", "completed", "failed", "finished",
    "submittedByKey", "explained", "submittedAt", "initialQueueTime", "totalQueueTime",
    "averageModelLatency", "totalModelLatency", "elapsedTime", "startingResultSummarizing",
    "resultSummarizing", "jobQueueTime", "jobProcessedTime", "jobElapsedTime", "inputSize",
    "results", "failures",
]  # fmt: skip  # a list
ITEM = [
    "status", "engine", "inputFetching", "outputUploading", "modelLatency", "queueTime",
    "startTime", "updateTime", "endTime", "elapsedTime",
]  # fmt: skip  # a list
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


@dataclass(frozen=True, kw_only=True)
class House:
    """An organization of its own with a version that classifies texts."""

    web: httpx.Client
    version: TrainedVersion
    organization: str
    prefix: str  # of its key

    def submit(self, sources: dict[str, dict[str, str]]) -> str:
        """Submit texts; return the job."""
        model = {"identifier": self.version.model_id, "version": self.version.version_id}
        answer = self.web.post(
            "/api/jobs", json={"model": model, "input": {"type": "text", "sources": sources}}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobIdentifier"])

    def results(self, job_id: str) -> dict[str, Any]:
        """Return the results of a job once it has finished."""
        ends = time.monotonic() + WAIT
        while not (found := self.get(f"/api/results/{job_id}"))["finished"]:
            assert time.monotonic() < ends
        return found

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON of a route."""
        answer = self.web.get(path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def frames(self, path: str, after: int | None = None) -> list[dict[str, Any]]:
        """Return the Server-Sent Events of a stream, each with its id."""
        headers = {} if after is None else {"last-event-id": str(after)}
        found: list[dict[str, Any]] = []
        with self.web.stream("GET", path, headers=headers, timeout=WAIT) as stream:
            assert stream.status_code == 200, stream.read()
            assert stream.headers["content-type"] == "text/event-stream"
            number = None
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "data":
                    found.append({"id": number, **json.loads(value)})
                    number = None
        return found


def house_of(service: Any, name: str) -> House:
    """Make an organization with a key and a version."""
    store = open_store(sqlite_url(service.data_dir))
    organization, prefix = f"{name}-{uuid4().hex[:8]}", f"res{uuid4().hex[:8]}"
    with closing(store):
        version = put_version(
            store,
            open_blobs(service.data_dir / "blobs"),
            organization,
            TaskType.TEXT_CLASSIFICATION,
            name="Lángüages, of <texts>",
        )
        key = ApiKey(
            prefix=prefix,
            organization_id=organization,
            name="Jörg's laptop",
            secret_hash=hashlib.sha256(b"secret").digest(),
            permissions=frozenset({Permission.JOB_READ, Permission.JOB_SUBMIT, "model:read"}),
            created_at=datetime.now(UTC),
        )
        with store.write() as uow:
            uow[Keys].create(organization, key)
    web = httpx.Client(
        base_url=service.rest,
        headers={"authorization": f"ApiKey {prefix}.secret"},
        trust_env=False,
        timeout=WAIT,
    )
    return House(web=web, version=version, organization=organization, prefix=prefix)


@pytest.fixture(scope="module")
def house(service) -> Iterator[House]:
    """The organization of this file."""
    made = house_of(service, "results")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def stranger(service) -> Iterator[House]:
    """Another organization."""
    made = house_of(service, "stranger")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def job_id(house: House) -> str:
    """A job of inputs with difficult names, and one input that fails."""
    sources = {name: {"input.txt": TEXT} for name in NAMES}
    made = house.submit({**sources, "wrong": {"nothing.txt": TEXT}})
    house.results(made)
    return made


def test_the_results_object_is_as_documented(house: House, job_id: str) -> None:
    """Results and failures are keyed by input, each with all keys of the family."""
    found = house.get(f"/api/results/{job_id}")
    assert list(found) == HEADER
    assert found["jobIdentifier"] == job_id
    assert (found["total"], found["completed"], found["failed"]) == (5, 4, 1)
    assert (found["finished"], found["explained"]) == (True, False)
    assert found["submittedByKey"] == house.prefix
    assert found["team"] == {"identifier": house.organization}
    assert sorted(found["results"]) == sorted(NAMES)
    assert list(found["failures"]) == ["wrong"]
    for item in found["results"].values():
        assert list(item) == [*ITEM, "voting", "results.json"]
        assert (item["status"], item["voting"]) == ("SUCCESSFUL", {"up": 0, "down": 0})
        assert all(TIME.fullmatch(item[key]) for key in ("startTime", "updateTime", "endTime"))
        assert isinstance(item["elapsedTime"], int)
        output = item["results.json"]
        assert list(output) == ["modelType", "result", "explanation"]
        assert output["modelType"] == "textClassification"
    (failed,) = found["failures"].values()
    assert list(failed) == [*ITEM, "error", "voting"]
    assert failed["status"] == "FAILED"
    assert "input.txt" in failed["error"]
    assert TIME.fullmatch(found["submittedAt"])


@pytest.mark.parametrize("name", [*NAMES, "wrong"])
@pytest.mark.parametrize("path", ["/api/results/{}/{}", "/api/results/{}/datasource/{}"])
def test_the_results_of_one_input(house: House, job_id: str, name: str, path: str) -> None:
    """The results of one input are those of the job with that input alone, whatever its name."""
    found = house.get(path.format(job_id, quote(name, safe="")))
    whole = house.get(f"/api/results/{job_id}")
    assert list(found) == HEADER
    key, other = ("failures", "results") if name == "wrong" else ("results", "failures")
    assert found[key] == {name: whole[key][name]}
    assert found[other] == {}
    assert found["total"] == 5


@pytest.mark.parametrize(
    ("path", "name"),
    [
        # Where an input is called datasource, the short path is taken for the other spelling.
        *(("/api/results/{}/{}/{}", name) for name in NAMES if name != "datasource"),
        *(("/api/results/{}/datasource/{}/output/{}", name) for name in NAMES),
    ],
)
def test_an_output_is_downloaded(house: House, job_id: str, name: str, path: str) -> None:
    """An output is downloaded under its media type by either path."""
    answer = house.web.get(path.format(job_id, quote(name, safe=""), "results.json"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    whole = house.get(f"/api/results/{job_id}")
    assert answer.json() == whole["results"][name]["results.json"]


def test_results_are_voted_on(house: House, job_id: str) -> None:
    """A caller has one vote on an input, changes it and takes it back; results count the votes."""
    job, name = f"/api/results/{job_id}", quote(NAMES[1], safe="")

    def state() -> tuple[str, dict[str, int]]:
        shown = house.get(f"{job}/{name}")["results"][NAMES[1]]["voting"]
        return house.get(f"{job}/vote/{name}")["vote"], shown

    assert state() == ("NO_VOTES", {"up": 0, "down": 0})
    for path in ("upvote", "upvote", "downvote"):
        assert house.web.post(f"{job}/{path}/{name}").status_code == 200
        word = {"upvote": "UP", "downvote": "DOWN"}[path]
        assert state() == (word, {"up": int(word == "UP"), "down": int(word == "DOWN")})
    assert house.web.delete(f"{job}/vote/{name}").json() == {"vote": "NO_VOTES"}
    assert state() == ("NO_VOTES", {"up": 0, "down": 0})
    check(house.web.post(f"{job}/upvote/wrong"), 422, "unprocessable_entity", f"{job}/upvote/wrong")
    check(house.web.post(f"{job}/upvote/none"), 404, "not_found", f"{job}/upvote/none")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("absent", "absent"),
        ("absent/plain", "absent"),
        ("{}/other", "has no input 'other'"),
        ("{}/plain/other.json", "it has results.json"),
        ("{}/wrong/results.json", "failed and has no output"),
        ("{}/absent/results.json", "no input 'absent'"),
        ("{}/datasource/other/output/results.json", "no input 'other'"),
        ("{}/%F0%9F%98%80", "no input '😀'"),
        ("{}:watch?after_sequence=1000000", None),
        ("absent:watch", "absent"),
    ],
)
def test_what_is_not_there_is_refused(
    house: House, job_id: str, path: str, says: str | None
) -> None:
    """404, or 400 for a sequence to come, with the body of the family that names what is absent."""
    answer = house.web.get("/api/results/" + path.format(job_id))
    status, code = (404, "not_found") if says else (400, "out_of_range")
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["code"]) == (status, status, code)
    assert body["reportErrorUrl"] is None
    assert says is None or says in body["message"]


def test_results_are_of_the_organization_alone(house: House, stranger: House, job_id: str) -> None:
    """404: another organization learns of no job, no input, no output, and lists none of them."""
    job, name = f"/api/results/{job_id}", quote(NAMES[0])
    for path in (job, f"{job}/{name}", f"{job}/{name}/results.json", f"{job}:watch"):
        refused = stranger.web.get(path)
        check(refused, 404, "not_found", path)
        assert job_id in house.get(job)["jobIdentifier"]
    assert stranger.get("/api/jobs/history", search=job_id) == []
    assert stranger.get("/api/jobs") == []


def test_results_are_streamed_once_each(house: House, job_id: str) -> None:
    """The stream tells each input with its outputs, then the job; it resumes after any of them."""
    path = f"/api/results/{job_id}:watch"
    told = house.frames(path)
    whole = house.get(f"/api/results/{job_id}")
    results = [one for one in told if one["type"] == "result"]
    assert sorted(one["inputName"] for one in results) == sorted([*NAMES, "wrong"])
    for one in results:
        name = one["inputName"]
        known = whole["failures" if name == "wrong" else "results"][name]
        assert one["result"] == known
        assert one["id"] == one["sequence"]
    assert told[-1]["job"] == {
        "jobIdentifier": job_id, "status": "COMPLETED", "total": 5, "completed": 4, "failed": 1,
        "finished": True,
    }  # fmt: skip  # as document 004 has them
    for at, one in enumerate(results):
        again = house.frames(path, after=one["id"])
        assert [other["inputName"] for other in again if other["type"] == "result"] == [
            other["inputName"] for other in results[at + 1 :]
        ]
    ended = house.web.get(path, headers={"last-event-id": str(told[-1]["id"])})
    assert (ended.status_code, ended.content) == (204, b"")


def test_a_stream_shows_results_before_the_job_has_ended(house: House) -> None:
    """Each input of a job is told once while it runs, and results are there before its end."""
    job = house.submit({f"text {at}": {"input.txt": TEXT} for at in range(40)})
    told = house.frames(f"/api/results/{job}:watch")
    names = [one["inputName"] for one in told if one["type"] == "result"]
    assert len(names) == len(set(names)) == 40
    assert [one["type"] for one in told][-1] == "job"
    assert told[-1]["job"]["completed"] == 40


def test_the_history_lists_details_by_page(house: House, job_id: str) -> None:
    """History is an array of details, newest first, and Link leads from page to page and back."""
    made = [house.submit({"a": {"input.txt": TEXT}}) for _ in range(3)]
    for one in made:
        house.results(one)
    query = {"per-page": "2", "user": "JÖRG", "undocumented": "x", "status": "terminated"}
    seen: list[str] = []
    url = f"/api/jobs/history?{httpx.QueryParams(query)}"
    while url:
        answer = house.web.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert 1 <= len(page) <= 2
        seen += [job["jobIdentifier"] for job in page]
        links = answer.links
        assert ("prev" in links) == (len(seen) > 2)
        url = links["next"]["url"] if "next" in links else ""
    assert seen[:3] == made[::-1]
    assert job_id in seen
    assert len(seen) == len(set(seen))
    assert house.get(f"/api/jobs/history/{job_id}")[0]["jobIdentifier"] == job_id
    details = house.get("/api/jobs/history", search=job_id)[0]
    assert details == house.get(f"/api/jobs/{job_id}") | {
        "elapsedTime": details["elapsedTime"], "queueTime": details["queueTime"],
    }  # fmt: skip  # a pair


def test_jobs_in_short_and_features_are_json_of_the_family(house: House, job_id: str) -> None:
    """Jobs in short, and what a submission may hold, are JSON of the family too."""
    listed = house.get(
        "/api/jobs", **{"per-page": "1000", "modelIdentifier": house.version.model_id}
    )
    known = next(job for job in listed if job["jobIdentifier"] == job_id)
    assert list(known) == ["jobIdentifier", "status", "model"]
    assert known["model"]["name"] == "Lángüages, of <texts>"
    for path in (f"/api/results/{job_id}", f"/api/results/{job_id}/wrong", f"/api/jobs/{job_id}"):
        house.get(path, undocumented="x")
    features = house.get("/api/jobs/features", undocumented="x")
    assert re.fullmatch(r"^(\d+(\.\d+)?)([a-zA-Z]{0,2})$", features["inputChunkMaximumSize"])
    assert features["maximumInputsPerJob"] == 10_000
    assert features["maximumInputChunks"] > 0


def test_keys_have_statistics(house: House, stranger: House, job_id: str) -> None:
    """What a key ran is counted by version; a key of another organization is absent."""
    jobs = house.get("/api/jobs/history", **{"per-page": "1000"})
    found = house.get(f"/api/jobs/statistics/{house.prefix}")
    assert house.get("/api/jobs/statistics", x="1") == [found]
    assert TIME.fullmatch(found.pop("lastApiUsage"))
    model = {"identifier": house.version.model_id, "name": "Lángüages, of <texts>"}
    assert found == {
        "accessKey": house.prefix, "jobsCount": len(jobs), "modelsCount": 1,
        "modelsList": [{**model, "version": "1.0.0", "processedJobsCount": len(jobs)}],
    }  # fmt: skip  # one object
    path = f"/api/jobs/statistics/{house.prefix}"
    check(stranger.web.get(path), 404, "not_found", path)
    unused = stranger.get(f"/api/jobs/statistics/{stranger.prefix}")
    assert (unused["jobsCount"], unused["lastApiUsage"], unused["modelsList"]) == (0, None, [])
    path = f"/api/jobs/history/{job_id}"
    check(stranger.web.get(path), 404, "not_found", path)


def test_a_word_is_refused_as_it_was_sent(house: House):
    """An unknown status is told in the letters in which it came."""
    says = house.web.get("/api/jobs/history?status=Gone").json()["message"]
    assert says.startswith("status: 'Gone' was sent")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("endDate=2026-01-01", "endDate"),
        ("startDate=2999-01-01", "startDate"),
        ("startDate=yesterday", "startDate"),
        ("startDate=2026-01-02&endDate=2026-01-01", "endDate"),
        ("status=gone", "status"),
        ("sort-by=size", "sort-by"),
        ("sort-by=total,total", "sort-by"),
        ("direction=up", "direction"),
        ("direction=asc,desc", "direction"),
        ("page=-1", "page"),
        ("per-page=0", "per-page"),
        ("user=" + ",".join("a" * 21), "user"),
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs/history", "/api/jobs"])
def test_a_history_that_cannot_be_is_refused(house: House, path: str, query: str, field: str):
    """400 with the name of the parameter as it was sent."""
    body = check(house.web.get(f"{path}?{query}"), 400, "validation_error", path)
    assert body["details"][1]["field"] == field


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=2147483647&per-page=1000", 200),
        ("page=2147483648", 400),
        ("per-page=2147483647", 200),
        ("user=%25&model=_&search=%5C", 200),
        ("user=%F0%9F%98%80%00", 400),
        ("search=" + "x" * 1900, 200),
        ("search=" + "x" * 2000, 400),
        (
            "sort-by=model,status,updatedAt,fail,completed,submittedBy,identifier&direction=desc",
            200,
        ),
        ("x=1&x=2&%5B%5D=3", 200),
        ("user=a&user=b", 400),
    ],
)
def test_hostile_queries_are_answered(house: House, query: str, status: int):
    """Huge pages, signs of a pattern and long or repeated parameters are answered or refused."""
    answer = house.web.get(f"/api/jobs/history?{query}")
    assert answer.status_code == status, answer.text


def test_all_jobs_are_canceled_at_once(stranger: House) -> None:
    """DELETE /api/jobs ends every job that has not ended, an open one too, and lists them."""
    model = {"identifier": stranger.version.model_id, "version": stranger.version.version_id}
    opened = stranger.web.post("/api/jobs", json={"model": model}).json()
    assert opened["status"] == "OPEN"
    pending = stranger.get("/api/jobs/history", status="Pending")
    assert [job["jobIdentifier"] for job in pending] == [opened["jobIdentifier"]]
    answer = stranger.web.delete("/api/jobs")
    assert answer.status_code == 200, answer.text
    (canceled,) = answer.json()
    assert canceled == stranger.get(f"/api/jobs/{opened['jobIdentifier']}") | {
        name: canceled[name] for name in ("elapsedTime", "queueTime")
    }
    assert canceled["status"] == "CANCELED"
    assert stranger.get("/api/jobs/history", status="PENDING") == []
    assert stranger.web.delete("/api/jobs").json() == []
