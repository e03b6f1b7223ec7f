from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTask, SolarSchedule

from apps.jobs import Job
from apps.planner import history
from apps.schedules import rules
from apps.schedules.tests.making import ADD, LIST, change_url, make_schedule

SCRIPT = "<script>alert(1)</script>"


def make_job(schedule: str, state: str = "SUCCESS", **fields: Any) -> Job:
    fields = {"id": f"{Job.objects.count():08}-job", "task": ADD, "submitted_at": timezone.now(), **fields}
    return Job.objects.create(state=state, schedule=schedule, **fields)


def text(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200
    return page.content.decode()


def row_names(client: Client, query: str) -> list[str]:
    return [row.name for row in client.get(f"{LIST}?{query}").context["cl"].result_list]


@pytest.fixture
def of_each_kind(db: None) -> None:
    make_schedule("crontab", rule="0 2 * * * Europe/Berlin")
    make_schedule("interval", rule="every 10 seconds", last_run_at=timezone.now())
    make_schedule("once", rule="once 2100-05-03T09:00:00+00:00")
    sun = SolarSchedule.objects.create(event="sunset", latitude=52, longitude=13)
    PeriodicTask.objects.create(name="sun", task=ADD, solar=sun, enabled=False)


@pytest.mark.parametrize(
    "model", ["periodictask", "intervalschedule", "crontabschedule", "clockedschedule", "solarschedule"]
)
def test_lists_and_forms_of_all_five_open(admin_client: Client, of_each_kind: None, model: str) -> None:
    page = admin_client.get(f"/admin/django_celery_beat/{model}/")
    rows = page.context["cl"].result_list
    assert len(rows) >= 1
    for name in ("add/", f"{rows[0].pk}/change/", f"{rows[0].pk}/history/", f"{rows[0].pk}/delete/"):
        assert admin_client.get(f"/admin/django_celery_beat/{model}/{name}").status_code == 200


def test_the_list_tells_rule_next_run_and_last_job(admin_client: Client, of_each_kind: None) -> None:
    make_job("crontab", "SUCCESS")
    failed = make_job("crontab", "FAILURE")
    page = text(admin_client, LIST)
    for words in ("Every day at 02:00 (Europe/Berlin)", "Every 10 seconds", "Once on 3 May 2100", "disabled"):
        assert words in page
    assert f"/jobs/{failed.id}/" in page
    assert "failure" in page
    assert "success" not in page.partition('id="result_list"')[2].partition("</table>")[0]


def test_the_list_asks_the_same_few_questions_for_many_schedules(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(40):
        make_schedule(f"nightly {number}", rule=f"every {number + 1} minutes")
        make_job(f"nightly {number}")
    with django_assert_max_num_queries(6) as counted:
        text(admin_client, LIST)
    assert sum("last_job" in query["sql"] for query in counted.captured_queries) == 1


def test_the_last_job_of_each_schedule_is_found_by_the_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = history.with_last_job(PeriodicTask.objects.all()).explain()
    assert "job_by_schedule" in plan


def test_one_bad_rule_does_not_take_the_list_down(admin_client: Client) -> None:
    schedule = make_schedule("nightly")
    CrontabSchedule.objects.update(day_of_month="30", month_of_year="2")
    assert "never: bad rule" in text(admin_client, LIST)
    assert "No such date exists" in text(admin_client, change_url(schedule))


def test_schedules_are_found_by_every_filter(admin_client: Client, of_each_kind: None) -> None:
    make_job("interval", "FAILURE")
    make_job("interval", "SUCCESS")
    make_job("once", "FAILURE")
    assert row_names(admin_client, "enabled__exact=0") == ["sun"]
    assert row_names(admin_client, "kind=interval") == ["interval"]
    assert row_names(admin_client, "outcome=FAILURE") == ["once"]
    assert row_names(admin_client, "family=jobs") == ["crontab", "interval", "once", "sun"]
    assert row_names(admin_client, "family=email") == []
    assert row_names(admin_client, "q=inter") == ["interval"]


def test_a_senseless_filter_is_no_crash(admin_client: Client, of_each_kind: None) -> None:
    for query in ("kind=moon", "outcome=ODD", "enabled__exact=maybe", "p=1000000000", "o=99.-99"):
        assert admin_client.get(f"{LIST}?{query}", follow=True).status_code == 200


def test_the_page_shows_next_runs_and_the_last_ten_jobs(admin_client: Client) -> None:
    schedule = make_schedule("nightly", rule="0 2 * * *")
    for _ in range(12):
        make_job("nightly")
    make_job("other")
    page = admin_client.get(change_url(schedule))
    assert page.content.decode().count(" 02:00 <span") == 5
    assert len(page.context["recent_jobs"]["rows"]) == 10
    assert "/jobs/00000011-job/" in page.content.decode()


def test_the_page_tells_what_the_task_takes(admin_client: Client) -> None:
    page = text(admin_client, change_url(make_schedule()))
    assert "Adds two numbers." in page
    assert "<code>left</code> integer · required" in page
    assert "<code>right</code> integer · by default 1" in page


def test_what_people_and_jobs_say_is_shown_as_text(admin_client: Client) -> None:
    schedule = make_schedule(SCRIPT, kwargs={"left": 1}, description=SCRIPT)
    make_job(SCRIPT, "FAILURE", error=f"Error: {SCRIPT}")
    pages = [LIST, change_url(schedule), f"{LIST}{schedule.pk}/run/", f"{LIST}{schedule.pk}/history/"]
    assert not [url for url in pages if SCRIPT in text(admin_client, url)]


def test_a_schedule_of_a_task_that_is_gone_can_be_opened(admin_client: Client) -> None:
    page = text(admin_client, change_url(make_schedule(task="old.tasks.gone_task")))
    assert "old.tasks.gone_task (not registered here)" in page


def test_arguments_that_are_no_json_can_be_repaired(admin_client: Client) -> None:
    schedule = make_schedule()
    PeriodicTask.objects.update(kwargs="{broken", args="")
    assert "{broken" in text(admin_client, change_url(schedule))


def test_the_form_does_not_list_every_single_time(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    schedule = make_schedule(rule="once 2100-05-03T09:00:00+00:00")
    now = timezone.now()
    ClockedSchedule.objects.bulk_create(ClockedSchedule(clocked_time=now) for _ in range(2_000))
    with django_assert_max_num_queries(20):
        page = text(admin_client, change_url(schedule))
    assert page.count("<option") < 500 + len(rules.zones())  # tasks of other tests are among them


def test_a_rule_says_which_schedules_use_it(admin_client: Client) -> None:
    rule = make_schedule("one", rule="every 10 seconds").interval
    make_schedule("two", rule="every 10 seconds")
    rules.saved(rules.parse("every 11 seconds"))
    page = admin_client.get("/admin/django_celery_beat/intervalschedule/")
    assert [row.used for row in page.context["cl"].result_list] == [2, 0]
    used = text(admin_client, f"/admin/django_celery_beat/intervalschedule/{rule.pk}/change/")
    assert "one" in used
    assert "two" in used
