"""Inputs of jobs that lie in a storage of objects: a real SeaweedFS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from assay.features.inference.store import InferenceJobs
from assay.kernel.jobs.ledger_runs import Jobs
from assay.learning.rows import TaskType
from tests.support.chunk_sender import Sender, check
from tests.support.seaweedfs import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.support.servers import free_port
from tests.support.trained_versions import put_version
from tests.support.training_rows import texts

TEXTS = [page for row in texts()["test"].to_pylist() for page in row["pages"]][:9]
OBJECTS = {f"mail/{at}.txt": one.encode() for at, one in enumerate(TEXTS)} | {
    "mail/deep/é ü.txt": TEXTS[0].encode(),
    "mail/nothing.txt": b"",
    "elsewhere.txt": TEXTS[1].encode(),
}
TOKEN = "token-of-a-session"


class Storage(Sender):
    """An organization with a version of texts, whose inputs are in a bucket."""

    endpoint: str

    def asked(self, kind: str, sources: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Return a submission."""
        model = {"identifier": self.version.model_id, "version": self.version.version_id}
        sent = {
            "type": kind,
            "accessKeyID": ACCESS_KEY_ID,
            "secretAccessKey": SECRET_ACCESS_KEY,
            "region": "us-east-1",
            "endpoint": self.endpoint,
            "sources": sources,
            **changes,
        }
        sent = {name: value for name, value in sent.items() if value is not None}
        return {"model": model, "explain": False, "input": sent}

    def submit(self, kind: str, sources: Mapping[str, Any], **changes: Any) -> Any:
        """Submit and return the answer."""
        return self.web.post("/api/jobs", json=self.asked(kind, sources, **changes))

    def ended(self, answer: Any) -> dict[str, Any]:
        """Return the details of a submitted job once it has ended."""
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["jobIdentifier"]
        self.caller("WatchJob", job_id=job_id)
        return self.web.get(f"/api/jobs/{job_id}").json()


def at(key: str, bucket: str = "mails") -> dict[str, Any]:
    return {"input.txt": {"bucket": bucket, "key": key}}


@pytest.fixture(scope="module")
def storage(rpc, rpc_web, seaweedfs) -> Iterator[Storage]:
    caller = rpc.organization(f"storage-{uuid4().hex}")
    seaweedfs.put("mails", OBJECTS)
    backend = rpc.backend
    version = put_version(
        backend.store, backend.blobs, caller.organization, TaskType.TEXT_CLASSIFICATION
    )
    with rpc_web(caller) as web:
        made = Storage(rpc, caller, web, version)
        made.endpoint = seaweedfs.endpoint
        yield made


@pytest.mark.parametrize("kind", ["aws-s3", "storage-grid"])
def test_objects_are_inputs_and_a_missing_one_fails_alone(storage, kind):
    """Each object is predicted; a missing object and bucket, and an empty object, fail by themselves."""
    sources = {f"mail {number}": at(f"mail/{number}.txt") for number in range(9)} | {
        "missing": at("mail/missing.txt"),
        "lost": at("a", bucket="lost"),
        "empty": at("mail/nothing.txt"),
        "other": {"other.txt": {"bucket": "mails", "key": "elsewhere.txt"}},
        "two": at("mail/0.txt") | {"more.txt": {"bucket": "mails", "key": "elsewhere.txt"}},
    }
    answer = storage.submit(kind, sources)
    assert answer.json()["jobType"] == kind
    ended = storage.ended(answer)
    assert (ended["status"], ended["total"], ended["completed"]) == ("COMPLETED", 14, 9 + 1)
    errors = {
        name: why for name, why in storage.errors("/" + ended["jobIdentifier"]).items() if why
    }
    assert set(errors) == {"missing", "lost", "other", "two"}
    assert "does not exist" in errors["missing"]
    assert "no such bucket" in errors["lost"]
    assert "'input.txt'" in errors["other"]
    sizes = sum(map(len, OBJECTS.values())) - len(OBJECTS["mail/deep/é ü.txt"])
    assert ended["inputByteAmount"] == sizes + len(OBJECTS["mail/0.txt"]) + len(
        OBJECTS["elsewhere.txt"]
    )


def test_every_object_of_a_folder_is_an_input(storage):
    """Inputs of a folder are called by the source and the rest of the key, whatever its characters."""
    answer = storage.submit("aws-s3-folder", {"in": at("mail/"), "deep": at("/mail/deep")})
    names = answer.json()["jobInputs"]["identifier"]
    assert names == [
        *sorted(f"in/{key[5:]}" for key in OBJECTS if key.startswith("mail/")),
        "deep/é ü.txt",
    ]
    ended = storage.ended(answer)
    assert (ended["completed"], ended["failed"]) == (12, 0)


@pytest.mark.parametrize(
    ("kind", "sources", "changes", "status", "told"),
    [
        ("azureblob", {"a": at("b")}, {}, 400, "aws-s3-folder"),
        ("jdbc", {"a": at("b")}, {}, 400, "/api/jobs/{job}/rows"),
        ("text", {"a": {"input.txt": "b"}}, {}, 400, "access_key_id"),
        ("aws-s3", {"a": {"input.txt": "b"}}, {}, 400, '{"bucket", "key"}'),
        ("aws-s3", {"a": {"input.txt": {"bucket": "b"}}}, {}, 400, '{"bucket", "key"}'),
        ("aws-s3", {"a": {"input.txt": {"bucket": "b", "key": 1}}}, {}, 400, '{"bucket", "key"}'),
        ("aws-s3", {"a": at("k", bucket="a/../b")}, {}, 400, "bucket"),
        ("aws-s3", {"a": at("k" * 1025)}, {}, 400, "key"),
        ("aws-s3", {}, {}, 400, "at least one input"),
        ("aws-s3", {"a": at("b")}, {"secretAccessKey": None}, 400, "both halves"),
        ("aws-s3", {"a": at("b")}, {"secretAccessKey": 918273645}, 400, "text is allowed"),
        ("aws-s3", {"a": at("b")}, {"accessKeyID": "918273645\n"}, 400, "access_key_id"),
        ("aws-s3", {"a": at("b")}, {"region": "eu.evil.example/"}, 400, "us-east-1"),
        ("storage-grid", {"a": at("b")}, {"endpoint": None}, 400, "endpoint"),
        ("storage-grid", {"a": at("b")}, {"endpoint": "https://u:918273645@host"}, 400, "endpoint"),
        ("storage-grid", {"a": at("b")}, {"endpoint": "http://169.254.169.254"}, 422, "ASSAY_REMOTE_ALLOW"),
        ("storage-grid", {"a": at("b")}, {"endpoint": "http://[::ffff:10.0.0.1]:80"}, 422, "private"),
        ("aws-s3-folder", {"a": at("mail/")}, {"endpoint": "http://10.1.1.1:80"}, 422, "private"),
        ("aws-s3-folder", {"a": at("void/")}, {}, 400, "no object below 'void/'"),
        ("aws-s3-folder", {"a": at("mail/") | {"b": {"bucket": "mails", "key": "c"}}}, {}, 400, "one folder"),
        ("aws-s3-folder", {"a": at("x", bucket="lost")}, {}, 422, "no such bucket"),
        ("aws-s3-folder", {f"{n}": at("mail/") for n in range(11)}, {}, 413, "at most 10"),
        ("aws-s3-folder", {"a": at("mail/")}, {"secretAccessKey": "918273645"}, 422, "access key"),
    ],
)  # fmt: skip  # a table
def test_a_wrong_submission_is_refused_and_repeats_no_secret(
    storage, kind, sources, changes, status, told
):
    """What cannot be fetched is refused at once, naming the field, and no key is in the answer."""
    answer = storage.submit(kind, sources, **changes)
    body = check(answer, status)
    assert told in body["message"]
    assert "918273645" not in answer.text
    assert SECRET_ACCESS_KEY not in answer.text


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", "tried 3 times"), ("no-such-host.invalid", "has no address")]
)
def test_a_storage_that_does_not_answer_fails_its_inputs(storage, host, told):
    """Where nobody listens the inputs fail with that reason, later ones untried, and the job ends."""
    endpoint = f"http://{host}:{free_port()}"
    ended = storage.ended(
        storage.submit("aws-s3", {f"{n:02d}": at("k") for n in range(9)}, endpoint=endpoint)
    )
    assert (ended["status"], ended["failed"]) == ("COMPLETED", 9)
    errors = storage.errors("/" + ended["jobIdentifier"])
    assert told in errors["00"]
    assert "was not asked" in errors["06"]


def test_no_key_is_stored_in_clear_or_logged(storage, caplog):
    """Keys stand in no row and no blob, in no log line, and in no answer; only sealed, until the end."""
    caplog.set_level("DEBUG")
    answer = storage.submit("aws-s3", {"a": at("mail/0.txt")}, sessionToken=TOKEN)
    ended = storage.ended(answer)
    backend = storage.rpc.backend
    org, job_id = storage.caller.organization, ended["jobIdentifier"]
    with backend.store.read() as uow:
        job = uow[Jobs].get(org, job_id)
        assert json.loads(job.spec)["storage"] is None
        assert b"s1." not in job.spec
        stored = [str(one) for one in uow[Jobs].tasks(org, job_id)] + [job.spec.decode()]
        stored += map(str, uow[InferenceJobs].inputs(org, job_id, limit=10))
    blobs = [backend.blobs.read(org, address) for address in storage.kept()]
    texts_of = [*stored, answer.text, json.dumps(ended), caplog.text, str(storage.rpc.lines())]
    for secret in (SECRET_ACCESS_KEY, TOKEN, ACCESS_KEY_ID):
        assert not [one for one in texts_of if secret in one]
        assert not [one for one in blobs if secret.encode() in one]
    database = backend.settings.data_dir / "assay.db"
    for file in database.parent.glob("assay.db*"):
        assert SECRET_ACCESS_KEY.encode() not in file.read_bytes()


def test_ten_thousand_objects_are_submitted(storage):
    """A job may have 10 000 objects, and one more is refused; it can be canceled at once."""
    sources = {f"{number:05d}": at(f"mail/{number % 9}.txt") for number in range(10_000)}
    answer = storage.submit("aws-s3", sources)
    assert answer.status_code == 202, answer.text
    job = f"/api/jobs/{answer.json()['jobIdentifier']}"
    canceled = storage.web.delete(job).json()
    assert canceled["status"] == "CANCELED"
    assert canceled["total"] == canceled["completed"] + canceled["failed"] == 10_000
    check(storage.submit("aws-s3", sources | {"one more": at("mail/0.txt")}), 413)
