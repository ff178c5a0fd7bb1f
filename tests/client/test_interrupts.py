"""Interrupts and broken connections: what becomes of what was begun, and what is said of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from assay.cli import interrupted
from assay.cli.connection import Terminated
from assay.cli.console import err, show_interrupt
from assay.client import Client, Progress, RetryPolicy, ServiceUnavailable
from assay.client.concurrency import begun
from assay.client.sending import MOST_BREAKS

ROWS = ("yes", "no") * 50_000


def test_an_interrupt_of_the_imports_has_no_traceback():
    """A command that is interrupted before it begins ends with 130 and without a word."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "assay", "models", "list"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        for line in process.stderr:
            if line.endswith(" google.protobuf.message\n"):
                process.send_signal(signal.SIGINT)
                break
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [line for line in told.splitlines() if not line.startswith("import time:")] == []


def test_a_channel_closes_after_an_interrupt_while_a_call_begins(service):
    """A call that begins while the interrupt comes is begun whole, canceled, and holds nothing up."""
    calls = []
    with grpc.insecure_channel(service.grpc.removeprefix("grpc://")) as channel:
        watch = HealthStub(channel).Watch

        def start() -> object:
            signal.raise_signal(signal.SIGINT)  # the main thread, which waits, gets it
            calls.append(watch(HealthCheckRequest()))
            return calls[0]

        with pytest.raises(KeyboardInterrupt):
            begun(start)
        while not calls:  # it may still begin
            os.sched_yield()
    assert calls[0].code() is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_an_interrupt_waits_for_what_must_be_known(number, kind):
    """An interrupt waits for the end of the block; a second one is not kept waiting."""
    with interrupted.deferred() as passed_on:
        signal.raise_signal(number)
    with pytest.raises(kind):
        passed_on()
    with pytest.raises(kind), interrupted.deferred():
        signal.raise_signal(number)
        signal.raise_signal(number)
        pytest.fail("the second one came through")
    with interrupted.deferred() as passed_on:
        pass
    passed_on()


def test_the_job_is_known_as_soon_as_the_file_is_sent(client, fresh, tmp_path):
    """The first thing that is told of a file's evaluation is the job that goes on by itself."""
    model, version = fresh()
    (tmp_path / "p.csv").write_text("y_true,y_pred\na,a\nb,a\n")
    told: list[Progress] = []
    done = client.evaluate(model, version, "test", tmp_path / "p.csv", on_progress=told.append)
    assert (told[0].phase, told[0].job_id, told[0].done) == ("measure", done.job_id, 0)


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, "Nothing was sent yet; the same command begins again."),
        (Progress(phase="upload", rows=0, total_rows=None), "takes the file up if all of it arr"),
        (Progress(phase="measure", rows=0, total_rows=None, job_id="j1"), "job j1 goes on: the same"),
    ],
)  # fmt: skip  # a table
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_said_is_true_of_where_it_stood(capsys, standing, said, as_json):
    """Before sending, while sending and once a job goes on, another thing is said to do."""
    with pytest.raises(KeyboardInterrupt) as caught, interrupted.told() as under_way:
        if standing is not None:
            under_way.heard(lambda _: None, err, frozenset())(standing)
        raise KeyboardInterrupt
    show_interrupt(caught.value, 130, as_json=as_json)
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith('{"error": {"reason": "INTERRUPTED"' if as_json else "Interrupted. ")
    assert ("nothing of it is kept" in told) == (standing is not None and not standing.job_id)


def test_a_job_that_an_earlier_command_began_is_told_once(capsys):
    """A rerun whose file the service has already says which job is taken up."""
    standing = Progress(phase="measure", rows=0, total_rows=None, job_id="j1")
    for unended in (frozenset({"j1", "j2"}), frozenset({"j2"})):
        heard = interrupted.Evaluating().heard(lambda _: None, err, unended)
        heard(standing)
        heard(standing)
    assert capsys.readouterr().err == "job j1 has this file already: it is taken up again\n"


def test_an_interrupted_upload_of_rows_is_canceled_and_says_so(client, fresh):
    """An interrupt while arrays are sent cancels their evaluation, and a note says that."""
    model, version = fresh()

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        client.evaluate(model, version, y_true=ROWS, y_pred=ROWS, on_progress=interrupt)
    (left,) = client.evaluations.list(model, version)
    assert left.status == "canceled"
    told = f"Its job {left.job_id} is canceled: nothing of the upload is kept."
    assert caught.value.__notes__ == [told]


def test_a_file_is_sent_again_a_bounded_number_of_times(service, client, fresh, cutter, tmp_path):
    """A connection that breaks each time has the file sent a few times, and then it is refused."""
    model, version = fresh()
    file = tmp_path / "long.csv"
    file.write_text("y_true,y_pred\n" + "".join(f"{one},{one}\n" for one in ROWS))
    relay = cutter(200_000)
    patience = RetryPolicy(sleep=lambda _: None)
    broken = Client(relay.address, api_key=service.key, retry=patience)
    with broken, pytest.raises(ServiceUnavailable):
        broken.evaluate(model, version, "test", file)
    # A call may also begin on a connection that is known to be broken only then.
    assert 1 < relay.cuts <= MOST_BREAKS + 1
    assert list(client.evaluations.list(model, version)) == []


def test_what_could_not_be_filled_is_deleted_again(assay, client, tmp_path: Path):
    """A dataset, its schema and a run go again, and are said to, where their file is refused."""
    (tmp_path / "fields.json").write_text('[{"name": "total", "type": "money"}]')
    (tmp_path / "bad.csv").write_text("document_id,total\na\n")
    (tmp_path / "good.csv").write_text("document_id,total\na,1\n")
    made = assay("truth", "create", "refused", "bad.csv", "--schema", "fields.json")
    assert (made.returncode, "refused is deleted again" in made.stderr) == (2, True)
    assert "refused" not in {one.name for one in client.field_schemas.list()}
    assert assay("truth", "create", "refused", "good.csv").returncode == 0
    for more in ((), ("--detach",)):
        run = assay("bench", "run", "refused", "bad.csv", "--name", "refused-run", *more)
        assert (run.returncode, "The run 'refused-run' is deleted" in run.stderr) == (2, True)
    assert "refused-run" not in {one.name for one in client.extraction_runs.list()}


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "absent.csv", "-m", "for-nothing", "--create"),
        ("truth", "create", "for-nothing", "absent.csv"),
        ("bench", "run", "for-nothing", "absent.csv"),
    ],
    ids=" ".join,
)
def test_nothing_is_made_for_a_file_that_is_not_there(assay, command):
    """A file that cannot be opened is refused before the service is asked for anything."""
    done = assay(*command, ASSAY_URL="grpc://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: absent.csv cannot be read: No such file or directory.\n"
