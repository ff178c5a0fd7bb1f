"""Two servers on one data folder: either serves what the other took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import Backend, RunnerProcess
from tests.features.evaluations.test_uploads_api import DATA, Stream, assert_exact, finished
from tests.support import rpc_service
from tests.support.postgres import running_postgres
from tests.support.rpc_service import PATIENCE, Caller, LoopThread, Running, binary, chunk, message


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of an empty database on a private PostgreSQL."""
    with running_postgres() as server:
        yield server.url(server.create())


@pytest.fixture(params=["sqlite", "postgresql"])
def twins(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    loop_thread: LoopThread,
) -> Iterator[tuple[Running, Running]]:
    """Two servers, each with a store of its own on one database; the second has the runner."""
    folder: Path = tmp_path_factory.mktemp("twins")
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    settings = rpc_service.settings(folder, workers=1, database_url=url)
    backends = [Backend(settings, upgrade=True) for _ in range(2)]
    servers = [rpc_service.serve(loop_thread, backend) for backend in backends]
    runner = RunnerProcess(backends[1])
    runner.start()
    yield servers[0], servers[1]
    runner.stop()
    for server, backend in zip(servers, backends, strict=True):
        server.stop()
        backend.close()


@pytest.fixture
def both(twins: tuple[Running, Running]) -> tuple[Caller, Caller]:
    """One organization's caller on each server."""
    one, two = twins
    me = one.organization("acme")
    return me, Caller(two.channel, me.credential, me.organization)


def test_either_server_goes_on_with_the_work_of_the_other(both: tuple[Caller, Caller]):
    """What one server took the other resumes, watches and serves, at once."""
    one, two = both
    model_id, version_id = one.pair(labels=["no", "yes"], positive_label="yes")
    opened = one("CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test")
    watch = two.begin("WatchJob", message("WatchJob", job_id=opened.job_id))
    assert next(watch).events[0].sequence == 1
    first = Stream(one)
    first.exchange(chunk(opened.evaluation_id, 0, DATA.chunk(0, 80)))
    first.call.cancel()
    first.close()
    assert two("GetEvaluation", evaluation_id=opened.evaluation_id).next_row == 80
    resumed = two.upload(opened.evaluation_id, [DATA.chunk(80, 200)], start=80)
    assert_exact(resumed[0].metrics, DATA, 200)
    done = finished(one, opened.evaluation_id, 200)
    assert done.status == "succeeded"
    heard = [1, *(event.sequence for reply in watch for event in reply.events)]
    assert heard == [1, 2, 3, 4]
    assert two("GetEvaluation", evaluation_id=opened.evaluation_id) == done


def test_results_are_seen_on_the_other_server(both: tuple[Caller, Caller], at_once: bool):
    """What one server commits the other serves: at once on SQLite, a notice later otherwise."""
    one, two = both
    model_id, version_id = one.ready(labels=["no", "yes"])

    def agree(reader: Caller, field: str, value: str) -> None:
        deadline = time.monotonic() + (0 if at_once else PATIENCE)
        while True:
            found = getattr(reader("GetPerformanceSummary", model_id=model_id), field)
            if found == value or time.monotonic() > deadline:
                assert found == value
                return

    for seed in (1, 2, 3):
        newer = two.measure(model_id, version_id, binary(30, seed=seed).csv, replace=True)
        agree(one, "evaluation_id", newer.evaluation_id)
        agree(two, "evaluation_id", newer.evaluation_id)
    second = one.version(model_id).version_id
    one.measure(model_id, second, binary(30).csv)
    for version in (second, version_id, second):
        two("PromoteVersion", model_id=model_id, version_id=version)
        agree(one, "version_id", version)
        agree(two, "version_id", version)
    one("DeleteModel", model_id=model_id)
    assert one.refused("GetPerformanceSummary", model_id=model_id).code == "NOT_FOUND"


@pytest.fixture
def at_once(twins: tuple[Running, Running]) -> bool:
    """Whether a commit of another process is known without a notice of it."""
    return twins[0].backend.store.engine_name == "sqlite"
