"""Inputs that come in chunks, over REST through Envoy and over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from google.api import httpbody_pb2

from assay.features.inference.model import MAX_CHUNKS, MAX_INPUT_BYTES, MAX_ITEMS
from assay.features.inference.store import InferenceJobs
from assay.kernel.jobs.ledger_runs import Jobs
from assay.learning.rows import TaskType
from assay.records import replace
from assay.v1 import inference_job_service_pb2 as pb
from tests.support.chunk_sender import Sender, check
from tests.support.rpc_service import Running
from tests.support.trained_versions import put_version
from tests.support.training_rows import texts

MIB = 1024 * 1024
TEXT = texts()["test"].to_pylist()[0]["pages"][0]


@pytest.fixture(scope="module")
def sender(rpc: Running, rpc_web) -> Iterator[Sender]:
    caller = rpc.organization(f"chunks-{uuid4().hex}")
    version = put_version(
        rpc.backend.store, rpc.backend.blobs, caller.organization, TaskType.TEXT_CLASSIFICATION
    )
    with rpc_web(caller) as web:
        yield Sender(rpc, caller, web, version)


@pytest.mark.parametrize("closing", [{}, {"json": {}}, {"content": b"null"}])
def test_chunks_cut_inside_a_character_are_one_text(sender, closing):
    """A file whose chunks end inside a character is read whole; a close has no body, {} or null."""
    job = sender.opened()
    sent = ("ü" + TEXT).encode()
    for size, part in [(1, sent[:1]), (3, sent[1:3]), (3, b""), (len(sent), sent[3:])]:
        answer = sender.send(f"{job}/letter/input.txt", part)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "jobIdentifier": job.rpartition("/")[2],
            "inputName": "letter",
            "itemName": "input.txt",
            "size": size,
        }
    headers = {"content-type": "application/json"} if "content" in closing else {}
    answer = sender.web.post(f"{job}/close", headers=headers, **closing)
    assert answer.status_code == 200, answer.text
    ended = sender.close(job)  # again: it stays as it is
    assert (ended["status"], ended["completed"], ended["failed"]) == ("COMPLETED", 1, 0)
    assert ended["inputByteAmount"] == len(sent)


def test_a_chunk_larger_than_advised_is_taken(sender):
    """Chunks of more than 1 MiB with the frame of their form are taken, to the byte."""
    job = sender.opened()
    data = TEXT.encode() * (1 + (2 * MIB + 4711) // len(TEXT))
    for part in (data[:MIB], data[MIB:]):
        assert sender.send(f"{job}/big/input.txt", part).status_code == 200
    ended = sender.close(job)
    assert (ended["completed"], ended["inputByteAmount"]) == (1, len(data))


@pytest.mark.parametrize(
    "name",
    ["é ü+%2F&?#.txt", "../../etc/passwd", "a/b", ".hidden", "日本語", "a" * 255, "row:1", "%41"],
)
def test_names_are_texts_and_no_paths(sender, name):
    """A name of any characters, percent-encoded in the path, is the name of the input."""
    job = sender.opened()
    path = f"{job}/{quote(name, safe='')}/input.txt"
    assert sender.send(path, TEXT.encode()).json()["inputName"] == name
    assert [one["identifier"] for one in sender.close(job)["jobInputs"]] == [name]


def test_wrong_names_fail_where_they_must(sender):
    """A control character or too long a name is refused; a content of another name fails its input."""
    job = sender.opened()
    for name in ("a%0Ab", "a" * 256, "%7F"):
        path = f"{job}/{name}/input.txt"
        check(sender.send(path, b"x"), 400)
    assert sender.send(f"{job}/one/input.txt", TEXT.encode()).status_code == 200
    assert sender.send(f"{job}/two/other.txt", TEXT.encode()).status_code == 200
    assert sender.send(f"{job}/three/input.txt", b"\xff\xfe\xff").status_code == 200
    assert sender.send(f"{job}/four/input.txt", b"").status_code == 200
    ended = sender.close(job)
    assert (ended["status"], ended["total"]) == ("COMPLETED", 4)
    errors = sender.errors(job)
    assert errors["one"] is None
    assert "'input.txt'" in errors["two"]
    assert "utf-8" in errors["three"]


def test_forms_of_none_or_two_parts_and_other_bodies_are_refused(sender):
    """No part, two parts, another type, a compressed or a cut body: each is told, nothing is kept."""
    job = sender.opened()
    path = f"{job}/one/input.txt"
    two = [("input", b"a"), ("input", b"b")]
    check(sender.web.post(path, files=two), 400)
    check(sender.web.post(path), 415)
    check(sender.web.post(path, json={"a": 1}), 415)
    form = {"content-type": "multipart/form-data; boundary=x"}
    check(sender.web.post(path, content=b"--x--\r\n", headers=form), 400)
    check(sender.web.post(path, content=b"--x\r\n\r\nab", headers=form), 400)
    zipped = {"content-type": "application/octet-stream", "content-encoding": "gzip"}
    check(sender.web.post(path, content=b"ab", headers=zipped), 415)
    check(sender.web.post(f"{job}/close"), 400)


def test_a_job_that_is_closed_canceled_or_of_others_takes_no_chunk(sender, rpc, rpc_web):
    """After the close 409, after the cancel 422, to others the job does not exist."""
    job = sender.opened()
    path = f"{job}/one/input.txt"
    assert sender.send(path, TEXT.encode()).status_code == 200
    with rpc_web(rpc.organization(f"others-{uuid4().hex}")) as other:
        for target in (path, f"{job}/close"):
            answer = other.post(target, files={"input": b"a"} if target == path else None)
            assert "There is no" in check(answer, 404)["message"]
    sender.close(job)
    refused = check(sender.send(path, b"more"), 409)
    assert "takes no more inputs" in refused["message"]
    canceled = sender.opened()
    assert sender.web.delete(canceled).json()["status"] == "CANCELED"
    for target in (f"{canceled}/one/input.txt", f"{canceled}/close"):
        answer = sender.web.post(target, files={"input": b"a"} if "one" in target else None)
        check(answer, 422)
    absent = f"/api/jobs/{uuid4()}/one/input.txt"
    check(sender.send(absent, b"a"), 404)


def test_a_chunk_that_tells_its_place_is_taken_once_and_in_order(sender):
    """With Content-Range a repeated chunk is acknowledged, and a gap or a wrong size refused."""
    job = sender.opened()
    path = f"{job}/one/input.txt"
    data = TEXT.encode()

    def ranged(first: int, last: int, part: bytes | None = None) -> httpx.Response:
        part = data[first : last + 1] if part is None else part
        return sender.send(path, part, **{"content-range": f"bytes {first}-{last}/*"})

    assert ranged(0, 9).json()["size"] == 10
    assert ranged(10, 19).json()["size"] == 20
    assert ranged(0, 9).json()["size"] == 20
    for refused in (
        ranged(30, 39),
        ranged(0, 9, b"0123456789"),
        ranged(5, 9),
        ranged(20, 39, b"a"),
    ):
        check(refused, 400)
    for header in ("bytes 9-0/*", "bytes=0-9", "x"):
        check(sender.send(path, b"a", **{"content-range": header}), 400)
    assert ranged(20, len(data) - 1).json()["size"] == len(data)
    assert sender.close(job)["completed"] == 1


def test_chunks_at_once_are_all_kept(sender):
    """Chunks of several inputs that are sent at the same time all come to rest."""
    job = sender.opened()

    def send(number: int) -> int:
        return sender.send(f"{job}/input {number % 8}/input.txt", TEXT.encode()).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(48))) == {200}
    ended = sender.close(job)
    assert (ended["total"], ended["completed"]) == (8, 8)
    assert ended["inputByteAmount"] == 48 * len(TEXT.encode())


def test_chunks_over_grpc(sender):
    """A native caller sends the bytes of a file in messages, without a form."""
    made = sender.caller(
        "SubmitInferenceJob",
        model={"identifier": sender.version.model_id, "version": sender.version.version_id},
    )
    assert made.status == "OPEN"
    place = {"job_id": made.job_id, "input_name": "one", "item_name": "input.txt"}
    kind = "application/octet-stream"
    parts = [
        pb.AddInferenceInputRequest(
            **(place if at == 0 else {}), file=httpbody_pb2.HttpBody(content_type=kind, data=part)
        )
        for at, part in enumerate([TEXT.encode()[:7], TEXT.encode()[7:]])
    ]
    received = sender.caller.raw("AddInferenceInput", iter(parts))
    assert received.size == len(TEXT.encode())
    assert sender.caller("CloseInferenceJob", job_id=made.job_id).status == "SUBMITTED"
    sender.caller("WatchJob", job_id=made.job_id)
    assert sender.caller("GetInferenceJob", job_id=made.job_id).completed == 1


def test_what_an_open_job_was_sent_goes_with_it(sender):
    """Chunks of a job that is never closed, or is canceled, are kept no longer than the job is open."""
    before = sender.kept()
    abandoned, canceled = sender.opened(), sender.opened()
    for number, job in enumerate((abandoned, canceled)):
        assert (
            sender.send(f"{job}/one/input.txt", f"only here {number}".encode()).status_code == 200
        )
    assert len(sender.kept() - before) == 2
    assert sender.web.delete(canceled).json()["status"] == "CANCELED"
    assert len(sender.kept() - before) == 1
    backend = sender.rpc.backend
    org, job_id = sender.caller.organization, abandoned.rpartition("/")[2]
    with backend.store.read() as uow:
        deadline = uow[Jobs].get(org, job_id).deadline
        made = uow[InferenceJobs].get(org, job_id).created_at
    assert timedelta(hours=1) <= deadline - made <= timedelta(hours=24)


def test_an_item_has_so_many_chunks_and_an_input_so_many_items(sender):
    """One chunk or item more than allowed is 413, so that no file comes byte by byte."""
    job = sender.opened()
    assert sender.send(f"{job}/one/input.txt", b"a").status_code == 200
    org, job_id = sender.caller.organization, job.rpartition("/")[2]
    with sender.rpc.backend.store.write() as uow:
        there = uow[InferenceJobs].opened_input(org, job_id, "one")
        assert there is not None
        pieces = there.items[0].pieces * MAX_CHUNKS
        items = [replace(there.items[0], pieces=pieces, size=MAX_CHUNKS)]
        items += [replace(there.items[0], name=f"item {at}") for at in range(MAX_ITEMS - 1)]
        uow[InferenceJobs].add_input(org, job_id, replace(there, items=tuple(items)))
    assert "1025 chunks" in check(sender.send(f"{job}/one/input.txt", b"a"), 413)["message"]
    assert "17 items" in check(sender.send(f"{job}/one/more.txt", b"a"), 413)["message"]
    assert sender.send(f"{job}/one/item 0", b"a").status_code == 200


@pytest.mark.slow
def test_an_input_that_is_too_large_is_refused_in_its_course(sender):
    """Bytes beyond the limit of an input are 413, and nothing of that chunk is kept."""
    job = sender.opened()
    path = f"{job}/one/input.txt"
    before = sender.send(path, b"a").json()
    raw = {"content-type": "application/octet-stream"}
    blocks = (bytes(MIB) for _ in range(MAX_INPUT_BYTES // MIB))
    check(sender.web.post(path, content=blocks, headers=raw), 413)
    assert sender.send(path, b"").json() == before
