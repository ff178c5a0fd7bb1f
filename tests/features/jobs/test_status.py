"""The status of a job as polling scripts of the model API read it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from assay.features.jobs.rest import JOB_TYPES, status
from assay.kernel.jobs.job import Job, JobError, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import TERMINAL, JobState
from assay.kernel.rpc import polls, rest
from assay.kernel.rpc.interceptors.rate_limit import Rates
from assay.settings import Settings
from tests.support.rpc_service import Caller, Running

ENDED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def job(state: JobState, **values: Any) -> Job:
    """Return a job in a state."""
    given: dict[str, Any] = {
        "organization_id": "o", "job_id": "j", "kind": "mine", "spec": b"{}", "spec_hash": "",
        "state": state, "request_id": None, "lease_owner": None, "epoch": 0, "attempts": 1,
        "max_attempts": 3, "next_row": 7, "cancel_requested": False, "created_at": ENDED,
        "updated_at": ENDED, "started_at": ENDED, "deadline": None, "not_before": None,
        "ended_at": ENDED if state in TERMINAL else None, "error": None, "result": None,
        "resource": None, "created_by": "", "last_sequence": 1,
    }  # fmt: skip  # one job
    return Job(**(given | values))


def shown(state: JobState, progress: dict[str, int] | None = None, **values: Any) -> dict[str, Any]:
    """Return the JSON of a job's status, with cur_status read as well."""
    found = json.loads(rest.text(status((job(state, **values), progress))))
    found["cur_status"] = json.loads(found["cur_status"])
    return found


def test_a_job_that_goes_on_is_pending():
    """An unfinished job has no result and no time of its end, and tells how far it is."""
    for state in set(JobState) - TERMINAL:
        assert shown(state, {"done": 1, "total": 4, "rows": 9}) == {
            "status": "OK", "state": "PENDING", "results": [], "job_id": "j",
            "finish_timestamp": None,
            "cur_status": {
                "status": "RUNNING", "curProgress": 0.25, "state": state.lower(), "kind": "mine",
                "done": 1, "total": 4, "rows": 9,
            },
        }  # fmt: skip  # one reply


def test_a_job_that_succeeded_names_what_it_made():
    """Its one result is OK and holds the resource, or the job where it makes none."""
    found = shown(JobState.SUCCEEDED, resource="evl-1")
    assert (found["status"], found["state"], "msg" in found) == ("OK", "DONE", False)
    assert found["results"] == [{"status": "OK", "output_folder": "evl-1"}]
    assert found["finish_timestamp"] == int(ENDED.timestamp())
    assert found["cur_status"]["finish_timestamp"] == found["finish_timestamp"]
    assert (found["cur_status"]["status"], found["cur_status"]["curProgress"]) == ("COMPLETE", 1)
    assert shown(JobState.SUCCEEDED)["results"][0]["output_folder"] == "j"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (JobState.FAILED, "FAILED"),
        (JobState.TIMED_OUT, "FAILED"),
        (JobState.CANCELED, "CANCELLED"),
    ],
)
@pytest.mark.parametrize("error", [JobError(reason="R", message="Row 7 is wrong."), None])
def test_a_job_that_ended_badly_is_an_error_with_its_reason(
    state: JobState, word: str, error: JobError | None
):
    """Status ERROR, state DONE, and the message both beside the status and in the one result."""
    found = shown(state, {"done": 1, "total": 2}, error=error)
    assert (found["status"], found["state"]) == ("ERROR", "DONE")
    assert found["msg"] == (error.message if error else f"The job ended {state.lower()}.")
    assert found["results"] == [{"status": "ERROR", "msg": found["msg"]}]
    assert (found["cur_status"]["status"], found["cur_status"]["curProgress"]) == (word, 0.5)
    assert found["finish_timestamp"] == int(ENDED.timestamp())


def test_progress_is_whole_at_the_end_alone():
    """A job whose known tasks have all finished is not complete while others may be added."""
    for total in (0, 1, 1000):
        found = shown(JobState.RUNNING, {"done": total, "total": total})["cur_status"]
        assert 0 <= found["curProgress"] < 1
    assert shown(JobState.OPEN)["cur_status"]["rows"] == 7


def test_a_loop_of_polls_stays_below_the_rate_of_reads():
    """Polls one after another, however fast the machines, are a tenth of the reads of a minute."""
    polled = 60 / polls.POLL_SECONDS
    assert 10 * polled <= min(Rates().read, Settings(data_dir="x").rate_read_per_minute)


def test_the_answer_of_an_unfinished_job_waits_and_is_then_fresh():
    """An answer comes after the pause while a job goes on, as of its end; of an ended one at once."""
    answers = iter([1, 2, 3])
    call: Any = SimpleNamespace(run=lambda read: asyncio.sleep(0, read()))

    async def poll() -> tuple[int, float]:
        time = asyncio.get_running_loop().time
        began = time()
        found = await polls.answer(call, lambda: next(answers), lambda found: found == 3)
        return found, time() - began

    found, waited = asyncio.run(poll())
    assert (found, waited >= polls.POLL_SECONDS) == (2, True)
    assert asyncio.run(poll())[0] == 3


def test_each_type_finds_every_job_and_others_are_refused(rpc: Running, me: Caller):
    """The types of the model API are one to us; another word, and an empty one, is a 400 by name."""
    with rpc.backend.store.write() as uow:
        job_id = uow[Jobs].submit(me.organization, NewJob(kind="mine", spec=b"{}")).job_id
        uow[Jobs].request_cancel(me.organization, job_id)
    told = me.view("JobRest.GetJobStatus", job_id=job_id)
    assert told["status"] == "ERROR"
    for word in JOB_TYPES:
        assert me.view("JobRest.GetJobStatus", job_id=job_id, type=word) == told
    for word in ("FLOW", "training", ""):
        refused = me.refused("JobRest.GetJobStatus", job_id=job_id, type=word)
        assert refused.violations[0][0] == "type"
        assert "flow, refiner, job, async, group" in refused.message


def test_jobs_of_others_have_no_status(rpc: Running, me: Caller, other: Caller):
    """The job of another organization is as absent as one that never was."""
    with rpc.backend.store.write() as uow:
        job_id = uow[Jobs].submit(me.organization, NewJob(kind="mine", spec=b"{}")).job_id
    assert other.refused("JobRest.GetJobStatus", job_id=job_id).code == "NOT_FOUND"
    assert me.refused("JobRest.GetJobStatus").violations[0][0] == "job_id"


def test_a_polling_loop_ends_over_rest(service):
    """The documented loop, each time on a fresh connection, ends with the evaluation it waits for."""
    headers = {"authorization": f"Bearer {service.key}"}
    base = f"{service.rest}/api/v1"

    def rest_call(method: str, path: str, **sent: Any) -> httpx.Response:
        with httpx.Client(headers=headers, trust_env=False, timeout=90) as fresh:
            return fresh.request(method, base + path, **sent)

    model = rest_call("POST", "/models", json={"name": "m", "task_type": "classification"}).json()
    path = f"/models/{model['model_id']}/versions"
    version = rest_call("POST", path, json={}).json()
    made = rest_call(
        "POST",
        f"{path}/{version['version_id']}/evaluations",
        content="y_true,y_pred\na,a\nb,a\n",
        headers={"content-type": "text/csv"},
    ).json()
    while True:
        reply = rest_call("GET", f"/jobs/status?job_id={made['job_id']}&type=flow")
        assert reply.status_code == 200, reply.text
        told = reply.json()
        if told["status"] != "OK" or told["state"] == "DONE":
            break
    assert told["results"] == [{"status": "OK", "output_folder": made["evaluation_id"]}]
    assert list(told) == ["status", "state", "results", "cur_status", "job_id", "finish_timestamp"]
    absent = rest_call("GET", "/jobs/status?job_id=00000000-0000-4000-8000-000000000000")
    assert (absent.status_code, absent.json()["status"]) == (404, "NOT_FOUND")
    for query in ("", "?job_id=", f"?job_id={made['job_id']}&typ=flow", "?job_id=x&type=nothing"):
        refused = rest_call("GET", f"/jobs/status{query}")
        assert refused.status_code == 400, refused.text
