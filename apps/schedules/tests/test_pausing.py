"""Pausing: for a while or for good, by page, command and code."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs.errors import ArgumentError
from apps.schedules import pausing
from apps.schedules.models import Firing, Timing
from apps.schedules.tests.making import LIST, change_url, errors, filled_in, make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db


def every_second(name: str = "tick") -> PeriodicTask:
    schedule = make_schedule(name, rule="every 1 seconds")
    renew_stale()
    return schedule


def timing(schedule: PeriodicTask) -> Timing:
    return Timing.objects.get(pk=schedule.pk)


def test_a_paused_schedule_waits_until_it_is_resumed() -> None:
    schedule = every_second()
    assert (pausing.pause([schedule], by="alice", reason="moving"), pausing.pause([schedule])) == (1, 0)
    renew_stale()
    assert timing(schedule).next_run_at is None
    assert pausing.words(timing(schedule)) == "paused by alice: moving"
    assert (pausing.resume([schedule]), pausing.resume([schedule])) == (1, 0)
    renew_stale()
    found = timing(schedule).next_run_at
    assert found is not None
    assert found > timezone.now() - timedelta(seconds=1)


def test_what_was_due_before_the_pause_ended_is_passed_over() -> None:
    schedule = every_second()
    until = timezone.now() + timedelta(hours=1)
    pausing.pause([schedule], until=until)
    renew_stale()
    found = timing(schedule).next_run_at
    assert found is not None
    assert until <= found < until + timedelta(seconds=1)


def test_a_pause_ends_by_itself() -> None:
    schedule = every_second()
    pausing.pause([schedule], until=timezone.now() + timedelta(hours=1))
    renew_stale()
    past = timezone.now() - timedelta(milliseconds=500)
    Timing.objects.update(paused_until=past, next_run_at=past, anchor_at=past)
    fire_due()
    assert (Firing.objects.count(), pausing.words(timing(schedule))) == (1, "")


def test_a_pause_until_the_past_is_refused() -> None:
    with pytest.raises(ArgumentError, match="until: expected a time to come"):
        pausing.pause([every_second()], until=timezone.now())


def test_the_page_pauses_and_resumes_many(admin_client: Client) -> None:
    chosen = {"_selected_action": [every_second("a").pk, every_second("b").pk]}
    page = admin_client.post(LIST, {"action": "pause_tasks", **chosen}, follow=True)
    assert "2 schedules were paused." in page.content.decode()
    assert "paused by admin" in page.content.decode()
    page = admin_client.post(LIST, {"action": "resume_tasks", **chosen}, follow=True)
    assert "2 schedules go on." in page.content.decode()


def test_the_command_pauses_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    schedule = every_second()
    call_command("schedule", "pause", "tick", "--why", "moving", "--until", "2199-01-01T00:00+00:00")
    assert "moving" in pausing.words(timing(schedule))
    call_command("schedule", "resume", "tick")
    assert timing(schedule).paused_at is None
    assert capsys.readouterr().out.split() == ["paused", "goes", "on"]


@pytest.mark.parametrize("until", ["tomorrow", "2199-01-01", "2199-01-01T00:00", "2001-01-01T00:00+00:00"])
def test_the_command_refuses_what_is_no_time_to_come(until: str) -> None:
    every_second()
    with pytest.raises(CommandError, match="until: expected") as refused:
        call_command("schedule", "pause", "tick", "--until", until)
    assert refused.value.returncode == 2


def test_the_command_tells_the_next_runs(capsys: pytest.CaptureFixture[str]) -> None:
    make_schedule("yearly", rule="0 0 1 1 *")
    call_command("schedule", "next", "yearly", "--count", "2")
    assert [line[4:] for line in capsys.readouterr().out.split()] == ["-01-01T00:00:00+00:00"] * 2


def test_the_policies_are_edited_on_the_page(admin_client: Client) -> None:
    schedule = every_second()
    page = admin_client.get(change_url(schedule))
    changed: dict[str, Any] = {"timing-0-missed": "all", "timing-0-overlap": "skip", "timing-0-owner": "ops"}
    before = timing(schedule).next_run_at
    answer = admin_client.post(change_url(schedule), filled_in(page, **changed))
    assert errors(answer) == {}
    found = timing(schedule)
    assert (found.missed, found.overlap, found.owner, found.next_run_at) == ("all", "skip", "ops", before)


def test_the_page_tells_what_became_of_due_times(admin_client: Client) -> None:
    schedule = every_second()
    assert "It has not been due yet." in admin_client.get(change_url(schedule)).content.decode()
    past = timezone.now() - timedelta(milliseconds=500)
    Timing.objects.update(next_run_at=past, anchor_at=past)
    fire_due()
    job = Firing.objects.get().job
    assert job[:8] in admin_client.get(change_url(schedule)).content.decode()
