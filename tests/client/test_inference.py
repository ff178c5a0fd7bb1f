"""Inference by the Python client and the command line, on the whole service."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass

import pytest

from assay.cli.infer import going_on, infer, milliseconds
from assay.client import BadInput, Client, NotFound, Refusal, RetryPolicy, ServiceUnavailable, types
from assay.client.aio import Client as AsyncClient
from tests.support.small_models import train_tickets

PATH = "shell/inference/Tickets"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model of texts, billing or delivery."""

    model_id: str
    version_id: str


@pytest.fixture(scope="module")
def tickets(service) -> Trained:
    """A trained model."""
    with Client(service.grpc, api_key=service.key) as client:
        model_id, version_id = train_tickets(client, PATH)
    return Trained(model_id=model_id, version_id=version_id)


def by_name(results) -> dict[str, types.InferenceResult]:
    """Return results by the names of their inputs; none is told twice."""
    told = list(results)
    found = {one.input_name: one for one in told}
    assert len(found) == len(told)
    return found


def test_results_come_for_texts_bytes_and_files(tickets, client, tmp_path):
    """Each input has a result; one that is no text fails alone, with its reason."""
    letter = tmp_path / "letter.txt"
    letter.write_text("the parcel is late")
    jobs: list[types.InferenceJob] = []
    found = by_name(
        client.infer(
            tickets.model_id,
            {
                "text": "refund of the invoice",
                "bytes": b"card charged twice",
                "file": letter,
                "broken": b"\xff\xfe\xff",
            },
            on_submitted=jobs.append,
        )
    )
    assert {name: one.label for name, one in found.items()} == {
        "text": "billing",
        "bytes": "billing",
        "file": "delivery",
        "broken": None,
    }
    assert sum(found["file"].predictions.values()) == pytest.approx(1)
    assert "no text in utf-8" in (found["broken"].failure or "")
    job = client.inference.get(jobs[0].job_id)
    assert (job.status, job.completed, job.failed) == ("COMPLETED", 3, 1)
    assert by_name(client.inference.results(job.job_id)) == found


def test_large_inputs_are_sent_one_by_one(tickets, client):
    """More than one message holds arrives whole, and its outcome too."""
    long = "the parcel is late " * 300_000
    found = by_name(client.infer(tickets.model_id, {"long": long, "short": "refund"}))
    assert {name: one.label for name, one in found.items()} == {
        "long": "delivery",
        "short": "billing",
    }


def test_explanations_come_with_results(tickets, client):
    """The word that decides stands first of its class."""
    (found,) = client.infer(tickets.model_id, {"a": "my invoice"}, explain=True)
    assert found.explanation is not None
    assert found.explanation["wordImportances"]["billing"][0]["word"] == "invoice"


def test_a_watch_of_a_job_that_ended_tells_all_again(tickets, client):
    """Who comes late is told of each input once, and the same."""
    jobs: list[types.InferenceJob] = []
    names = {f"n{number}": "invoice" for number in range(50)}
    found = by_name(client.infer(tickets.model_id, names, on_submitted=jobs.append))
    assert by_name(client.inference.watch(jobs[0].job_id)) == found
    assert set(found) == set(names)


def test_the_asynchronous_client_does_the_same(tickets, service):
    """It yields results as coroutines do."""

    async def infer() -> list[str | None]:
        async with AsyncClient(service.grpc, api_key=service.key) as client:
            return [one.label async for one in client.infer(tickets.model_id, {"a": "refund"})]

    assert asyncio.run(infer()) == ["billing"]


def test_what_cannot_be_sent_is_said_before_anything_is(tickets, client, tmp_path):
    """A number, a set in an object and an absent file are refused here; an unknown model there."""
    for wrong in (3.5, {"a": {1, 2}}, tmp_path / "absent.txt"):
        with pytest.raises(BadInput):
            list(client.infer(tickets.model_id, {"a": wrong}))
    with pytest.raises(BadInput, match="mapping of their names"):
        list(client.infer(tickets.model_id, ["my parcel is late"]))
    with pytest.raises(BadInput, match="name of an input is a text"):
        list(client.infer(tickets.model_id, {3: "my parcel is late"}))
    with pytest.raises(BadInput, match="no inputs"):
        list(client.infer(tickets.model_id, {}))  # without inputs a job would wait for some
    with pytest.raises(NotFound):
        list(client.infer("no-such-model", {"a": "b"}))


def test_the_command_shows_results_and_fails_with_an_input(tickets, assay, tmp_path):
    """`assay infer` exits with 1 if an input fails, and `assay results` tells the same again."""
    (tmp_path / "broken.txt").write_bytes(b"\xff\xff")
    done = assay("infer", PATH, "--text", "refund of the invoice", "--explain", "broken.txt")
    assert done.returncode == 1
    assert "billing" in done.stdout
    assert "+invoice" in done.stdout
    assert "no text in utf-8" in done.stdout
    job_id = done.stderr.split("job ")[1].split()[0]
    again = assay("results", job_id)
    assert (again.returncode, sorted(again.stdout.splitlines())) == (
        1,
        sorted(done.stdout.splitlines()),
    )
    one = assay("results", job_id, "--input", "text-1", "--json")
    assert one.returncode == 0
    told = json.loads(one.stdout)
    predictions = told["outputs"]["results.json"]["result"]["classPredictions"]
    assert (told["input"], predictions[0]["class"]) == ("text-1", "billing")
    assert told["job_id"] == job_id


def test_the_command_says_what_is_missing(tickets, client, tmp_path):
    """Nothing, an absent file, a folder, two inputs of one name and a time without end are wrong usage."""
    named, folder = tmp_path / "text-1", tmp_path / "folder"
    named.write_text("my parcel")
    folder.mkdir()
    for files, texts, says in (
        ([], [], "Nothing is to be predicted"),
        ([tmp_path / "absent.txt"], [], "no file"),
        ([folder], [], "no file"),
        ([named, named], [], "Two files are called text-1"),
        ([named], ["my parcel"], "A file is called text-1"),
    ):
        with pytest.raises(BadInput, match=says):
            infer(client, PATH, files, text=texts)
    with pytest.raises(BadInput, match="--timeout"):
        infer(client, PATH, [named], timeout=math.inf)


@pytest.mark.parametrize(("seconds", "sent"), [(0.0, 0), (0.0001, 1), (1.5, 1500)])
def test_a_short_timeout_is_not_none(seconds, sent):
    """Any time is a millisecond at least; 0 alone is no limit."""
    assert milliseconds(seconds) == sent


def test_streams_of_an_absent_service_name_the_way_out():
    """They say what calls say, whichever comes first."""
    with (
        Client("127.0.0.1:1", retry=RetryPolicy(seconds=0)) as client,
        pytest.raises(ServiceUnavailable, match="Nothing answers at grpc"),
    ):
        list(client.inference.watch("job"))


def test_jobs_are_listed_over_all_pages(tickets, client):
    """Each job comes once, newest first, however many a page holds."""
    made = [client.inference.submit({"identifier": tickets.model_id}).job_id for _ in range(3)]
    listed = [one.job_id for one in client.inference.list(status="pending", per_page=2)]
    assert [one for one in listed if one in made] == made[::-1]
    assert len(set(listed)) == len(listed)
    for job_id in made:
        client.inference.cancel(job_id)


def test_what_goes_on_is_noted(tickets, client):
    """An interrupt, and a connection that is lost, name the job that goes on without the command."""
    job = next(client.inference.list(model=tickets.model_id))
    lost = ServiceUnavailable(Refusal(message="gone"))
    for jobs, error, says in (
        ([job], KeyboardInterrupt(), f"assay results {job.job_id}"),
        ([job], lost, f"assay jobs cancel {job.job_id}"),
        ([], KeyboardInterrupt(), "assay jobs list --kind inference"),
    ):
        with pytest.raises(type(error)) as raised, going_on(jobs):
            raise error
        assert says in raised.value.__notes__[-1]


def test_rows_are_predicted_by_a_version_that_is_named_in_any_way(tickets, client, tmp_path):
    """A version's id, its label and its number mean the same to predictions as to inference jobs."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"row_id": "a", "text": "refund"}) + "\n")
    told = [
        list(client.predictions.rows(tickets.model_id, rows, version_id=name))
        for name in (tickets.version_id, "1.0.0")
    ]
    assert told[0] == told[1]
    with pytest.raises(NotFound, match=r"77\.0\.0"):
        list(client.predictions.rows(tickets.model_id, rows, version_id="77.0.0"))
