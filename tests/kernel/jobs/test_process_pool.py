"""The pool survives its children, and its children never survive it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from assay.features.evaluations.ingest import ingest_chunk
from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.kernel.errors import BadFile, BadPredictions, TooLarge, Unavailable
from assay.kernel.jobs.executors.base import (
    AbandonedError,
    ChildKilledError,
    PoolBrokenError,
    PoolClosedError,
)
from assay.kernel.jobs.executors.process_pool import LocalPool
from assay.kernel.jobs.executors.worker import RemoteError
from assay.records import encode as encode_record
from assay.settings import COMPUTE_ENVIRONMENT
from assay.tabular.arrow import encode
from tests.support import job_kinds as tasks
from tests.support.evaluation_in_process import asked_for

PATIENCE = 30.0
ROOT = Path(__file__).parents[3]


def test_tasks_run_in_children(pool: LocalPool) -> None:
    """A task runs in another process than the one that submits it."""
    assert pool.submit(tasks.pid).result(PATIENCE) in pool.pids()
    assert os.getpid() not in pool.pids()


def test_tasks_can_be_awaited(pool: LocalPool) -> None:
    """A coroutine awaits a task's result without holding its event loop."""
    assert asyncio.run(pool.run(tasks.allocate, 10)) == 10


def test_refusals_cross_the_border(pool: LocalPool) -> None:
    """A refusal raised in a child arrives with its type, message and metadata."""
    error = pool.submit(tasks.act, "refuse", {}).exception(PATIENCE)
    assert isinstance(error, BadPredictions)
    assert error.metadata == {"row": "7"}


def test_exceptions_that_cannot_be_unpickled_do_no_harm(pool: LocalPool) -> None:
    """An exception that pickles badly arrives as its traceback, and the children live on."""
    pool.warm_up()  # whoever was killed by an earlier test has a successor
    before = pool.pids()
    error = pool.submit(tasks.raise_unpicklable).exception(PATIENCE)
    assert isinstance(error, RemoteError)
    assert "Odd" in str(error)
    assert pool.pids() == before


def test_a_killed_child_costs_no_task(pool: LocalPool, tmp_path: Path) -> None:
    """When a child is killed in the middle of a task, the task is run again and answers."""
    os.mkfifo(tmp_path / "gate")
    waiting = pool.submit(tasks.wait_for, str(tmp_path / "gate"))
    with (tmp_path / "gate").open("wb"):  # opens when the child waits at the other end
        victim = int((tmp_path / "gate.pid").read_text())
        kill(victim)
    with (tmp_path / "gate").open("wb"):  # the second run waits there too
        pass
    assert waiting.result(PATIENCE) != victim
    assert pool.submit(tasks.pid).result(PATIENCE) in pool.pids()


def test_children_killed_while_idle_cost_no_task(pool: LocalPool) -> None:
    """Tasks handed out just as an idle child is killed are run by another one, again and again."""
    for _ in range(4):
        for victim in pool.pids():
            os.kill(victim, signal.SIGKILL)
        sizes = [pool.submit(tasks.allocate, size) for size in range(8)]
        assert [one.result(PATIENCE) for one in sizes] == list(range(8))


def test_an_abandoned_task_is_stopped_and_others_are_unharmed(
    pool: LocalPool, tmp_path: Path
) -> None:
    """A task that is given up ends with its process; one of somebody else goes on in its own."""
    for name in ("long", "other"):
        os.mkfifo(tmp_path / name)
    long, other = (pool.submit(tasks.wait_for, str(tmp_path / name)) for name in ("long", "other"))
    waiting = pool.submit(tasks.pid)
    with (tmp_path / "other").open("wb"):
        pool.abandon([long, waiting])
        assert isinstance(long.exception(PATIENCE), AbandonedError)
        assert isinstance(waiting.exception(PATIENCE), AbandonedError)
        kept = int((tmp_path / "other.pid").read_text())
        assert not other.done()
    assert other.result(PATIENCE) == kept
    assert pool.submit(tasks.pid).result(PATIENCE) in pool.pids()


def test_a_short_abandoned_task_costs_no_process(pool: LocalPool) -> None:
    """A task that ends by itself soon after it was given up leaves its child alive."""
    assert pool.submit(tasks.pid).result(PATIENCE)
    pool.warm_up()  # whoever was killed by an earlier test has a successor
    before = pool.pids()
    for _ in range(20):
        pool.abandon([pool.submit(tasks.allocate, 1_000)])
    assert pool.submit(tasks.pid).result(PATIENCE) in before
    assert pool.pids() == before


def test_a_closing_pool_does_not_wait_for_what_was_abandoned(tmp_path: Path) -> None:
    """A pool closes although a task that nobody waits for would never end."""
    os.mkfifo(tmp_path / "gate")
    pool = LocalPool(workers=1)
    long = pool.submit(tasks.wait_for, str(tmp_path / "gate"))
    with (tmp_path / "gate").open("wb"):  # it runs now
        pool.abandon([long])
        closing = threading.Thread(target=pool.close)
        closing.start()
        closing.join(PATIENCE)
        assert not closing.is_alive()


def test_a_pool_that_cannot_start_children_says_so_and_tries_again(tmp_path: Path) -> None:
    """While no child can be started tasks fail as not run; once one can be the pool works again."""
    module = tmp_path / "late_module.py"
    pool = LocalPool(workers=1, preload=("late_module",))
    sys.path.insert(0, str(tmp_path))  # children look where their parent does
    try:
        with pytest.raises(RuntimeError, match="before they are ready"):
            pool.warm_up()
        assert not pool.is_usable
        assert isinstance(pool.submit(tasks.pid).exception(PATIENCE), PoolBrokenError)
        module.write_text("")
        until(lambda: pool.is_usable)
        assert pool.is_usable
        assert pool.submit(tasks.pid).result(PATIENCE) in pool.pids()
    finally:
        sys.path.remove(str(tmp_path))
        pool.close()


def test_what_is_awaited_does_not_wait_behind_others(tmp_path: Path) -> None:
    """A task that a caller awaits is run before the tasks that were submitted earlier."""
    os.mkfifo(tmp_path / "gate")
    pool = LocalPool(workers=1)
    pool.submit(tasks.wait_for, str(tmp_path / "gate"))

    async def times() -> tuple[float, list[float]]:
        with (tmp_path / "gate").open("wb"):  # the only child is busy until this is closed
            others = [pool.submit(time.monotonic) for _ in range(5)]
            awaited = asyncio.ensure_future(pool.run(time.monotonic))
            await asyncio.sleep(0)  # lets it be sent, behind the tasks
        return await awaited, await asyncio.gather(*map(asyncio.wrap_future, others))

    awaited, others = asyncio.run(times())
    pool.close()
    assert awaited < min(others)


def test_what_kills_twice_is_refused_and_others_are_not(pool: LocalPool) -> None:
    """A task that kills its process in the pool and in quarantine is refused; the others answer."""
    parent = os.getpid()
    poison = pool.submit(tasks.kill_self)
    others = [pool.submit(tasks.allocate, size) for size in range(20)]
    error = poison.exception(PATIENCE)
    assert isinstance(error, ChildKilledError)
    assert isinstance(error, BadFile)
    assert [other.result(PATIENCE) for other in others] == list(range(20))
    assert os.getpid() == parent


def test_children_have_a_memory_limit(pool: LocalPool) -> None:
    """A task that needs more memory than its child may have is refused, and the child lives on."""
    pool.warm_up()  # whoever was killed by an earlier test has a successor
    before = pool.pids()
    error = pool.submit(tasks.allocate, 3 << 30).exception(PATIENCE)
    assert isinstance(error, TooLarge)
    assert "ASSAY_COMPUTE_MEMORY_BYTES" in error.message
    assert pool.pids() == before


def test_children_outlive_the_thread_that_submitted(pool: LocalPool) -> None:
    """Children stay when a submitting thread ends, though the kernel ties them to a thread."""
    assert pool.submit(tasks.pid).result(PATIENCE)
    pool.warm_up()  # whoever was killed by an earlier test has a successor
    before = pool.pids()
    thread = threading.Thread(target=lambda: pool.submit(tasks.pid).result(PATIENCE))
    thread.start()
    thread.join(PATIENCE)
    assert pool.submit(tasks.pid).result(PATIENCE) in before


def test_children_compute_in_one_numeric_environment(pool: LocalPool) -> None:
    """Children are started with one BLAS thread and a fixed set of CPU features."""
    for name, value in COMPUTE_ENVIRONMENT.items():
        assert pool.submit(tasks.setting, name).result(PATIENCE) == value


def test_a_closed_pool_gives_up_what_waits(tmp_path: Path) -> None:
    """Closing a pool ends its children, and fails what had not begun as not run."""
    os.mkfifo(tmp_path / "gate")
    pool = LocalPool(workers=1)
    begun = pool.submit(tasks.wait_for, str(tmp_path / "gate"))
    waiting = [pool.submit(tasks.pid) for _ in range(5)]
    with (tmp_path / "gate").open("wb"):
        closing = threading.Thread(target=pool.close)
        closing.start()
    closing.join(PATIENCE)
    assert begun.result(PATIENCE)
    assert isinstance(waiting[-1].exception(PATIENCE), PoolClosedError)
    with pytest.raises(PoolClosedError):
        pool.submit(tasks.pid)
    with pytest.raises(Unavailable, match="Try again"):  # a caller who waits can do that
        asyncio.run(pool.run(tasks.pid))


PARENT = """
import os
import sys
import time
from assay.kernel.jobs.executors.process_pool import LocalPool
from tests.support import job_kinds as tasks
if __name__ == "__main__":
    pool = LocalPool(workers=2)
    pool.warm_up()
    os.mkfifo(sys.argv[1])
    pool.submit(tasks.wait_for, sys.argv[1])
    while not os.path.exists(sys.argv[1] + ".pid"):
        time.sleep(0.01)
    print(*pool.pids(), flush=True)
    sys.stdin.read()
"""


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    """Kill -9 of the parent leaves no child behind, neither an idle one nor one in a task."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "gate")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'client'}:{ROOT / 'server'}:{ROOT}"},
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait(PATIENCE)
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert not alive
    parent.stdout.close()
    parent.stdin.close()


def test_a_pool_outlives_the_process_that_its_children_are_forks_of() -> None:
    """When the fork server is killed its children are too, and the pool goes on with another."""
    # In a process of its own: the tests of this one fork from one server.
    owner = multiprocessing.get_context("forkserver").Process(target=_lose_the_fork_server)
    owner.start()
    owner.join(PATIENCE)
    assert owner.exitcode == 0


def _lose_the_fork_server() -> None:
    pool = LocalPool(workers=2)
    pool.warm_up()
    before = pool.pids()
    children = [psutil.Process(pid) for pid in before]
    (server,) = {child.ppid() for child in children}
    assert server not in {os.getpid(), os.getppid()}
    kill(server)
    pids = [pool.submit(tasks.pid).result(PATIENCE) for _ in range(4)]
    assert not before.intersection(pids)
    _, alive = psutil.wait_procs(children, PATIENCE)
    assert not alive
    pool.close()


def test_decoding_a_chunk_imports_no_pandas(pool: LocalPool) -> None:
    """A child's first chunk does not wait for pandas, which pyarrow would import by itself."""
    table = pa.table({"y_true": ["a", "b"], "y_pred": ["a", "b"], "row_id": [1, 2]})
    spec = encode_record(asked_for(EvaluationSpec(task_type=TaskType.CLASSIFICATION)))
    assert pool.submit(ingest_chunk, spec, encode(table), 0).result(PATIENCE).rows == 2
    loaded = [pool.submit(tasks.has_module, "pandas").result(PATIENCE) for _ in range(4)]
    assert not any(loaded)


def until(true: Callable[[], bool]) -> None:
    """Wait until something that nobody tells of is true."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError


def kill(pid: int) -> None:
    """Kill a process, and wait until it has let go of all it held."""
    handle = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([handle], [], [], PATIENCE)[0]
    finally:
        os.close(handle)
