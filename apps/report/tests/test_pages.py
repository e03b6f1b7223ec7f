"""The pages under /reports/."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from apps.jobs import reading
from apps.jobs.states import Source, State
from apps.report.generating import Wish, generate
from apps.report.models import Report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("samples")]
PERIOD = {"since": "2026-01-01", "until": "2026-01-31"}


@pytest.fixture
def alice(client: Client, reader: User) -> Client:
    """A browser in which Alice, who may make reports, is signed in."""
    client.force_login(reader)
    return client


@pytest.fixture
def made() -> Report:
    return generate("job-1", Wish("customers", "html"))


def url(name: str, *args: Any) -> str:
    return reverse(f"report:{name}", args=args)


def post(alice: Client, name: str, **fields: Any) -> Any:
    return alice.post(url("new", name), {"format": "csv", **fields})


def test_the_list_shows_what_can_be_made(alice: Client) -> None:
    text = alice.get(url("home")).content.decode()
    assert "Job activity" in text
    assert "Who they are." in text
    assert url("new", "customers") in text
    assert "No report yet" in text


def test_the_list_shows_what_was_made_with_its_links(alice: Client, made: Report) -> None:
    text = alice.get(url("home")).content.decode()
    for link in ("detail", "view", "download"):
        assert url(link, made.pk) in text


def test_the_list_costs_the_same_for_many_reports(alice: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        Report.objects.create(job_id=str(number), name="customers", title="Customers", format="csv")
    with django_assert_max_num_queries(8):
        text = alice.get(url("home")).content.decode()
    assert "?page=2" in text


def test_the_form_is_made_from_the_parameters(alice: Client) -> None:
    text = alice.get(url("new", "everything")).content.decode()
    assert text.count('type="date"') == 2
    assert text.count('type="number"') == 1
    assert text.count("<select") == 3
    assert text.count('type="checkbox"') == 1
    assert "How many customers." in text


def test_dates_begin_with_the_last_thirty_days(alice: Client) -> None:
    form = alice.get(url("new", "everything")).context["form"]
    since, until = form["since"].initial, form["until"].initial
    assert (until - since).days == 29
    assert f'value="{since}"' in str(form["since"])


def test_a_sent_form_hands_in_a_job_and_shows_its_report(alice: Client, reader: User) -> None:
    response = post(alice, "everything", **PERIOD, region="north", top="5", order="orders", drafts="on")
    report = Report.objects.get()
    assert response.url == url("detail", report.pk)
    assert (report.state, report.submitted_by) == (State.PENDING, reader)
    assert report.parameters == {**PERIOD, "region": "north", "top": 5, "order": "orders", "drafts": True}
    job = reading.find(report.job_id)
    assert job
    assert job.kwargs == {"report": "everything", "format": "csv", "parameters": report.parameters}
    (row,) = reading.rows(id=report.job_id)
    assert (row.source, row.submitter) == (Source.PAGE, "alice")


def test_empty_fields_take_their_defaults(alice: Client) -> None:
    post(alice, "everything", since="", until="", region="", top="", order="name")
    parameters = Report.objects.get().parameters
    assert (parameters["region"], parameters["top"], parameters["drafts"]) == (None, 10, False)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"since": "2026-02-01", "until": "2026-01-01"}, "expected a day not after until"),
        ({"since": "soon"}, "Enter a valid date"),
        ({"top": "500"}, "less than or equal to 100"),
        ({"region": "west"}, "west is not one of the available choices"),
        ({"format": "pdf"}, "pdf is not one of the available choices"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_handed_in(
    alice: Client, fields: dict[str, str], complaint: str
) -> None:
    response = post(alice, "everything", **{"order": "name", **fields})
    assert response.status_code == 200
    assert complaint in response.content.decode()
    assert not Report.objects.exists()
    assert not reading.latest()


def test_an_unknown_report_is_not_found(alice: Client) -> None:
    assert alice.get(url("new", "zzz")).status_code == 404


def test_a_waiting_report_asks_for_news_and_a_finished_one_does_not(alice: Client, made: Report) -> None:
    post(alice, "customers")
    waiting = Report.objects.get(state=State.PENDING)
    assert "hx-trigger" in alice.get(url("detail", waiting.pk)).content.decode()
    assert "hx-trigger" not in alice.get(url("status", made.pk)).content.decode()


def test_a_cancelled_job_is_shown_though_the_row_still_waits(alice: Client) -> None:
    post(alice, "customers")
    report = Report.objects.get()
    reading.rows(id=report.job_id).update(state=State.REVOKED)
    text = alice.get(url("status", report.pk)).content.decode()
    assert 'data-state="REVOKED"' in text
    assert "The job ended without a report." in text
    assert "hx-trigger" not in text


def test_a_failed_report_shows_why(alice: Client) -> None:
    with pytest.raises(OSError, match="on fire"):
        generate("job-1", Wish("broken", "csv"))
    text = alice.get(url("detail", Report.objects.get().pk)).content.decode()
    assert "OSError: the disk is on fire" in text
    assert "/download/" not in text


def test_make_again_hands_in_the_same_wish(alice: Client) -> None:
    old = generate("job-1", Wish("everything", "xlsx", PERIOD))
    alice.post(url("again", old.pk))
    new = Report.objects.exclude(pk=old.pk).get()
    assert (new.name, new.format, new.parameters) == (old.name, old.format, old.parameters)
    assert alice.get(url("again", old.pk)).status_code == 405


def test_make_again_of_a_report_that_is_gone_says_so(alice: Client) -> None:
    old = Report.objects.create(job_id="job-1", name="old_name", title="Old", format="csv")
    text = alice.post(url("again", old.pk), follow=True).content.decode()
    assert "no report is named &#x27;old_name&#x27;" in text


@pytest.mark.parametrize(
    ("format_name", "content_type", "suffix"),
    [
        ("html", "text/html; charset=utf-8", ".html"),
        ("csv", "text/csv; charset=utf-8", ".csv"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    ],
)
def test_a_download_is_an_attachment_of_its_type(
    alice: Client, format_name: str, content_type: str, suffix: str
) -> None:
    report = generate("job-1", Wish("customers", format_name))
    response = alice.get(url("download", report.pk))
    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"
    day = f"{report.created:%Y-%m-%d}"
    assert response["Content-Disposition"] == f'attachment; filename="customers-{day}-{report.pk}{suffix}"'
    assert len(b"".join(response)) == report.size


def test_several_tables_download_as_a_zip(alice: Client) -> None:
    report = generate("job-1", Wish("everything", "csv"))
    response = alice.get(url("download", report.pk))
    assert response["Content-Type"] == "application/zip"
    assert b"".join(response)[:2] == b"PK"


def test_a_viewed_report_is_locked_in(alice: Client, made: Report) -> None:
    response = alice.get(url("view", made.pk))
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert response["Content-Disposition"].startswith("inline")
    assert b"<h1>Customers</h1>" in b"".join(response)


def test_only_html_can_be_viewed(alice: Client) -> None:
    report = generate("job-1", Wish("customers", "csv"))
    assert alice.get(url("view", report.pk)).status_code == 404


@pytest.mark.parametrize("name", ["download", "view"])
def test_a_missing_file_is_a_page_with_a_sentence(alice: Client, made: Report, name: str) -> None:
    default_storage.delete(str(made.file.name))
    response = alice.get(url(name, made.pk))
    assert response.status_code == 404
    assert "The file of this report is gone" in response.content.decode()


def test_an_unfinished_report_has_nothing_to_open(alice: Client) -> None:
    post(alice, "customers")
    response = alice.get(url("download", Report.objects.get().pk))
    assert response.status_code == 404
    assert "not finished" in response.content.decode()


def test_staff_without_the_permission_sees_the_list_but_no_way_in(
    client: Client, staff: User, made: Report
) -> None:
    client.force_login(staff)
    for name in ("home", "detail"):
        text = client.get(url(name, made.pk) if name == "detail" else url(name)).content.decode()
        assert "/download/" not in text
        assert "/new/" not in text
        assert "/again/" not in text


@pytest.mark.parametrize("name", ["download", "view", "again", "new"])
def test_staff_without_the_permission_is_refused(
    client: Client, staff: User, made: Report, name: str
) -> None:
    client.force_login(staff)
    address = url("new", "customers") if name == "new" else url(name, made.pk)
    response = client.post(address) if name == "again" else client.get(address)
    assert response.status_code == 403
    assert "need the permission to run the task" in response.content.decode()


@pytest.mark.parametrize("name", ["home", "detail", "status", "download", "view"])
def test_strangers_are_sent_to_sign_in(client: Client, made: Report, name: str) -> None:
    response = client.get(url(name) if name == "home" else url(name, made.pk))
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]
