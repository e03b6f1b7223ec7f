"""docker/entrypoint.sh with the words that compose gives it, on real servers."""

import re
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import psycopg
import pytest

from project.servers.ports import free_port
from project.servers.processes import family, wait_gone
from project.topology import QUEUES, URGENT
from tests.docker.channels import channel, management, waiting
from tests.docker.composition import DOCKER, environment, services
from tests.docker.conftest import Begin
from tests.docker.stack import Container, Stack
from tests.waiting import wait_until

SCRIPT = DOCKER / "entrypoint.sh"
SUBMIT = """
from tests.docker.jobs import add_task, slow_task
job = {job}
print(job.id)
"""


@pytest.fixture
def empty_queues(stack: Stack) -> None:
    with channel(stack, "topology") as link:
        for row in QUEUES:
            link.queue_purge(row.name)


def get(port: str, path: str, host: str = "localhost") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, ""


def consumers(stack: Stack) -> dict[str, int]:
    with channel(stack, "topology") as link:
        return {row.name: link.queue_declare(row.name, passive=True).consumer_count for row in QUEUES}


def test_the_script_is_plain_shell() -> None:
    for script in (SCRIPT, DOCKER / "postgres" / "role.sh"):
        subprocess.run(["/bin/sh", "-n", script], check=True)


def test_migrate_prepares_everything_and_tells_where_to_go(stack: Stack) -> None:
    """It has run once, when the servers started; the first time it also told a password."""
    assert "Sign in to the admin as admin with the password" in stack.first_words
    said = stack.run("migrate")
    assert "http://localhost:8000" in said
    assert "password" not in said
    with psycopg.connect(stack.url("database_url")) as link:
        assert link.execute("SELECT count(*) FROM auth_user").fetchone() == (1,)
        assert (link.execute("SELECT count(*) FROM django_celery_beat_periodictask").fetchone() or (0,))[
            0
        ] > 0


def test_the_site_is_no_superuser_of_the_database(stack: Stack) -> None:
    with psycopg.connect(stack.url("database_url")) as link:
        row = link.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert row.fetchone() == (False, False, False)


def test_any_other_word_is_a_manage_py_command(stack: Stack) -> None:
    said = stack.run("web", "check", "--deploy", "--fail-level", "ERROR")
    assert re.findall(r"\(\w+\.\w+\)", said) == ["(security.W008)"], "http is on until a proxy is there"
    assert "--plan" in stack.run("web", "migrate", "--help")


def test_an_unknown_word_is_an_error(stack: Stack) -> None:
    done = subprocess.run(
        [SCRIPT, "wrok"], env=stack.environment("web"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "worker" in done.stderr or "Unknown command" in done.stderr


@pytest.mark.parametrize(
    ("service", "limit"), [("web", "30s"), ("beat", "30s"), ("worker", "5min"), ("recorder", "5min")]
)
def test_limits_of_the_database_differ_by_service(stack: Stack, service: str, limit: str) -> None:
    options = environment(service)["PGOPTIONS"]
    with psycopg.connect(stack.url("database_url"), options=options) as link:
        assert link.execute("SHOW statement_timeout").fetchone() == (limit,)
        assert link.execute("SHOW lock_timeout").fetchone() == ("5s",)


def test_the_site_answers_and_stops(stack: Stack, begin: Begin) -> None:
    port = str(free_port(None))
    web = begin("web", WEB_PORT=port)
    assert get(port, "/health/live") == (200, '{"status": "ok"}')
    status, said = get(port, "/health/ready")
    assert (status, "not ready" in said) == (200, False)
    assert get(port, "/health/live", host="evil.example.com")[0] == 400
    workers = family(web.pid)
    assert len(workers) == 1 + int(web.environment["WEB_CONCURRENCY"])
    assert web.stop() == 0
    assert wait_gone(workers, 10)


def test_workers_share_the_queues(stack: Stack, begin: Begin) -> None:
    """A queue that is added to project/topology.py needs no change here."""
    worker = begin("worker")
    ordinary = {row.name: 0 if row.name == URGENT else 1 for row in QUEUES}
    wait_until(lambda: consumers(stack) == ordinary, 20, "the ordinary queues to have a worker")
    urgent = begin("urgent")
    wait_until(lambda: set(consumers(stack).values()) == {1}, 20, "every queue to have a worker")
    assert len(family(worker.pid)) == 1 + 4
    assert len(family(urgent.pid)) == 1 + 2


def test_a_worker_can_keep_to_one_queue(stack: Stack, begin: Begin) -> None:
    begin("worker", "--queues", "email")
    only_email = {row.name: int(row.name == "email") for row in QUEUES}
    wait_until(lambda: consumers(stack) == only_email, 20, "the worker to be on its queue alone")


def test_a_worker_of_threads_is_one_process_for_its_queues(stack: Stack, begin: Begin) -> None:
    threads = begin("io")
    expected = {row.name: int(row.name in {"email", "notification"}) for row in QUEUES}
    wait_until(lambda: consumers(stack) == expected, 20, "the worker to be on its queues")
    assert len(family(threads.pid)) == 1
    wait_until(threads.healthy, 10, "it to be healthy")
    threads.stop()


@pytest.mark.usefixtures("empty_queues")
def test_a_stopped_worker_lets_a_short_job_finish_and_gives_a_long_one_back(
    stack: Stack, begin: Begin, tmp_path: Path
) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    worker = begin("worker", "--include", "tests.docker.jobs", CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT="4")
    for mark, seconds in ((short, 2), (long, 300)):
        stack.shell("web", SUBMIT.format(job=f"slow_task.delay({str(mark)!r}, {seconds})"))
        wait_until(mark.exists, 20, "the job to start")
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < int(services()["worker"]["stop_grace_period"].removesuffix("s"))
    assert short.read_text() == "started\ndone\n"
    assert long.read_text() == "started\n"
    wait_until(lambda: waiting(stack, "default") == 1, 20, "the long job to be back in its queue")


def test_beat_sends_what_is_due(stack: Stack, begin: Begin) -> None:
    script = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
each, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.get_or_create(name="probe", task="celery.backend_cleanup", interval=each)
"""
    stack.shell("web", script)
    beat = begin("beat")
    wait_until(lambda: "1 schedules fired" in beat.said(), 60, "beat to fire")
    fired = "from apps.jobs import Job; print(Job.objects.filter(schedule='probe').exists())"
    assert stack.shell("web", fired) == "True"
    stack.shell(
        "web", "from django_celery_beat.models import *; PeriodicTask.objects.filter(name='probe').delete()"
    )
    assert beat.stop() == 0


def test_flower_sees_the_workers_and_asks_for_its_password(stack: Stack, begin: Begin) -> None:
    begin("worker")
    port = str(free_port(None))
    flower = begin("flower", FLOWER_PORT=port)
    wait_until(flower.healthy, 30, "Flower to answer")
    assert get(port, "/")[0] == 401
    name, _, password = stack.url("flower_basic_auth").partition(":")
    assert "general@" in ask_flower(port, name, password)
    assert not any("REFUSED" in line for line in flower.said().splitlines())
    assert management(stack, "whoami")["name"] == "monitor"


def ask_flower(port: str, name: str, password: str) -> str:
    login = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    login.add_password(None, f"http://127.0.0.1:{port}", name, password)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(login))

    def look() -> str:
        text = opener.open(f"http://127.0.0.1:{port}/workers?json=1", timeout=10).read().decode()
        return text if "general@" in text else ""

    return wait_until(look, 30, "Flower to know the worker")


def test_temporary_files_go_to_the_disk(stack: Stack) -> None:
    script = "import tempfile; print(tempfile.gettempdir())"
    assert stack.shell("web", script) == str(stack.files / "tmp")


def test_a_wrong_variable_is_told_in_one_line(stack: Stack) -> None:
    worker = Container(stack, "worker", CELERY_WORKER_CONCURRENCY="many")
    done = subprocess.run(worker.argv, env=worker.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CELERY_WORKER_CONCURRENCY" in done.stderr
    assert "Traceback" not in done.stderr
