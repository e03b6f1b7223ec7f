"""manage.py job, as people type it."""

import getpass
import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from apps.jobs import joblog, submitting
from apps.jobs.acting import cancel
from apps.jobs.joblog import Line
from apps.jobs.linesending import key_of
from apps.jobs.models import Attempt, Job
from apps.jobs.state import redis_error, state_redis
from apps.jobs.submitting import submit
from apps.jobs.tests.acting_tasks import pay_task
from apps.jobs.tests.sample_tasks import add_task
from apps.ledger.management.job import action
from apps.ledger.management.job.reading import newer
from tests.waiting import WorkerProcess, ended, of_test_database, wait_until

ADD, PAY = str(add_task.name), str(pay_task.name)
CLEAN = "apps.cleanup.tasks.cleanup_data_task"


def run(*words: str) -> str:
    out = StringIO()
    call_command("job", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def objects(*words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*words, "--json").splitlines()]


def failing(*words: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        run(*words)
    return error.value


@pytest.fixture
def unpublished(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: what is submitted stays in the outbox."""
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: None)


@pytest.fixture
def ledger(unpublished: None) -> dict[str, Job]:
    """A job in each of several states, the newest last."""
    found: dict[str, Job] = {}
    now = timezone.now()
    for age, (name, state) in enumerate(
        [
            ("ok", "SUCCESS"),
            ("dead", "FAILURE"),
            ("redone", "FAILURE"),
            ("held", "PENDING"),
            ("next", "PENDING"),
        ]
    ):
        job = submit(ADD, kwargs={"left": age}, queue="data" if name == "ok" else "default")
        eta = now + timedelta(hours=1) if name == "held" else None
        Job.objects.filter(id=job.id).update(
            state=state,
            eta=eta,
            submitted_at=now - timedelta(hours=10 - age),
            error="boom" if name == "dead" else "",
        )
        found[name] = job
    Job.objects.filter(id=found["next"].id).update(retry_of=found["redone"].id)
    return found


# --- submit -------------------------------------------------------------------------------------
def test_a_job_is_handed_in_with_all_its_options(unpublished: None) -> None:
    (found,) = objects(
        "submit", ADD, "--kwargs", '{"left": 1}', "--arg", "right=2", "--priority", "7", "--delay", "2h",
        "--expires", "1d", "--queue", "data", "--key", "march", "--tag", "a", "--tag", "b",
    )  # fmt: skip
    job = Job.objects.get(id=found["id"])
    assert (job.kwargs, job.priority, job.queue, job.key, job.tags) == (
        {"left": 1, "right": 2}, 7, "data", "march", ["a", "b"],
    )  # fmt: skip
    assert job.eta is not None
    assert job.expires_at is not None
    assert timedelta(hours=1.9) < job.eta - timezone.now() < timedelta(hours=2.1)
    assert timedelta(hours=23) < job.expires_at - timezone.now() < timedelta(hours=25)
    assert (job.source, job.submitter) == ("command", action.person())


def test_positional_arguments_and_an_eta_are_taken(unpublished: None) -> None:
    eta = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
    (found,) = objects("submit", ADD, "--args", "[1, 2]", "--eta", eta.isoformat())
    job = Job.objects.get(id=found["id"])
    assert (job.args, job.kwargs, job.eta) == ([1, 2], {}, eta)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("amount=5", 5),
        ("note=007", "007"),
        ("note=12", "12"),
        ("note=", ""),
        ("note=a=b", "a=b"),
        ("note=null", "null"),
    ],
)
def test_a_single_argument_is_read_as_its_parameter_wants_it(
    unpublished: None, text: str, value: Any
) -> None:
    (found,) = objects("submit", PAY, "--arg", "amount=1" if text[0] == "n" else "note=x", "--arg", text)
    kwargs = Job.objects.get(id=found["id"]).kwargs
    assert kwargs is not None
    assert kwargs[text.partition("=")[0]] == value


def test_a_living_key_shows_the_job_that_has_it(unpublished: None) -> None:
    first, second = (objects("submit", ADD, "--arg", "left=1", "--key", "k")[0] for _ in range(2))
    assert second == {**first, "existing": True}
    assert Job.objects.count() == 1


def test_a_debounced_job_takes_the_newest_arguments(unpublished: None) -> None:
    quiet = ("--key", "k", "--debounce", "1h", "--at-most", "2h")
    first, second = (objects("submit", ADD, "--arg", f"left={n}", *quiet)[0] for n in (1, 2))
    assert second == {**first, "existing": True}
    assert Job.objects.get().kwargs == {"left": 2}
    (third,) = objects("submit", ADD, "--arg", "left=3", "--key", "k", "--unique", "latest")
    assert Job.objects.get(cancelled_at=None).id == third["id"]


def test_waiting_ends_as_the_job_does(worker: WorkerProcess) -> None:
    (found,) = objects("submit", ADD, "--arg", "left=1", "--wait", "--timeout", "60s")
    assert (found["state"], found["result"]) == ("SUCCESS", 2)


# --- show and list ------------------------------------------------------------------------------
def test_show_tells_all_that_the_ledger_knows(ledger: dict[str, Job]) -> None:
    job = ledger["redone"]
    Attempt.objects.create(
        job_id=job.id, token=1, number=1, started_at=timezone.now(), outcome="failure",
        error_kind="ValueError", error_message="no", worker="w@h",
    )  # fmt: skip
    (found,) = objects("show", job.id)
    assert (found["task"], found["kwargs"], found["state"], found["held"]) == (
        ADD,
        {"left": 2},
        "FAILURE",
        False,
    )
    assert found["retried_as"] == [ledger["next"].id]
    assert [(tried["number"], tried["error_kind"]) for tried in found["tries"]] == [(1, "ValueError")]
    text = run("show", job.id)
    assert f"retried_as         {ledger['next'].id}" in text
    assert "failure  w@h  ValueError: no" in text


def test_show_of_nobody_exits_with_two(db: None) -> None:
    error = failing("show", "nobody")
    assert (str(error), error.returncode) == ("no job has the id nobody", 2)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["next", "held", "redone", "dead", "ok"]),
        (["--limit", "2"], ["next", "held"]),
        (["--state", "failure"], ["redone", "dead"]),
        (["--state", "SUCCESS,FAILURE", "--limit", "9"], ["redone", "dead", "ok"]),
        (["--state", "SUCCESS", "--state", "PENDING"], ["next", "held", "ok"]),
        (["--dead"], ["dead"]),
        (["--held"], ["held"]),
        (["--queue", "data"], ["ok"]),
        (["--task", "none.such"], []),
        (["--since", "7h30m"], None),
        (["--since", "450m"], ["next", "held"]),
        (["--since", "2020-01-01", "--task", ADD], ["next", "held", "redone", "dead", "ok"]),
        (["--since", "2100-01-01T00:00:00Z"], []),
    ],
)
def test_lists_are_narrowed(ledger: dict[str, Job], options: list[str], names: list[str] | None) -> None:
    if names is None:
        assert failing("list", *options).returncode == 2
        return
    found = objects("list", *options)
    assert [job["id"] for job in found] == [ledger[name].id for name in names]


def test_a_list_for_people_has_a_line_for_each_job(ledger: dict[str, Job]) -> None:
    (line,) = run("list", "--dead").splitlines()
    assert all(word in line for word in (ledger["dead"].id, "FAILURE", ADD, "boom"))


def test_a_long_list_is_read_in_steps(unpublished: None) -> None:
    submitting.submit_many(ADD, [{"left": number} for number in range(1200)])
    assert len(objects("list", "--limit", "1100")) == 1100


# --- retry and cancel ---------------------------------------------------------------------------
def test_jobs_run_again_each_as_a_new_one(ledger: dict[str, Job]) -> None:
    old = [ledger["ok"].id, ledger["dead"].id]
    found = objects("retry", *old)
    assert [line["retry_of"] for line in found] == old
    assert Job.objects.filter(retry_of__in=old, source="command", submitter=action.person()).count() == 2
    assert objects("list", "--dead") == []


def test_arguments_are_edited_for_the_new_job(ledger: dict[str, Job]) -> None:
    old = ledger["ok"].id
    for options, kwargs in (
        (["--edit", "right=9"], {"left": 0, "right": 9}),
        (["--kwargs", '{"left": 3}'], {"left": 3}),
        (["--args", "[4]", "--kwargs", "{}"], {}),
        (["--kwargs", '{"left": 3}', "--edit", "left=5"], {"left": 5}),
    ):
        (found,) = objects("retry", old, *options)
        assert Job.objects.get(id=found["id"]).kwargs == kwargs


def test_one_that_cannot_be_retried_does_not_keep_the_others_from_it(ledger: dict[str, Job]) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="2 of 3: not done") as error:
        call_command("job", "retry", "nobody", ledger["next"].id, ledger["ok"].id, "--json", stdout=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [("error" in line) for line in lines] == [True, True, False]
    assert error.value.returncode == 2


def test_a_living_job_is_not_retried_and_exits_with_one(ledger: dict[str, Job]) -> None:
    error = failing("retry", ledger["next"].id)
    assert error.returncode == 1
    assert "is PENDING; only a job that has ended is run again" in str(error)


def test_cancelling_says_who_and_why(ledger: dict[str, Job]) -> None:
    job_id = ledger["next"].id
    (found,) = objects("cancel", job_id, "--why", "no longer wanted")
    assert (found["outcome"], found["state"]) == ("cancelled", "REVOKED")
    note = f"cancelled by {action.person()}: no longer wanted"
    assert Job.objects.get(id=job_id).note == note
    assert run("cancel", job_id) == f"{job_id}: cancelled already\n"


def test_what_cannot_be_cancelled_exits_with_one(ledger: dict[str, Job]) -> None:
    error = failing("cancel", ledger["ok"].id)
    assert (error.returncode, str(error)) == (1, f"{ledger['ok'].id}: ended already: SUCCESS")
    assert failing("cancel", "nobody", "--json").returncode == 2
    assert failing("cancel", ledger["next"].id, "--why", "x" * 2000).returncode == 2


def test_an_account_without_a_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert action.person() == ""


# --- logs ---------------------------------------------------------------------------------------
def log(job_id: str, *numbers: int, attempt: int = 1) -> None:
    for number in numbers:
        line = [attempt, number, 1_700_000_000.5, "WARNING", "shop", f"line {number}"]
        state_redis().rpush(key_of(job_id), json.dumps(line))


def test_the_lines_of_a_job_are_shown(ledger: dict[str, Job]) -> None:
    job_id = ledger["ok"].id
    log(job_id, 1, 2)
    assert run("logs", job_id).splitlines()[0].endswith(".500+00:00 #1 WARNING shop: line 1")
    assert [line["message"] for line in objects("logs", job_id)] == ["line 1", "line 2"]
    assert objects("logs", job_id)[0]["attempt"] == 1


def test_lines_outlive_the_ledgers_row_and_nobody_has_none(db: None, ledger: dict[str, Job]) -> None:
    log("forgotten", 1)
    assert len(objects("logs", "forgotten")) == 1
    assert run("logs", ledger["dead"].id) == ""
    assert failing("logs", "nobody").returncode == 2
    assert failing("logs", "a\x00b").returncode == 2


def follow(job_id: str, out: StringIO) -> None:
    call_command("job", "logs", job_id, "--follow", stdout=out)
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_following_shows_new_lines_until_the_job_has_ended(unpublished: None) -> None:
    job = submit(ADD, kwargs={"left": 1})
    log(job.id, 1)
    out = StringIO()
    follower = threading.Thread(target=follow, args=(job.id, out), daemon=True)
    follower.start()
    wait_until(lambda: "line 1" in out.getvalue(), 10)
    log(job.id, 2, 3)
    wait_until(lambda: "line 3" in out.getvalue(), 10)
    Job.objects.filter(id=job.id).update(state="SUCCESS")
    log(job.id, 4)  # comes after the end
    follower.join(10)
    assert [text[-6:] for text in out.getvalue().splitlines()] == ["line 1", "line 2", "line 3", "line 4"]


def test_following_goes_on_after_lines_that_had_to_go() -> None:
    now = timezone.now()
    lines = [Line(1, number, now, "INFO", "shop", "") for number in range(9)]
    assert newer(lines, lines[:4]) == lines[4:]
    assert newer(lines, []) == lines
    assert newer(lines[5:], lines[:2]) == lines[5:]
    assert newer(lines, lines) == []


def test_without_redis_there_are_no_lines(ledger: dict[str, Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(job_id: str) -> None:
        raise redis_error()("nobody there")

    monkeypatch.setattr(joblog, "read", away)
    error = failing("logs", ledger["ok"].id)
    assert (error.returncode, "can't be reached: nobody there" in str(error)) == (1, True)


# --- As a process -------------------------------------------------------------------------------
def process(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | of_test_database()
    argv = [sys.executable, "manage.py", "job", *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_exit_codes_and_streams_are_what_scripts_need(worker: WorkerProcess) -> None:
    done = process("submit", CLEAN, "--arg", "dry_run=true", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    job_id = json.loads(done.stdout)["id"]
    assert ended(job_id).state == "SUCCESS"
    late, bad, odd = process("cancel", job_id), process("submit", ADD, "--priority", "12"), process("dance")
    assert (late.returncode, bad.returncode, odd.returncode) == (1, 2, 2)
    assert "--priority: expected a whole number from 0 to 9, got '12'" in bad.stderr
    assert late.stdout == bad.stdout == ""


def test_a_job_retried_at_the_terminal_runs(worker: WorkerProcess) -> None:
    job = submit(ADD, kwargs={"left": 1})
    wait_until(lambda: Job.objects.get(id=job.id).state == "SUCCESS")
    (found,) = objects("retry", job.id, "--edit", "left=41")
    assert ended(found["id"]).result == 42


def test_a_cancelled_job_never_runs(worker: WorkerProcess) -> None:
    job = submit(ADD, kwargs={"left": 1}, delay=timedelta(seconds=2))
    wait_until(lambda: Job.objects.get(id=job.id).published_at is not None)
    assert cancel(job.id, by="alice").outcome == "cancelled"
    later = submit(ADD, kwargs={"left": 1}, delay=timedelta(seconds=3))
    wait_until(lambda: Job.objects.get(id=later.id).state == "SUCCESS")
    found = Job.objects.get(id=job.id)
    assert (found.state, found.attempts, found.started_at) == ("REVOKED", 0, None)
