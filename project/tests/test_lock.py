"""One run at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project.servers.guarding import ROOT
from project.supervisor import lock
from project.supervisor.lock import AlreadyRunningError

HOLDER = """
import sys, time
from pathlib import Path
from project.supervisor import lock
handle = lock.take(Path(sys.argv[1]), print)
if sys.argv[2:]:
    import subprocess
    subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[handle])
print("locked", flush=True)
input()
"""


def hold(var: Path, *more: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", HOLDER, str(var), *more]
    holder = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    return holder


def test_the_lock_is_free_again_once_it_is_closed(tmp_path: Path) -> None:
    for _ in range(2):
        os.close(lock.take(tmp_path / "var", pytest.fail))


def test_a_second_run_learns_the_pid_of_the_first(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    with pytest.raises(AlreadyRunningError, match=str(holder.pid)) as caught:
        lock.take(tmp_path, pytest.fail)
    assert caught.value.pid == holder.pid
    holder.communicate("\n")


def test_a_killed_run_leaves_the_lock_free(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    holder.kill()
    holder.communicate()
    os.close(lock.take(tmp_path, pytest.fail))


def test_after_a_killed_run_its_last_process_is_waited_for(tmp_path: Path) -> None:
    holder = hold(tmp_path, "and a child that keeps the lock until its input closes")
    holder.kill()
    holder.wait()
    said: list[str] = []

    def let_it_go(text: str) -> None:
        said.append(text)
        holder.communicate()

    os.close(lock.take(tmp_path, let_it_go))
    assert said == [f"the last run (pid {holder.pid}) was killed; waiting until its processes have ended"]


def test_the_wait_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.3)
    holder = hold(tmp_path, "and a child")
    holder.kill()
    holder.wait()
    with pytest.raises(AlreadyRunningError):
        lock.take(tmp_path, lambda _: None)
    holder.communicate()
