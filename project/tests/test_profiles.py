"""Worker profiles: what is shipped, what may be changed, and `manage.py worker` on them."""

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest
from celery import current_app, shared_task
from django.core.management import CommandError, call_command

from project.checks import every_queue_has_workers, may_go_to, time_limits_are_kept
from project.profiles import IN_USE, PROFILES, expand_profiles
from project.topology import QUEUES

NAMES = [row.name for row in QUEUES]


def queues(name: str, *in_use: str) -> list[str]:
    rows = expand_profiles({})
    return rows[name].queues_of([rows[name] for name in in_use], NAMES)


@dataclass
class Started:
    argv: list[str]
    environment: dict[str, str]

    def option(self, name: str) -> str:
        """The last one counts, as with Celery."""
        place = len(self.argv) - 1 - self.argv[::-1].index(name)
        return self.argv[place + 1]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(*words: str) -> Started:
        found: list[Started] = []
        monkeypatch.setattr(os, "execve", lambda program, argv, env: found.append(Started(argv, env)))
        call_command("worker", *words)
        return found[0]

    return run


@pytest.fixture
def limited() -> Any:
    @shared_task(name="apps.email.tasks.slow", time_limit=10)
    def slow() -> None:
        """Has a time limit of its own."""

    yield current_app.tasks["apps.email.tasks.slow"]
    current_app.tasks.pop("apps.email.tasks.slow")


@pytest.mark.parametrize(
    "in_use", [IN_USE, ("general", "io", "heavy", "urgent"), ("general", "heavy", "urgent")]
)
def test_profiles_in_use_read_every_queue_once(in_use: tuple[str, ...]) -> None:
    read = [queue for name in in_use for queue in queues(name, *in_use)]
    assert sorted(read) == sorted(NAMES)


def test_general_leaves_queues_to_the_others_in_use() -> None:
    assert queues("general", *IN_USE) == [name for name in NAMES if name != "urgent"]
    assert queues("general", "general", "io", "heavy", "urgent") == ["default", "cleanup"]


def test_what_is_shipped_has_no_error(settings: Any) -> None:
    assert every_queue_has_workers() == time_limits_are_kept() == []
    settings.WORKER_SET = tuple(row.name for row in PROFILES)
    assert every_queue_has_workers() == time_limits_are_kept() == []


def test_a_queue_that_nobody_reads_is_an_error(settings: Any) -> None:
    settings.WORKER_SET = ("io", "urgent")
    (found,) = every_queue_has_workers()
    assert (found.id, found.is_serious()) == ("switchyard.E008", True)
    assert found.msg.startswith("No worker profile in use reads default, data, report, cleanup:")


def test_a_profile_for_no_queue_is_an_error(settings: Any) -> None:
    settings.WORKER_PROFILES = expand_profiles({"video": {"queues": ["emial"]}})
    (found,) = every_queue_has_workers()
    assert (found.id, found.hint) == ("switchyard.E007", "Did you mean email?")


def test_a_time_limit_that_nobody_keeps_is_an_error(settings: Any, limited: Any) -> None:
    assert time_limits_are_kept() == []
    settings.WORKER_SET = ("general", "io", "urgent")
    (found,) = time_limits_are_kept()
    assert found.id == "switchyard.E009"
    assert "apps.email.tasks.slow" in found.msg
    assert "the pool threads" in found.msg


def test_a_time_limit_is_kept_in_the_urgent_lane_too(settings: Any, limited: Any) -> None:
    settings.WORKER_PROFILES = expand_profiles({"urgent": {"pool": "threads"}})
    found = [error.msg for error in time_limits_are_kept() if limited.name in error.msg]
    assert [("'urgent'" in text, "the pool threads" in text) for text in found] == [(True, True)]


def test_what_chooses_by_arguments_may_go_to_the_default_queue(limited: Any, settings: Any) -> None:
    assert may_go_to(limited) == ["email", "urgent"]
    limited.queue_by = lambda _task, _args, _kwargs: None
    assert may_go_to(limited) == ["email", "urgent", "default"]
    settings.WORKER_PROFILES = expand_profiles({"general": {"pool": "solo"}})
    told = [error.msg for error in time_limits_are_kept() if limited.name in error.msg]
    assert ["'default'" in text for text in told] == [False, True]
    notice = current_app.tasks["apps.notification.tasks.send_notification_task"]
    assert may_go_to(notice) == ["notification", "urgent"]


def test_a_worker_of_threads_refuses_tasks_with_time_limits(start: Any, limited: Any) -> None:
    with pytest.raises(CommandError, match="keeps no time limits, but apps.email.tasks.slow") as told:
        start("io")
    assert told.value.returncode == 2
    assert start("io", "-Q", "notification").option("-Q") == "notification"
    assert start("io", "-P", "prefork").option("-P") == "prefork"


def test_a_worker_runs_as_its_profile_says(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REMAP_SIGTERM", raising=False)
    found = start("heavy")
    assert found.option("-Q") == "data,report"
    assert (found.option("--concurrency"), found.option("--prefetch-multiplier")) == ("1", "1")
    assert found.option("--max-memory-per-child") == "1500000"
    assert found.option("-n") == "heavy@%h"
    assert found.environment["REMAP_SIGTERM"] == "SIGQUIT"
    assert start("io").option("-P") == "threads"


def test_the_command_line_wins_and_more_goes_to_celery(start: Any) -> None:
    found = start("urgent", "--concurrency", "5", "-Q", "email,data", "--loglevel", "DEBUG", "-n", "u2@%h")
    assert (found.option("--concurrency"), found.option("-Q")) == ("5", "email,data")
    assert (found.option("--loglevel"), found.option("-n")) == ("DEBUG", "u2@%h")


def test_a_profile_caps_the_time_limit_of_its_worker(start: Any, settings: Any) -> None:
    settings.WORKER_PROFILES = expand_profiles({"urgent": {"time_limit_seconds": "60"}})
    assert start("urgent").environment["CELERY_WORKER_TASK_TIME_LIMIT"] == "60"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["genral"],
            "No worker profile 'genral'; known are general, io, heavy, urgent. Did you mean general?",
        ),
        ([], "Which profile? Known are general, io, heavy, urgent."),
        (["io", "-c", "none"], "io: concurrency: expected a valid integer"),
        (["io", "-c", "0"], "io: concurrency: expected greater than or equal to 1, got '0'"),
        (["io", "-P", "gevent"], "io: pool: expected 'prefork', 'threads' or 'solo', got 'gevent'"),
        (["io", "-Q", "emial"], "io: no queue emial; queues are default, "),
    ],
)
def test_bad_words_are_told_with_what_was_expected(start: Any, words: list[str], told: str) -> None:
    with pytest.raises(CommandError) as error:
        start(*words)
    assert str(error.value).startswith(told)
    assert error.value.returncode == 2


def test_a_profile_without_queues_left_is_refused(start: Any, settings: Any) -> None:
    settings.WORKER_PROFILES = expand_profiles({"all": {"queues": NAMES}})
    settings.WORKER_SET = ("general", "all")
    with pytest.raises(CommandError, match="general: the other profiles in use read every queue"):
        start("general")


def test_the_list_shows_each_profile(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("worker", "--list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["profile", "general", "io", "heavy", "urgent"]
    assert lines[2].split()[1:7] == ["no", "threads", "16", "1", "none", "email,notification"]
    call_command("worker", "--list", "--json")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["heavy"]["queues"] == ["data", "report"]
    assert (rows["general"]["in_use"], rows["general"]["concurrency"]) == (True, 4)
    assert rows["io"]["time_limit_seconds"] is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"io": {"concurency": 3}}, "io: concurency: expected one of purpose, queues, pool, "),
        ({"io": {"pool": "gevent"}}, "io: pool: expected 'prefork', 'threads' or 'solo', got 'gevent'"),
        ({"io": {"concurrency": 0}}, "io: concurrency: expected greater than or equal to 1, got 0"),
        ({"io": {"queues": "a.b"}}, "io: queues: expected a name of a-z, 0-9 and _"),
        ({"io": {"queues": None}}, "io: queues: expected a list of queues, got None"),
        ({"io": {"queues": 5}}, "io: queues: expected a list of queues, got 5"),
        (
            {"io": {"max_tasks": 5}},
            "io: max_tasks: expected none, because the pool threads can't keep it, got 5",
        ),
        ({"io": {"max_memory_kilobytes": 5}}, "io: max_memory_kilobytes: expected none, because the pool"),
        (
            {"fast": {"pool": "solo", "time_limit_seconds": 60}},
            "fast: time_limit_seconds: expected none, because the pool solo can't keep it, got 60",
        ),
        ({"Io": {}}, "expected a name of a-z"),
    ],
)
def test_a_bad_change_names_profile_and_field(changes: Any, told: str) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        expand_profiles(changes)
    assert str(error.value).startswith(told)


def test_another_pool_drops_what_it_cannot_keep_of_the_shipped_profile(start: Any, settings: Any) -> None:
    changed = expand_profiles({"heavy": {"pool": "solo"}})["heavy"]
    assert (changed.pool, changed.max_tasks, changed.max_memory_kilobytes) == ("solo", None, None)
    assert "--max-tasks-per-child" not in start("heavy", "-P", "solo", "-Q", "report").argv
    settings.WORKER_PROFILES = expand_profiles({"heavy": {"time_limit_seconds": 60}})
    with pytest.raises(CommandError, match="heavy: time_limit_seconds: expected none, because the pool solo"):
        start("heavy", "-P", "solo", "-Q", "report")
