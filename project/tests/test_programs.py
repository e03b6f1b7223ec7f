"""The table of what `manage.py up` runs."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from project.profiles import PROFILES
from project.servers.ports import free_port
from project.supervisor import programs
from project.supervisor.child import Child
from project.supervisor.preparing import prepare
from project.supervisor.programs import Plan
from project.supervisor.readiness import page_answers, port_answers

PLAN = Plan(
    root=Path("/root"), var=Path("/var"), embedded=("postgres", "valkey"),
    workers=((PROFILES[0], ("default", "email")), (PROFILES[3], ("urgent",))), soft_shutdown_seconds=25,
    flower_host="127.0.0.1", flower_prefix="flower", flower_port=5555,
)  # fmt: skip


def row(name: str, plan: Plan = PLAN) -> Child:
    return next(child for child in programs.children(plan) if child.name == name)


def after(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


def test_every_process_of_the_platform_has_a_row() -> None:
    names = [child.name for child in programs.children(PLAN)]
    assert names == ["web", "general", "urgent", "recorder", "beat", "flower"]


def test_flower_can_be_left_out() -> None:
    names = [child.name for child in programs.children(replace(PLAN, flower_port=None))]
    assert "flower" not in names


def test_urgent_jobs_have_a_worker_of_their_own() -> None:
    assert after(row("general").argv, "-Q") == "default,email"
    assert after(row("urgent").argv, "-Q") == "urgent"
    assert after(row("urgent").argv, "--concurrency") == "2"


@pytest.mark.parametrize(("asked", "given"), [(25, 2), (1, 1), (0, 0)])
def test_a_stopped_worker_gives_its_jobs_back_soon(asked: float, given: float) -> None:
    worker = row("general", replace(PLAN, soft_shutdown_seconds=asked))
    assert worker.stop_signal == signal.SIGQUIT
    assert float(worker.env["CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT"]) == given
    assert worker.grace_seconds > given + 5


def test_the_site_opens_no_control_socket_in_the_home_folder() -> None:
    assert "--no-control-socket" in row("web").argv
    assert after(row("web").argv, "--bind") == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("box.example", "http://box.example:8000"),
    ],
)
def test_the_url_is_one_that_a_browser_here_can_open(host: str, url: str) -> None:
    assert replace(PLAN, host=host).web_url == url


def test_flowers_url_has_its_prefix() -> None:
    assert PLAN.flower_url == "http://127.0.0.1:5555/flower"
    assert replace(PLAN, flower_prefix="").flower_url == "http://127.0.0.1:5555"


def test_only_the_asked_for_servers_are_made(tmp_path: Path) -> None:
    plan = replace(PLAN, var=tmp_path, embedded=("valkey",))
    [server] = programs.servers(plan)
    assert (server.name, server.folder) == ("valkey", tmp_path / "valkey")
    assert programs.servers(replace(plan, embedded=())) == []


def test_a_preparation_that_succeeds_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(("diffsettings",))
    assert capsys.readouterr().out == ""


def test_a_preparation_that_fails_says_which_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert not prepare(("no_such_command", "--now"))
    said = capsys.readouterr().out
    assert said.startswith("manage.py no_such_command --now failed:\n")
    assert "Unknown command" in said


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert after(row("web", replace(PLAN, host="::1")).argv, "--bind") == "[::1]:8000"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", ""])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="expected a port from 1 to 65535"):
        call_command("up", f"--port={text}")


def test_where_nobody_listens_nothing_answers() -> None:
    port = free_port(None)
    assert not page_answers("127.0.0.1", port, "/")
    assert not port_answers("127.0.0.1", port)
