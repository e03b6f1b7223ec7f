"""The supervisor with small real processes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project.servers import processes
from project.servers.server import Server
from project.servers.valkey import Valkey
from project.supervisor.child import Child
from project.supervisor.output import Output
from project.supervisor.process import Process
from project.supervisor.supervisor import Stopped, Supervisor

SECONDS = 90.0
SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
FAMILY = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {SLEEP}"


def child(program: str, **options: object) -> Child:
    return Child("kid", (sys.executable, "-c", program), **options)  # type: ignore[arg-type]


class Run:
    """A supervisor whose output goes to a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "output"
        self.handle = os.open(self.file, os.O_WRONLY | os.O_CREAT)
        self.supervisor = Supervisor(Output(self.handle))

    @property
    def text(self) -> str:
        return self.file.read_text()

    def until(self, condition: Callable[[], object]) -> None:
        assert self.supervisor.until(lambda: bool(condition()), SECONDS), self.text


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    with run.supervisor:
        yield run
    os.close(run.handle)


def test_each_line_of_a_child_has_its_name_before_it(run: Run) -> None:
    run.supervisor.keep(child("import sys; print('one'); print('two', file=sys.stderr); input()"))
    run.until(lambda: "kid | one\n" in run.text and "kid | two\n" in run.text)


def test_output_that_is_not_utf8_and_the_last_line_without_an_end_arrive(run: Run) -> None:
    run.supervisor.keep(child(r"import os; os.write(1, b'caf\xe9\nlast')"))
    run.until(lambda: "kid | caf�\n" in run.text and "kid | last\n" in run.text)


def test_a_very_long_line_arrives_whole(run: Run) -> None:
    run.supervisor.keep(child("print('x' * 300_000); import time; time.sleep(600)"))
    run.until(lambda: f"kid | {'x' * 300_000}\n" in run.text)


def test_a_crashed_child_is_started_again_with_growing_pauses(run: Run) -> None:
    process = run.supervisor.keep(child("raise SystemExit(3)"))
    run.until(lambda: process.crashes == 3)
    for pause in ("0.5", "1", "2"):
        assert f"kid ended with exit code 3; starts again in {pause} s" in run.text


def test_a_killed_child_is_told_by_the_signal_and_runs_again(run: Run) -> None:
    process = run.supervisor.keep(child(SLEEP))
    first = process.pid
    processes.send([first or 0], signal.SIGKILL)
    run.until(lambda: process.pid not in (None, first))
    assert "kid was ended by SIGKILL" in run.text


def test_a_restart_leaves_no_children_of_the_crashed_one(run: Run) -> None:
    process = run.supervisor.keep(child(FAMILY))
    run.until(lambda: run.text.count("up") == 2)
    family = processes.family(process.pid or 0)
    processes.send([process.pid or 0], signal.SIGKILL)
    assert len(family) == 2
    run.until(lambda: process.crashes == 1)
    assert processes.wait_gone(family, SECONDS)


def test_a_program_that_is_not_there_is_said_and_tried_again(run: Run) -> None:
    process = run.supervisor.keep(Child("kid", ("/no/such/program",)))
    run.until(lambda: process.crashes == 2)
    assert "kid | /no/such/program can't be started: No such file or directory" in run.text


def test_a_child_is_ready_once_it_says_so_and_again_after_a_crash(run: Run) -> None:
    process = run.supervisor.keep(child(SLEEP, ready_text="up"))
    assert not process.ready
    run.until(lambda: process.ready)
    processes.send([process.pid or 0], signal.SIGKILL)
    run.until(lambda: not process.ready)
    run.until(lambda: process.ready)


def test_a_child_has_no_terminal_and_a_session_of_its_own(run: Run) -> None:
    process = run.supervisor.keep(
        child("import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid()); input()")
    )
    run.until(lambda: "kid | '' True" in run.text)
    assert process.pid != os.getsid(0)


def test_a_child_sees_our_environment_and_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    run.supervisor.keep(child("import os; print(os.environ['OURS'] + os.environ['OWN'])", env={"OWN": "2"}))
    run.until(lambda: "kid | 12\n" in run.text)


def test_a_command_runs_to_its_end_beside_the_others(run: Run) -> None:
    run.supervisor.keep(child("import time\nwhile True: print('tick', flush=True); time.sleep(.01)"))
    lines: list[str] = []
    code = run.supervisor.run(child("import time; time.sleep(.3); print('done'); exit(4)"), lines.append)
    assert (code, lines) == (4, ["done"])
    assert run.text.count("tick") > 1


@pytest.mark.parametrize("program", [SLEEP, STUBBORN, FAMILY])
def test_stopping_leaves_no_process(run: Run, program: str) -> None:
    process = run.supervisor.keep(child(program, grace_seconds=0.5))
    run.until(lambda: run.text.count("up") == (2 if program == FAMILY else 1))
    family = processes.family(process.pid or 0)
    run.supervisor.stop()
    assert not process.running
    assert processes.wait_gone(family, SECONDS)


def test_a_frozen_child_is_stopped_too(run: Run) -> None:
    process = run.supervisor.keep(child(SLEEP))
    pid = process.pid or 0
    processes.send([pid], signal.SIGSTOP)
    run.supervisor.stop()
    assert processes.wait_gone([pid], SECONDS)


def test_a_child_may_take_its_time_and_its_last_words_are_heard(run: Run) -> None:
    program = (
        "import signal, time\n"
        "def leave(*_): time.sleep(.5); print('bye', flush=True); raise SystemExit\n"
        "signal.signal(signal.SIGQUIT, leave); print('up', flush=True); time.sleep(600)"
    )
    run.supervisor.keep(child(program, stop_signal=signal.SIGQUIT, grace_seconds=SECONDS))
    run.until(lambda: "up" in run.text)
    run.supervisor.stop()
    assert run.text.endswith("kid | bye\n")


def test_the_last_started_is_stopped_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Process.ask_to_stop

    def note(process: Process) -> None:
        asked.append(process.name)
        ask(process)

    monkeypatch.setattr(Process, "ask_to_stop", note)
    for name in ("first", "second", "third"):
        run.supervisor.keep(Child(name, (sys.executable, "-c", SLEEP)))
    run.supervisor.stop()
    assert asked == ["third", "second", "first"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait(run: Run, number: signal.Signals) -> None:
    run.supervisor.keep(child(f"import os; os.kill(os.getppid(), {int(number)}); {SLEEP}"))
    with pytest.raises(Stopped):
        run.supervisor.run_for_ever()


def test_a_second_signal_kills_at_once(run: Run) -> None:
    twice = "import os, signal, time; parent = os.getppid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    program = f"{twice}\nfor _ in range(9): os.kill(parent, signal.SIGINT); time.sleep(.2)\n{SLEEP}"
    process = run.supervisor.keep(child(program, grace_seconds=3600))
    with pytest.raises(Stopped):
        run.supervisor.run_for_ever()
    run.supervisor.stop()
    assert not process.running


def test_nobody_reading_the_output_stops_it(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    supervisor = Supervisor(Output(writer))
    with supervisor:
        process = supervisor.keep(
            child("import time\nwhile True: print('tick', flush=True); time.sleep(.01)")
        )
        os.close(reader)
        with pytest.raises(Stopped):
            supervisor.run_for_ever()
    os.close(writer)
    assert not process.running


def test_a_reader_that_hangs_does_not_hinder_the_stop() -> None:
    reader, writer = os.pipe()
    supervisor = Supervisor(Output(writer))
    with supervisor:
        process = supervisor.keep(child("while True: print('x' * 10_000)", grace_seconds=1))
        assert supervisor.until(lambda: supervisor.output.full, SECONDS)
    assert not process.running
    os.close(reader)
    os.close(writer)


def test_a_server_that_was_killed_is_started_again_on_its_port(run: Run, tmp_path: Path) -> None:
    server, noted = Valkey(tmp_path / "vk", "secret"), list[Server]()
    server.start()
    run.supervisor.keep_server(server, noted.append)
    port, pid = server.port, server.pid
    processes.send([pid or 0], signal.SIGKILL)
    run.until(lambda: noted)
    assert f"valkey answers again on port {port}" in run.text
    assert server.pid not in (None, pid)
    run.supervisor.stop()
    assert server.pid is None
