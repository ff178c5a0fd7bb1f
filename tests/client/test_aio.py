"""The asynchronous client against the running service."""

import asyncio
import inspect

import numpy as np
import pytest

import assay.client
from assay.client import BadInput, InvalidRequest, NotFound, RetryPolicy, ServiceUnavailable
from assay.client.aio import Client
from assay.client.types import JobEvent


def run(service, story):
    """Run a coroutine function with a client; return what it returns."""

    async def told():
        async with Client(service.grpc, api_key=service.key) as client:
            return await story(client)

    return asyncio.run(told())


def test_it_has_the_calls_of_the_synchronous_client(service):
    """Every group and call of the synchronous client is there."""

    async def calls(client):
        return {
            f"{name}.{call}"
            for name, group in vars(client).items()
            if not name.startswith("_")
            for call, _ in inspect.getmembers(group, callable)
            if not call.startswith("_")
        }

    with assay.client.Client(service.grpc) as client:
        wanted = asyncio.run(calls(client))
    assert wanted == run(service, calls)


def test_an_evaluation_is_awaited(service, client, fresh):
    """Rows that are sent by either client give the same numbers, and progress is told."""
    model, version = fresh()
    made = np.random.default_rng(3)
    truth, pred = (made.choice(["a", "b"], 5_000) for _ in range(2))
    seen = []

    async def story(aio):
        done = await aio.evaluate(
            model, version, y_true=truth, y_pred=pred, batch_bytes=8_192, on_progress=seen.append
        )
        assert (await aio.performance.summary(model, version)).metrics == done.metrics
        return done

    done = run(service, story)
    other = client.evaluate(model, version, "validation", y_true=truth, y_pred=pred)
    assert (done.status, done.rows, done.metrics) == ("succeeded", 5_000, other.metrics)
    assert {one.phase for one in seen} == {"upload", "measure"}


def test_listings_are_asynchronous_iterators(service, client):
    """A listing reads page after page, and gives what the synchronous one gives."""

    async def story(aio):
        return [one async for one in aio.models.list(page_size=2)]

    for number in range(3):
        client.models.create(f"listed {number}", "regression")
    assert run(service, story) == list(client.models.list())


def test_a_watch_is_resumed(service, client, fresh, cutter):
    """A watch whose connection breaks again and again yields every event once, in order."""
    model, version = fresh()
    done = client.evaluate(model, version, y_true=["a", "b"], y_pred=["a", "a"])
    relay = cutter(2_000)

    async def story():
        retry = RetryPolicy(first_wait=0.01)
        async with Client(relay.address, api_key=service.key, retry=retry) as aio:
            return [one async for one in aio.jobs.watch(done.job_id) if isinstance(one, JobEvent)]

    seen = asyncio.run(story())
    assert [one.sequence for one in seen] == [1, 2, 3, 4]
    assert seen[-1].is_terminal


def test_an_upload_goes_on_over_broken_connections(service, fresh, cutter):
    """Rows that are sent over connections that break arrive once each."""
    model, version = fresh()
    made = np.random.default_rng(4)
    truth, pred = (made.choice(["a", "b"], 20_000) for _ in range(2))
    ids = [f"row-{number}" for number in range(20_000)]
    relay = cutter(100_000)

    async def story():
        retry = RetryPolicy(first_wait=0.01)
        async with Client(relay.address, api_key=service.key, retry=retry) as aio:
            return await aio.evaluate(
                model, version, y_true=truth, y_pred=pred, row_id=ids, batch_bytes=16_384
            )

    assert asyncio.run(story()).rows == 20_000
    assert relay.cuts > 0


TRUTH = [("d1", {"total": "12.50"}), ("d2", {"total": "7"})]
READ = [{"document_id": "d1", "data": {"total": 12.5}}, ("d2", {"total": "8"})]


async def benchmarks_of(aio, file):
    """Import ground truth from a file; run a benchmark of rows, and return what both tell."""
    dataset = await aio.ground_truth.create(f"awaited {file.suffix}")
    done = await aio.ground_truth.import_entries(dataset.dataset_id, file)
    told = []
    report = await aio.benchmarks.run(
        dataset.dataset_id, READ, name="awaited", on_progress=told.append
    )
    compared = await aio.benchmarks.compare(*[report.benchmark.benchmark_id] * 2)
    return done, report, told, compared


def test_documents_are_imported_and_a_benchmark_is_run(service, tmp_path):
    """Files and rows are imported, and a benchmark is awaited from its rows to its numbers."""
    file = tmp_path / "truth.csv"
    file.write_text("document_id,total\n" + "".join(f"{a},{b['total']}\n" for a, b in TRUTH))
    done, report, told, compared = run(service, lambda aio: benchmarks_of(aio, file))
    assert (done.imported, done.skipped) == (2, 0)
    assert report.benchmark.accuracy_by_field == {"total": 0.5}
    assert [one.documents for one in told if one.phase == "upload"] == [0, 2]
    assert told[-1].overall.accuracy == 0.5
    assert compared.overall.delta == 0


def test_an_import_goes_on_over_broken_connections(service, client, cutter):
    """An import whose connection breaks is sent again, and stores each document once."""
    rows = [(f"doc-{number}", {"vendor": "x" * 200}) for number in range(2_000)]
    dataset = client.ground_truth.create("Awaited again").dataset_id
    relay = cutter(150_000)

    def healed() -> float:
        relay.heal()  # the second attempt gets through
        return 0.0

    async def story():
        retry = RetryPolicy(first_wait=0.01, jitter=healed)
        async with Client(relay.address, api_key=service.key, retry=retry) as aio:
            return await aio.ground_truth.import_entries(dataset, rows)

    assert asyncio.run(story()).imported == 2_000
    assert relay.cuts == 1


def test_rows_that_cannot_be_sent_leave_no_run_behind(service, client):
    """A benchmark of rows that are refused deletes the run that it made for them."""
    dataset = client.ground_truth.create("nothing left").dataset_id

    async def story(aio):
        with pytest.raises(BadInput, match="row 0"):
            await aio.benchmarks.run(dataset, ["no row"], name="left behind")
        with pytest.raises(BadInput, match="not both"):
            await aio.benchmarks.run(dataset, READ, run_id="run-1")
        return [one.name async for one in aio.extraction_runs.list()]

    assert "left behind" not in run(service, story)


def test_refusals_are_those_of_the_synchronous_client(service, fresh):
    """What is refused raises the same exceptions, before and after something was sent."""
    model, version = fresh("regression")

    async def story(aio):
        with pytest.raises(NotFound):
            await aio.models.get("mdl-absent")
        with pytest.raises(BadInput):
            await aio.evaluate(model, version, y_true=[1.0], y_pred=[1.0, 2.0])
        with pytest.raises(BadInput, match="no rows"):
            await aio.evaluate(model, version, y_true=[], y_pred=[])
        rows = [{"y_true": 1.0, "y_pred": 2.0, "row_id": "twice"}] * 2
        with pytest.raises(InvalidRequest, match="twice"):
            await aio.evaluate_rows(model, version, rows=rows)

    run(service, story)


def test_a_service_that_is_away_is_said_to_be():
    """After its patience a call says that nothing answers."""

    async def story():
        retry = RetryPolicy(seconds=0.2, first_wait=0.05)
        async with Client("127.0.0.1:1", retry=retry) as aio:
            with pytest.raises(ServiceUnavailable):
                await aio.server.info()

    asyncio.run(story())
