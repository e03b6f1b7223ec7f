"""What a killed process of ours started does not outlive it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from project.servers import processes
from project.servers.guarding import ROOT
from tests.waiting import wait_until

OWNER = """
import subprocess, sys, signal, time
from project.servers.guarding import guard
{body}
print("ready", flush=True)
time.sleep(600)
"""
WATCH = """
child = subprocess.Popen([sys.executable, "-c", {program!r}], start_new_session=True,
                         stdout=subprocess.PIPE)
child.stdout.readline()
guard().watch(child.pid, signal.SIGTERM, 1, 0)
print(child.pid, flush=True)
"""
SLEEP = "import time; print(flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
FAMILY = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); {SLEEP}"

Owner: TypeAlias = "subprocess.Popen[str]"


@pytest.fixture
def run() -> Iterator[Callable[[str], tuple[Owner, list[int]]]]:
    """Starts an owner; returns it with the process ids that it told."""
    owners: list[Owner] = []

    def start(body: str) -> tuple[Owner, list[int]]:
        argv = [sys.executable, "-c", OWNER.format(body=body)]
        owners.append(subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        assert owners[-1].stdout is not None
        told = list(iter(owners[-1].stdout.readline, "ready\n"))
        return owners[-1], [int(line) for line in told]

    yield start
    for owner in owners:
        processes.kill_family(owner.pid)
        owner.communicate()


Run: TypeAlias = Callable[[str], tuple[Owner, list[int]]]


@pytest.mark.parametrize("program", [SLEEP, STUBBORN, FAMILY])
def test_what_was_watched_ends_with_a_killed_owner(run: Run, program: str) -> None:
    owner, [child] = run(WATCH.format(program=program))
    family = processes.family(child)
    owner.kill()
    owner.wait()
    assert processes.wait_gone(family, 60)


def test_what_was_released_lives_on(run: Run) -> None:
    owner, [watched, released] = run(
        WATCH.format(program=SLEEP) + WATCH.format(program=SLEEP) + "guard().release(child.pid)"
    )
    owner.kill()
    owner.wait()
    assert processes.wait_gone([watched], 60)
    assert processes.alive(released)
    processes.kill_family(released)


def test_a_frozen_process_ends_too(run: Run) -> None:
    owner, [child] = run(WATCH.format(program=SLEEP))
    processes.send([child], signal.SIGSTOP)
    owner.kill()
    owner.wait()
    assert processes.wait_gone([child], 60)


def test_a_guardian_that_was_killed_is_replaced_at_the_next_need(run: Run) -> None:
    kill_it = "guard()._process.kill(); guard()._process.wait()\n"
    owner, children = run(WATCH.format(program=SLEEP) + kill_it + WATCH.format(program=SLEEP))
    owner.kill()
    owner.wait()
    assert processes.wait_gone(children, 60)


def test_threads_share_one_guardian(run: Run) -> None:
    start = """
from concurrent.futures import ThreadPoolExecutor
children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(8)]
with ThreadPoolExecutor() as pool:
    list(pool.map(lambda child: guard().watch(child.pid, signal.SIGTERM, 1, 0), children))
for child in children: print(child.pid)
"""
    owner, children = run(start)
    assert len(processes.family(owner.pid)) == 1 + 8 + 1
    owner.kill()
    owner.wait()
    assert processes.wait_gone(children, 60)


def test_what_uses_a_server_ends_before_the_server(run: Run, tmp_path: Path) -> None:
    program = (
        "import signal, sys, time, pathlib\n"
        "def leave(*_):\n"
        "    with pathlib.Path({file!r}).open('a') as file: file.write({word!r})\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); print(flush=True); time.sleep(600)"
    )
    file = tmp_path / "order"
    server, client = (program.format(file=str(file), word=word) for word in ("server ", "client "))
    body = WATCH.format(program=server).replace("SIGTERM, 1, 0", "SIGTERM, 30, 1")
    owner, children = run(body + WATCH.format(program=client).replace("SIGTERM, 1, 0", "SIGTERM, 30, 0"))
    owner.kill()
    owner.wait()
    assert processes.wait_gone(children, 60)
    wait_until(lambda: file.read_text() == "client server ")


def test_the_guardian_leaves_with_an_owner_that_ends_by_itself(run: Run) -> None:
    owner, [child, guardian] = run(WATCH.format(program=SLEEP) + "print(guard()._process.pid)")
    owner.send_signal(signal.SIGINT)
    owner.wait()
    assert processes.wait_gone([child, guardian], 60)
