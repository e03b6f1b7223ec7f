"""`up` from an empty folder to its end, with small programs and a real Valkey."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from project.servers import processes
from project.servers.ports import free_port, is_free
from project.servers.running import Running
from project.tests.driver import ROOT
from tests.waiting import wait_until

GENEROUS_SECONDS = 120


class Up:
    """One run of `up`; its output goes to a file."""

    def __init__(self, folder: Path, **wishes: Any) -> None:
        self.var = folder / "var"
        self.port = wishes.setdefault("port", free_port(None))
        self.file = folder / f"output{len(list(folder.iterdir()))}"
        argv = [sys.executable, "-m", "project.tests.driver", str(self.var), json.dumps(wishes)]
        with self.file.open("wb") as file:
            self.popen = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def text(self) -> str:
        return self.file.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, text: str) -> None:
        def said() -> bool:
            assert text in self.text or self.popen.poll() is None, self.text
            return text in self.text

        wait_until(said, GENEROUS_SECONDS, repr(text))

    def is_ready(self) -> "Up":
        self.says("ready: ")
        return self

    def family(self) -> list[int]:
        return processes.family(self.popen.pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(GENEROUS_SECONDS)


Start: TypeAlias = Callable[..., Up]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Up] = []

    def start(**wishes: Any) -> Up:
        runs.append(Up(tmp_path, **wishes))
        return runs[-1]

    yield start
    for run in runs:
        family = run.family()
        run.popen.kill()  # its guardian ends the rest
        run.popen.wait()
        assert processes.wait_gone(family[1:], GENEROUS_SECONDS)


def test_it_ends_its_start_with_the_url_and_leaves_nothing_when_asked_to_stop(start: Start) -> None:
    up = start().is_ready()
    assert up.text.splitlines()[-1] == f"ready: {up.url}"
    family = up.family()
    assert len(family) == 6  # itself, its guardian, Valkey and three children
    assert up.end() == 0
    assert processes.wait_gone(family, 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_hang_up_end_it_cleanly_too(start: Start, number: signal.Signals) -> None:
    up = start().is_ready()
    family = up.family()
    assert up.end(number) == 0
    assert processes.wait_gone(family, 30)


def test_other_processes_find_what_runs_and_what_ran(start: Start) -> None:
    up = start(flower_port=free_port(None)).is_ready()
    known = Running.read(up.var)
    assert sorted(known.urls()) == ["flower", "valkey", "web"]
    assert all(known.alive(name) for name in known.entries)
    assert known.url("web") == up.url
    up.end()
    assert list(Running.read(up.var).entries) == ["valkey"]
    assert not Running.read(up.var).alive("valkey")


def test_what_the_preparation_says_is_shown_as_it_is(start: Start) -> None:
    up = start().is_ready()
    assert "\na new password\n" in f"\n{up.text}"


def test_the_demo_is_shown_as_it_is_and_comes_before_ready(start: Start) -> None:
    up = start(demo="print('family  state')").is_ready()
    assert up.text.index("\nfamily  state\n") < up.text.index("\nready: ")


@pytest.mark.parametrize("step", ["prepare", "demo"])
def test_a_step_that_fails_is_shown_and_ends_everything(start: Start, step: str) -> None:
    up = start(**{step: "print('what was wrong'); raise SystemExit(3)"})
    assert up.popen.wait(GENEROUS_SECONDS) == 1
    assert "\nwhat was wrong\n" in f"\n{up.text}"
    assert "failed with exit code 3" in up.text
    assert "ready:" not in up.text
    assert not Running.read(up.var).alive("valkey")


def test_a_site_that_never_comes_up_ends_the_start(start: Start) -> None:
    up = start(web="raise SystemExit('no settings')")
    assert up.popen.wait(GENEROUS_SECONDS) == 1
    assert "web    | no settings" in up.text
    assert "web ended 5 times" in up.text


def test_a_site_that_crashes_later_is_started_again(start: Start) -> None:
    up = start().is_ready()
    web = next(pid for pid in up.family() if str(up.port) in command_line(pid)[-1:])
    os.kill(web, signal.SIGKILL)
    up.says("web was ended by SIGKILL; starts again in 0.5 s")
    wait_until(lambda: not is_free(up.port))


def test_a_second_run_is_refused_and_told_where_the_first_is(start: Start) -> None:
    first = start().is_ready()
    second = start()
    assert second.popen.wait(GENEROUS_SECONDS) == 1
    assert second.text == f"Switchyard is already running (pid {first.popen.pid}), see {first.url}\n"
    assert first.popen.poll() is None


def test_a_busy_port_is_said_and_the_next_one_taken(start: Start) -> None:
    with socket.create_server(("127.0.0.1", free_port(None))) as other:
        busy = other.getsockname()[1]
        up = start(port=busy).is_ready()
    assert f"port {busy} is busy: the site is on " in up.text
    assert f"ready: {up.url}\n" not in up.text


def test_a_server_comes_back_on_its_port_and_is_noted_anew(start: Start) -> None:
    up = start().is_ready()
    before = Running.read(up.var).entries["valkey"]
    os.kill(before.pid, signal.SIGKILL)
    up.says(f"valkey answers again on port {before.port}")
    wait_until(lambda: Running.read(up.var).alive("valkey"))
    assert Running.read(up.var).url("valkey") == before.url


def test_a_killed_run_leaves_nothing_and_the_next_one_waits_for_that(start: Start) -> None:
    first = start().is_ready()
    family = first.family()
    first.popen.kill()
    first.popen.wait()
    second = start(port=first.port).is_ready()
    assert processes.wait_gone(family, 30)
    assert Running.read(second.var).port("valkey") == Running.read(first.var).port("valkey")
    assert "busy" not in second.text


def test_a_server_that_even_the_guardian_left_over_is_ended(start: Start) -> None:
    first = start().is_ready()
    left = Running.read(first.var).entries["valkey"]
    others = [pid for pid in first.family() if pid != left.pid]
    processes.send(others, signal.SIGKILL)
    first.popen.wait()
    assert left.alive
    second = start().is_ready()
    assert f"ended valkey (pid {left.pid}), left over by a killed run" in second.text
    assert not left.alive


def test_a_signal_during_the_preparation_ends_it(start: Start) -> None:
    up = start(prepare="import time; time.sleep(600)")
    wait_until(lambda: len(up.family()) >= 5)
    family = up.family()
    assert up.end(signal.SIGINT) == 0
    assert processes.wait_gone(family, 30)


def test_nobody_reading_its_output_ends_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "project.tests.driver", str(tmp_path / "var")]
    talk = "import time\nwhile True: print('worker@here ready.', flush=True); time.sleep(.05)"
    wishes = json.dumps({"port": free_port(None), "worker": talk})
    with subprocess.Popen([*argv, wishes], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as up:
        assert up.stdout is not None
        wait_until(lambda: b"ready: " in (up.stdout.readline() if up.stdout else b""), GENEROUS_SECONDS)
        family = processes.family(up.pid)
        up.stdout.close()
        assert up.wait(GENEROUS_SECONDS) == 1
        assert up.stderr is not None
        assert up.stderr.read() == b""
    assert processes.wait_gone(family, 30)


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
