import json
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.jobs import reading
from apps.schedules.tests.making import ADD, make_schedule
from project.recurring import Recurring
from tests.waiting import WorkerProcess, ended


def schedule_command(*words: str) -> str:
    out = StringIO()
    call_command("schedule", *words, stdout=out)
    return out.getvalue().strip()


def test_sync_says_what_it_did(db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 3 * * *", {"left": 1})]
    assert schedule_command("sync").split() == ["created", "nightly"]
    make_schedule("other")
    settings.SHIPPED_SCHEDULES = []
    assert "no longer in the code" in schedule_command("sync")
    assert schedule_command("sync") == "The code ships no schedules."


def test_sync_names_what_a_person_changed(db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 3 * * *", {"left": 1})]
    schedule_command("sync")
    schedule_command("disable", "nightly")
    assert schedule_command("sync") == "kept       nightly  (changed here: enabled)"


def test_a_bad_declaration_exits_with_2(db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "sometimes", {"left": 1})]
    with pytest.raises(CommandError, match="nightly") as error:
        schedule_command("sync")
    assert error.value.returncode == 2


def test_the_list_shows_rule_next_run_and_what_is_wrong(db: None) -> None:
    make_schedule("hourly", rule="every 1 hours", enabled=False)
    make_schedule("never")
    CrontabSchedule.objects.update(day_of_month="30", month_of_year="2")
    hourly, never = schedule_command("list").splitlines()[1:]
    assert "Every hour" in hourly
    assert "disabled" in hourly
    assert "never run" in never


def test_the_list_as_json(db: None) -> None:
    make_schedule("nightly", rule="0 2 * * * Europe/Berlin")
    (row,) = json.loads(schedule_command("list", "--json"))
    assert (row["name"], row["rule"], row["enabled"]) == ("nightly", "0 2 * * * Europe/Berlin", True)
    assert row["words"] == "Every day at 02:00 (Europe/Berlin)"
    assert row["next_run"].startswith("20")


def test_a_schedule_is_enabled_and_disabled_by_name(db: None) -> None:
    schedule = make_schedule("nightly", enabled=False)
    assert schedule_command("enable", "nightly") == "enabled"
    assert schedule_command("enable", "nightly") == "was enabled already"
    schedule.refresh_from_db()
    assert schedule.enabled
    assert schedule_command("disable", "nightly") == "disabled"
    assert schedule_command("disable", "nightly") == "was disabled already"


def test_a_time_that_has_passed_cannot_be_enabled(db: None) -> None:
    make_schedule("once", rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    with pytest.raises(CommandError, match="has passed") as error:
        schedule_command("enable", "once")
    assert error.value.returncode == 1


@pytest.mark.parametrize("verb", ["run", "enable", "disable"])
def test_an_unknown_name_exits_with_2_and_the_nearest(db: None, verb: str) -> None:
    make_schedule("nightly")
    with pytest.raises(CommandError, match="did you mean “nightly”") as error:
        schedule_command(verb, "nihgtly")
    assert error.value.returncode == 2


def test_what_cannot_run_exits_with_1_and_the_reason(db: None) -> None:
    make_schedule("nightly", kwargs={})
    with pytest.raises(CommandError, match="left: missing") as error:
        schedule_command("run", "nightly")
    assert error.value.returncode == 1
    assert not reading.rows().exists()


def test_run_prints_the_id_of_a_job_that_runs(worker: WorkerProcess) -> None:
    make_schedule("nightly")
    assert ended(schedule_command("run", "nightly")).state == "SUCCESS"


def test_sync_names_each_field(db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 3 * * *", {"left": 1})]
    schedule_command("sync")
    schedule_command("disable", "nightly")
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 4 * * *", {"left": 2})]
    said = "updated    nightly  (from the code: rule, kwargs; changed here: enabled)"
    assert schedule_command("sync") == said


def test_reset_tells_what_it_changed(db: None, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 3 * * *", {"left": 1})]
    schedule_command("sync")
    schedule_command("disable", "nightly")
    assert schedule_command("reset", "nightly") == "enabled: no → yes\nas the code says now"
    assert schedule_command("reset", "nightly") == "was as the code says already"


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [("own", 1, "doesn't ship"), ("gone", 1, "was deleted here"), ("nobody", 2, "no schedule is named")],
)
def test_what_cannot_be_reset_exits_with_the_reason(
    db: None, settings: Any, name: str, code: int, expected: str
) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("gone", ADD, "0 3 * * *", {"left": 1})]
    schedule_command("sync")
    PeriodicTask.objects.get().delete()
    make_schedule("own")
    with pytest.raises(CommandError, match=expected) as error:
        schedule_command("reset", name)
    assert error.value.returncode == code


def test_a_file_is_written_and_read(db: None, tmp_path: Path) -> None:
    make_schedule("nightly")
    make_schedule("other")
    file = tmp_path / "schedules.yaml"
    assert schedule_command("export", "nightly", "--output", str(file)) == ""
    PeriodicTask.objects.filter(name="nightly").update(priority=3)
    would = "changed    nightly\n    priority: 3 → –\n1 schedule would change."
    assert schedule_command("import", str(file), "--dry-run") == would
    assert schedule_command("import", str(file)) == would.replace("would change", "changed")
    assert schedule_command("import", str(file)) == "unchanged  nightly\n0 schedules changed."


def test_a_file_as_json_from_the_standard_input(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_schedule("nightly", rule="every 5 minutes")
    text = schedule_command("export").replace("every 5", "every 9")
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode())))
    assert json.loads(schedule_command("import", "-", "--json")) == [
        {
            "name": "nightly",
            "outcome": "changed",
            "differences": [{"field": "rule", "old": "every 5 minutes", "new": "every 9 minutes"}],
        }
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["import", "/nowhere/schedules.yaml"], "No such file"),
        (["import", "/"], "Is a directory"),
        (["import", "bad.yaml"], "nightly: rule: Field required"),
        (["export", "nobody"], "no schedule is named"),
        (["export", "--output", "/nowhere/schedules.yaml"], "--output: "),
    ],
)
def test_what_cannot_be_read_or_written_exits_with_2(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(f"nightly: {{task: {ADD}, queue: nowhere}}\n")
    with pytest.raises(CommandError, match=expected) as error:
        schedule_command(*words)
    assert error.value.returncode == 2
