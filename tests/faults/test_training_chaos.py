"""Processes are killed at random while splits are stored, models trained and evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assay.client import Client
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from tests.support.chaos import ORG, WAIT, City
from tests.support.training_rows import texts

HYPERPARAMETERS = {
    "num_train_epochs": 4,
    "do_hyperparam_optimization": True,
    "hp_search_num_trials": 4,
    "do_calibration": True,
}


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A server and two runners."""
    city = City(tmp_path, seed=20261127)
    yield city
    city.close()


@dataclass
class Lives:
    """Projects that each store a dataset, train a model, and evaluate it."""

    city: City
    name: str
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))
    led: list[Future[dict[str, bytes]]] = field(default_factory=list)

    def start(self) -> None:
        """Begin another one."""
        self.led.append(self.threads.submit(self._lead, f"{self.name}-{len(self.led)}"))

    @property
    def busy(self) -> int:
        """How many are under way."""
        return sum(not one.done() for one in self.led)

    def outcomes(self) -> list[dict[str, bytes]]:
        """Wait for all, and return what came of each; raises what went wrong."""
        return [one.result(4 * WAIT) for one in self.led]

    def _lead(self, name: str) -> dict[str, bytes]:
        path, jobs = f"chaos/{name}", {}
        with self.city.client() as client:
            client.models.create(name, "classification", project_path=path)
            dataset = client.datasets.create(name, "text_classification").dataset_id
            for split, table in texts().items():
                change = client.datasets.upload(dataset, split, table)
                jobs[f"the split {split}"] = change.job_id
            trained = client.training.train(path, dataset, hyperparams=HYPERPARAMETERS)
            jobs["the training"] = trained.job_id
            evaluated = client.training.evaluate_version(
                path, dataset, version_id=trained.version_id
            )
            jobs["the evaluation"] = evaluated.job_id
            artifact = self._artifact(client, trained.model_id, trained.version_id)
        return {**{what: self._result(job_id) for what, job_id in jobs.items()}, "it": artifact}

    def _artifact(self, client: Client, model_id: str, version_id: str) -> bytes:
        file = self.city.folder / f"{version_id}.artifact"
        client.training.download_artifact(model_id, version_id, file)
        return file.read_bytes()

    def _result(self, job_id: str) -> bytes:
        with self.city.store.read() as uow:
            job = uow[Jobs].get(ORG, job_id)
        assert job.state is JobState.SUCCEEDED, job
        assert job.result is not None
        return job.result


def play(city: City, *, kills: int, busy: int) -> None:
    """Live in peace, live in chaos, and compare."""
    calm = Lives(city, "calm")
    calm.start()
    (expected,) = calm.outcomes()
    rough = Lives(city, "rough")
    while sum(city.killed.values()) < kills:
        while rough.busy < busy:
            rough.start()
        city.commits(city.random.randint(1, 12))
        city.kill_one()
    found = rough.outcomes()
    print(f"killed {dict(city.killed)} in {len(found)} lives")
    for outcome in found:
        assert outcome.keys() == expected.keys()
        for what, data in outcome.items():
            assert data == expected[what], what


@pytest.mark.slow
@pytest.mark.timeout(1200)  # twenty starts of a process
def test_kills_change_no_bit_of_a_model(city: City) -> None:
    """Killed at random, uploads, trainings, searches and evaluations leave what they leave in peace."""
    play(city, kills=20, busy=2)
    assert set(city.killed) == {"server", "runner", "child"}
