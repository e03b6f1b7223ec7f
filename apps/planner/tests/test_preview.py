"""The next runs while one types: what the page shows before anything is saved."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.planner.previewing import Preview
from apps.schedules import pausing
from apps.schedules.models import Timing
from apps.schedules.tests.making import LIST, allow, change_url, make_schedule
from apps.schedules.timetable.renewing import renew_stale

URL = f"{LIST}preview/"


def preview(client: Client, rule: str, **asked: Any) -> Preview:
    page = client.get(URL, {"rule": rule, "reader": "UTC", **asked})
    assert page.status_code == 200
    found: Preview = page.context["preview"]
    return found


def starting(moment: str) -> dict[str, str]:
    day, _, clock = moment.partition(" ")
    return {"start_time_0": day, "start_time_1": clock}


def clocks(found: Preview, at: int = 0) -> list[str]:
    return [f"{run.clocks[at].text} {run.clocks[at].offset[3:]}" for run in found.runs]


def test_a_rule_is_told_in_words_and_five_runs(admin_client: Client) -> None:
    found = preview(admin_client, "0 6 * * 1-5", zone="Europe/Berlin", **starting("2026-12-31 00:00"))
    assert (found.kind, found.zones) == ("crontab", ("Europe/Berlin", "UTC"))
    assert "(Europe/Berlin)" in found.words
    assert clocks(found) == [
        "Thu 31 Dec 2026 06:00 +01:00", "Fri 1 Jan 2027 06:00 +01:00", "Mon 4 Jan 2027 06:00 +01:00",
        "Tue 5 Jan 2027 06:00 +01:00", "Wed 6 Jan 2027 06:00 +01:00",
    ]  # fmt: skip
    assert clocks(found, 1)[0] == "Thu 31 Dec 2026 05:00 +00:00"


@pytest.mark.parametrize(
    ("zone", "start", "runs", "note"),
    [
        (
            "Europe/Berlin",
            "2027-03-26 12:00",
            ["Sat 27 Mar 2027 02:30 +01:00", "Sun 28 Mar 2027 03:00 +02:00", "Mon 29 Mar 2027 02:30 +02:00"],
            "02:30 does not exist on this day: the clocks go forward.",
        ),
        (
            "America/New_York",
            "2027-03-12 12:00",
            ["Sat 13 Mar 2027 02:30 -05:00", "Sun 14 Mar 2027 03:00 -04:00", "Mon 15 Mar 2027 02:30 -04:00"],
            "02:30 does not exist on this day: the clocks go forward.",
        ),
        (
            "Europe/Berlin",
            "2027-10-29 12:00",
            ["Sat 30 Oct 2027 02:30 +02:00", "Sun 31 Oct 2027 02:30 +02:00", "Mon 1 Nov 2027 02:30 +01:00"],
            "",
        ),
    ],
)
def test_days_on_which_the_clocks_change_are_marked(
    admin_client: Client, zone: str, start: str, runs: list[str], note: str
) -> None:
    found = preview(admin_client, "30 2 * * *", zone=zone, **starting(start))
    assert clocks(found)[:3] == runs
    assert found.runs[1].note == note
    marked = [run.clocks[0].changed for run in found.runs]
    assert marked == [False, bool(note), not note, False, False]


@pytest.mark.parametrize(("zone", "start"), [("America/New_York", "2027-11-07 04:40")])
def test_every_half_hour_runs_twice_in_the_hour_that_comes_twice(
    admin_client: Client, zone: str, start: str
) -> None:
    found = preview(admin_client, "*/30 * * * *", zone=zone, **starting(start))
    assert clocks(found) == [
        "Sun 7 Nov 2027 01:00 -04:00", "Sun 7 Nov 2027 01:30 -04:00", "Sun 7 Nov 2027 01:00 -05:00",
        "Sun 7 Nov 2027 01:30 -05:00", "Sun 7 Nov 2027 02:00 -05:00",
    ]  # fmt: skip
    assert [run.clocks[0].changed for run in found.runs] == [False, False, True, False, False]


def test_the_readers_own_change_of_clocks_is_marked_too(admin_client: Client) -> None:
    asked = {"zone": "Asia/Tokyo", "reader": "Europe/Berlin", **starting("2027-03-26 12:00")}
    found = preview(admin_client, "0 12 * * *", **asked)
    assert not any(run.clocks[0].changed for run in found.runs)
    assert [run.clocks[1].changed for run in found.runs] == [False, True, False, False, False]


@pytest.mark.parametrize("reader", ["", "Mars/Olympus", "x" * 5000, "../../etc/passwd", "America"])
def test_without_a_known_zone_the_reader_has_the_sites(admin_client: Client, reader: str) -> None:
    assert preview(admin_client, "0 6 * * *", zone="Asia/Tokyo", reader=reader).zones == ("Asia/Tokyo", "UTC")


def test_one_clock_is_enough_if_both_are_the_same(admin_client: Client) -> None:
    assert preview(admin_client, "0 6 * * *", zone="Asia/Tokyo", reader="Asia/Tokyo").zones == ("Asia/Tokyo",)


def test_start_end_and_only_one_run_count(admin_client: Client) -> None:
    asked = starting("2030-01-01 00:00") | {"expires_0": "2030-01-03", "expires_1": "00:00"}
    found = preview(admin_client, "every 1 day", **asked)
    assert clocks(found) == ["Tue 1 Jan 2030 00:00 +00:00", "Wed 2 Jan 2030 00:00 +00:00"]
    assert len(preview(admin_client, "every 1 day", **asked, one_off="on").runs) == 1


def test_an_end_before_the_first_run_leaves_none(admin_client: Client) -> None:
    asked = starting("2030-01-02 00:00") | {"expires_0": "2030-01-01", "expires_1": "00:00"}
    found = preview(admin_client, "every 1 day", **asked)
    assert (found.runs, found.problems) == ((), ())
    assert "None to come" in found.notes[0]


def test_a_single_time_is_read_in_the_zone(admin_client: Client) -> None:
    found = preview(admin_client, "once 2100-05-03 09:00", zone="Asia/Tokyo")
    assert (found.zones, found.words) == (("Asia/Tokyo", "UTC"), "Once on 3 May 2100 09:00")
    assert clocks(found) == ["Mon 3 May 2100 09:00 +09:00"]


def test_a_single_time_that_does_not_exist_is_told(admin_client: Client) -> None:
    found = preview(admin_client, "once 2030-03-31 02:30", zone="Europe/Berlin")
    assert clocks(found) == ["Sun 31 Mar 2030 03:00 +02:00"]
    assert found.runs[0].note.startswith("02:30 does not exist")


def test_seconds_are_shown_where_there_are_some(admin_client: Client) -> None:
    found = preview(admin_client, "every 30 seconds", **starting("2030-01-01 00:00"))
    assert clocks(found)[1] == "Tue 1 Jan 2030 00:00:30 +00:00"


def test_an_interval_is_counted_from_its_anchor(admin_client: Client) -> None:
    schedule = make_schedule(rule="every 1 hours")
    renew_stale()
    anchor = timezone.now() - timedelta(minutes=40)
    Timing.objects.update(anchor_at=anchor)
    found = preview(admin_client, "every 30 minutes", pk=schedule.pk)
    assert found.runs[0].clocks[0].moment == anchor + timedelta(hours=1)


def test_it_says_that_a_schedule_is_disabled_or_paused(admin_client: Client) -> None:
    off = make_schedule("off", enabled=False)
    assert "It is disabled." in preview(admin_client, "0 2 * * *", pk=off.pk).notes[0]
    paused = make_schedule("paused")
    pausing.pause(PeriodicTask.objects.filter(pk=paused.pk), by="bob", reason="holidays")
    found = preview(admin_client, "0 2 * * *", pk=paused.pk)
    assert found.notes == ("It is paused by bob: holidays. Then it would run at:",)
    assert len(found.runs) == 5


def test_a_touched_zone_and_one_in_the_line_are_one_too_many(admin_client: Client) -> None:
    schedule = make_schedule(rule="0 2 * * * Europe/Berlin")
    ask = {"pk": schedule.pk, "zone": "Europe/Berlin"}
    assert preview(admin_client, "0 2 * * * Asia/Tokyo", **ask).zones[0] == "Asia/Tokyo"
    found = preview(admin_client, "0 2 * * * Asia/Tokyo", **{**ask, "zone": "Asia/Seoul"})
    assert "The zone is given twice" in found.problems[0]


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [
        ("x" * 5000, {}, "Rule: Ensure this value has at most 1000 characters"),
        ("0 6 * * *\x07", {}, "Rule: Expected text without control characters."),
        ("\x00", {}, "Rule: Null characters are not allowed."),
        ("<script>alert(1)</script>", {}, "Expected “every 10 minutes”"),
        ("<b> 6 * * *", {}, "Expected the minute to be within 0 to 59, got “<b>”."),
        ("0 6 * * *", {"zone": "Mars/Olympus"}, "There is no time zone “Mars/Olympus”."),
        ("*/0 * * * *", {}, "got “*/0”"),
        ("60 * * * *", {}, "got “60”"),
        ("0 0 31 2 *", {}, "No such date exists"),
        ("every 0 seconds", {}, "1 second to 10 years"),
        ("every 1000000000 days", {}, "1 second to 10 years"),
        ("every " + "9" * 900 + " days", {}, "1 second to 10 years"),
        ("every 1 day", {"start_time_0": "soon", "start_time_1": "00:00"}, "Not before: Enter a valid date."),
        ("every 1 day", {"expires_0": "2030-02-31", "expires_1": "00:00"}, "End: Enter a valid date."),
    ],
)
def test_what_is_wrong_is_said_in_the_same_place(
    admin_client: Client, rule: str, asked: dict[str, str], expected: str
) -> None:
    found = preview(admin_client, rule, **asked)
    assert found.runs == ()
    assert expected in " ".join(found.problems)
    assert rule not in admin_client.get(URL, {"rule": rule}).content.decode() or "<" not in rule


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ("0 0 29 2 1", "2026-01-01 00:00"),
        ("0 0 29 2 1", "9990-01-01 00:00"),
        ("59 23 31 12 6", "2026-01-01 00:00"),
        (f"{','.join(['0-59'] * 48)} {','.join(['0-23'] * 19)} * * *", "2026-01-01 00:00"),
        ("every 1 seconds", "0001-01-02 00:00"),
        ("every 3660 days", "9998-12-31 00:00"),
        ("sunset 90 0", "2026-01-01 00:00"),
        ("dawn_astronomical 66.5 0", "2026-05-01 00:00"),
    ],
)
def test_no_rule_keeps_the_reader_waiting(admin_client: Client, rule: str, start: str) -> None:
    preview(admin_client, "every 1 day")
    started = time.process_time()
    preview(admin_client, rule, zone="Europe/Berlin", **starting(start))
    assert time.process_time() - started < 1


def test_nothing_is_written(admin_client: Client) -> None:
    schedule = make_schedule()
    before = PeriodicTask.objects.values().get(), Timing.objects.values().get()
    preview(admin_client, "0 3 * * *", pk=schedule.pk)
    assert (PeriodicTask.objects.values().get(), Timing.objects.values().get()) == before
    assert CrontabSchedule.objects.count() == 1
    assert admin_client.post(URL, {"rule": "0 3 * * *"}).status_code == 405


def test_an_empty_rule_is_asked_for(admin_client: Client) -> None:
    assert preview(admin_client, " ").notes == ("Type a rule, or choose an example.",)


@pytest.mark.parametrize("right", ["view", "add", "change"])
def test_any_right_to_schedules_is_enough(staff: User, client: Client, right: str) -> None:
    client.force_login(staff)
    assert client.get(URL, {"rule": "every 1 day"}).status_code == 403
    allow(staff, f"django_celery_beat.{right}_periodictask")
    assert client.get(URL, {"rule": "every 1 day"}).status_code == 200
    with_pk = client.get(URL, {"rule": "every 1 day", "pk": make_schedule().pk})
    assert with_pk.status_code == (403 if right == "add" else 200)


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(URL, {"rule": "every 1 day"}).status_code == 302


@pytest.mark.parametrize("pk", ["999", "x", "9" * 5000])
def test_a_schedule_that_is_gone_is_not_found(admin_client: Client, pk: str) -> None:
    assert admin_client.get(URL, {"rule": "every 1 day", "pk": pk}).status_code == 404


def test_without_script_the_saved_page_shows_the_runs(admin_client: Client) -> None:
    schedule = make_schedule(rule="30 2 * * * Europe/Berlin", start_time=timezone.now())
    page = admin_client.get(change_url(schedule)).content.decode()
    assert "Every day at 02:30 (Europe/Berlin)" in page
    assert page.count('<td data-zone="Europe/Berlin">') == 5
    assert page.count('<td data-zone="For you: UTC">') == 5
