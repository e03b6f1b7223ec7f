"""Knowing processes by their ids, and signalling whole families."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.servers import processes
from tests.waiting import wait_until

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def parent(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a child of its own, both working in tmp_path."""
    argv = [sys.executable, "-c", PARENT.format(child=SLEEP)]
    popen = subprocess.Popen(argv, cwd=tmp_path, start_new_session=True)
    wait_until(lambda: len(processes.family(popen.pid)) == 2)
    yield popen
    processes.kill_family(popen.pid)
    popen.wait()


def test_a_family_is_the_process_and_all_that_descend_from_it(parent: "subprocess.Popen[bytes]") -> None:
    family = processes.family(parent.pid)
    assert family[0] == parent.pid
    assert set(family) < set(processes.family(os.getpid()))


def test_killing_a_family_leaves_none_of_it(parent: "subprocess.Popen[bytes]") -> None:
    family = processes.family(parent.pid)
    processes.kill_family(parent.pid)
    parent.wait()
    assert processes.wait_gone(family, 30)


def test_a_process_that_ended_is_not_alive_even_before_its_parent_looked() -> None:
    popen = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: not processes.alive(popen.pid))
    assert popen.returncode is None
    popen.wait()


def test_an_id_used_again_is_not_taken_for_the_process_before() -> None:
    start = processes.started(os.getpid())
    assert start
    assert processes.alive(os.getpid(), start)
    assert not processes.alive(os.getpid(), f"{start}0")


def test_processes_are_found_by_the_folder_they_work_in(
    parent: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    command = Path(f"/proc/{parent.pid}/comm").read_text().strip()
    assert processes.working_in(tmp_path, command) == processes.family(parent.pid)
    assert processes.working_in(tmp_path, "no-such-program") == []


def test_signals_to_what_is_gone_are_passed_over() -> None:
    popen = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    popen.wait()
    processes.send([popen.pid], signal.SIGTERM)
    processes.send_group(popen.pid, signal.SIGTERM)
    processes.kill_family(popen.pid)
    assert processes.started(popen.pid) is None


def test_without_proc_the_same_is_learned_from_ps(
    parent: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = processes.family(parent.pid)
    monkeypatch.setattr(processes, "PROC", tmp_path / "none")
    assert processes.family(parent.pid) == family
    start = processes.started(parent.pid)
    assert start
    assert processes.alive(parent.pid, start)
    assert not processes.alive(parent.pid, "Thu Jan  1 00:00:00 1970")
