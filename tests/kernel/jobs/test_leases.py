"""Owners of leases and the clock they run on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from assay.kernel.jobs.job import Owner
from assay.kernel.jobs.leases import BootClock, is_dead, this_process

SERVER = Path(__file__).parents[3] / "server"
CHILD = """
import sys
from assay.kernel.jobs.leases import this_process
print(this_process("r").text(), flush=True)
sys.stdin.read()
"""


def test_an_owner_reads_back_from_its_text():
    """An owner written into a row reads back as it was."""
    me = this_process("runner-1")
    assert Owner.parse(me.text()) == me
    assert not is_dead(me)


def test_a_killed_process_is_dead():
    """A process lives until it is killed, and is dead from then on, also as a zombie."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SERVER)},
    )
    owner = Owner.parse(child.stdout.readline().strip())
    assert owner.pid == child.pid
    assert not is_dead(owner)
    child.kill()
    child.stdout.read()
    child.wait()
    assert is_dead(owner)
    child.communicate()


def test_a_reused_pid_is_another_process():
    """An owner whose pid now belongs to a process that started later is dead."""
    assert is_dead(replace(this_process(), started="1"))


def test_an_owner_of_an_earlier_boot_is_dead():
    """After a reboot no earlier owner lives."""
    assert is_dead(replace(this_process(), boot_id="earlier"))


def test_nothing_is_said_of_other_hosts():
    """An owner on another host, or in another pid namespace, is not called dead."""
    assert not is_dead(replace(this_process(), host="elsewhere", pid=1, started="1"))


def test_the_boot_clock_goes_forward():
    """The lease clock never goes back, and names its boot."""
    clock = BootClock()
    first, second = clock.seconds(), clock.seconds()
    assert first <= second
    assert clock.boot_id() == BootClock().boot_id() != ""
