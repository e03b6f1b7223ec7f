"""What can't be a limit or a pause is refused, with the field and what was expected."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.gate.checks import errors_of
from apps.gate.models import LimitSetting, Pause
from apps.gate.pausing import pause, resume
from apps.gate.tests.limited_tasks import plain_task
from apps.jobs.errors import ArgumentError
from apps.jobs.limits import Breaker, Concurrency, Rate

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Rate(0), "limit"),
        (lambda: Rate(True), "limit"),
        (lambda: Rate(1, per_seconds=0), "per_seconds"),
        (lambda: Rate(1, burst=-1), "burst"),
        (lambda: Rate(1, key="customer"), "key"),  # type: ignore[arg-type]
        (lambda: Rate(1, share=("",)), "share"),
        (lambda: Rate(1, name="x" * 101), "name"),
        (lambda: Concurrency(1, lease_seconds=0), "lease_seconds"),
        (lambda: Breaker(0), "failures"),
        (lambda: Breaker(1, wait_seconds=float("nan")), "wait_seconds"),
    ],
)
def test_a_limit_that_is_none(make: Any, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: expected"):
        make()


@pytest.mark.parametrize(
    ("what", "name", "field"),
    [
        ("worker", "", "what"),
        ("queue", "emial", "name"),
        ("task", "no.such", "name"),
        ("all", "email", "name"),
    ],
)
def test_a_pause_of_nothing(what: str, name: str, field: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        pause(what, name)
    assert list(caught.value.problems) == [field]
    assert not Pause.objects.exists()


def test_the_nearest_queue_is_told() -> None:
    with pytest.raises(ArgumentError, match="did you mean email"):
        pause("queue", "emial")


def test_pausing_again_says_who_and_why_anew() -> None:
    pause("queue", "email", by="alice", why="moving")
    pause("queue", "email", by="bob", why="still moving")
    found = Pause.objects.get()
    assert (found.by, found.why) == ("bob", "still moving")
    assert resume("queue", "email")
    assert not resume("queue", "email")


def run(*words: str) -> str:
    out = StringIO()
    call_command("gate", *words, stdout=out)
    return out.getvalue()


def test_the_command_pauses_shows_and_resumes() -> None:
    run("pause", "task", plain_task.name, "--why", "moving", "--by", "alice", "--for", "2:00:00")
    assert "moving" in run("status")
    found = json.loads(run("status", "--json"))
    assert [(row["what"], row["by"]) for row in found["pauses"]] == [("task", "alice")]
    assert found["held"] == 0
    assert "resumed" in run("resume", "task", plain_task.name)
    assert "nothing is paused" in run("status")
    assert "no job is held" in run("held")


@pytest.mark.parametrize(
    "words", [("pause", "queue", "nope"), ("pause", "all", "--for", "soon"), ("resume", "worker")]
)
def test_bad_words_end_the_command_with_2(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.returncode == 2


def test_the_admin_pauses_and_resumes(admin_client: Client) -> None:
    page = reverse("admin:gate_pause_add")
    bad = admin_client.post(page, {"what": "queue", "name": "nope"})
    assert "expected the name of a queue" in bad.content.decode()
    admin_client.post(page, {"what": "queue", "name": "email", "why": "moving"})
    found = Pause.objects.get()
    assert (found.name, found.by) == ("email", "admin")
    admin_client.post(reverse("admin:gate_pause_delete", args=[found.pk]), {"post": "yes"})
    assert not Pause.objects.exists()


@pytest.mark.parametrize("name", ["gate_pause", "gate_limitsetting", "jobs_hold"])
def test_lists_open(admin_client: Client, name: str) -> None:
    assert admin_client.get(reverse(f"admin:{name}_changelist")).status_code == 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"task": "apps.emial.*"}, "expected a task&#x27;s name or the start of names"),
        ({"key": "costumer"}, "expected arguments of apps.email"),
        ({"share": "tenant"}, "expected arguments of apps.email"),
    ],
)
def test_a_limit_of_what_is_not_there(admin_client: Client, values: dict[str, str], said: str) -> None:
    good = {"task": "apps.email.*", "kind": "rate", "limit": "5", "per_seconds": "1", "burst": "0"}
    page = reverse("admin:gate_limitsetting_add")
    answer = admin_client.post(page, good | {"lease_seconds": "30", "enabled": "on"} | values)
    assert said in answer.content.decode()
    assert not LimitSetting.objects.exists()


def test_declared_limits_are_checked() -> None:
    assert errors_of(plain_task, Rate(1, key=("mark",))) == []
    (wrong,) = errors_of(plain_task, Rate(1, share=("tenant",)))
    assert "'tenant'" in wrong.msg
    (none,) = errors_of(plain_task, 5)
    assert none.id == "gate.E002"


def test_a_limit_is_set_in_the_admin(admin_client: Client) -> None:
    values = {"task": "apps.email.*", "kind": "rate", "per_seconds": "1", "burst": "0", "lease_seconds": "30"}
    bad = admin_client.post(reverse("admin:gate_limitsetting_add"), values | {"limit": "0"})
    assert "greater than or equal to 1" in bad.content.decode()
    admin_client.post(reverse("admin:gate_limitsetting_add"), values | {"limit": "5", "enabled": "on"})
    assert LimitSetting.objects.get().limit == 5
