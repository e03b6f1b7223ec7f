"""The pages under /run/."""

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.test import Client

from apps.console.tests.cast import ERRORS, PAINT, SECRETIVE, failure, job, missing
from apps.jobs.models import Job

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PAGE = f"/run/{PAINT}/"


def test_every_task_is_listed_with_what_it_does(admin_client: Client) -> None:
    page = admin_client.get("/run/").content.decode()
    assert PAGE in page
    assert "Paints a wall." in page
    assert "It dries by itself." not in page


def test_a_task_that_one_may_not_run_says_what_is_missing(painter_client: Client) -> None:
    page = painter_client.get("/run/").content.decode()
    assert PAGE in page
    assert f"/run/{ERRORS}/" not in page
    assert f"jobs.run_{ERRORS}" in page


@pytest.mark.parametrize(
    ("words", "found"),
    [("wall", True), ("PAINT", True), ("dries itself", True), ("console.tests", True), ("wall moon", False)],
)
def test_the_search_looks_for_all_the_words(admin_client: Client, words: str, found: bool) -> None:
    page = admin_client.get("/run/", {"q": words}).content.decode()
    assert (PAGE in page) == found


def test_a_search_that_finds_nothing_says_so_and_escapes_it(admin_client: Client) -> None:
    page = admin_client.get("/run/", {"q": "<script>"}).content.decode()
    assert "No task fits" in page
    assert "&lt;script&gt;" in page
    assert "“<script>" not in page


def test_typing_gets_the_list_alone(admin_client: Client) -> None:
    page = admin_client.get("/run/", {"q": "wall"}, headers=HTMX).content.decode()
    assert page.strip().startswith('<div id="tasks"')
    assert "<html" not in page


def test_the_list_costs_few_queries(painter_client: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(5):
        painter_client.get("/run/")


def test_the_form_explains_the_task(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "Paints a wall." in page
    assert "It dries by itself." in page
    assert "Which one." in page
    assert "How many times. Left empty: 2." in page
    assert '<option value="r" selected>Red</option>' in page


def test_an_unknown_task_is_not_found_and_the_nearest_is_named(admin_client: Client) -> None:
    answer = admin_client.get(f"/run/{PAINT}s/")
    assert answer.status_code == 404
    assert f"did you mean &#x27;{PAINT}&#x27;?" in answer.content.decode()


def test_the_form_hands_the_job_in(painter_client: Client) -> None:
    answer = painter_client.post(PAGE, {"wall": "north", "coats": "3", "colour": "b"})
    row = Job.objects.get()
    assert answer["Location"] == f"/jobs/{row.id}/"
    assert (row.state, row.task, row.source, row.submitter) == ("PENDING", PAINT, "page", "alice")
    assert row.kwargs == {"wall": "north", "coats": 3, "colour": "b"}


def test_the_form_says_how_to_run_it(painter_client: Client) -> None:
    order = {"order-priority": "0", "order-expires": "2", "order-expires_unit": "hours", "order-tags": "a, b"}
    painter_client.post(PAGE, {"wall": "north", "order-key": "north", **order})
    row = Job.objects.get()
    assert (row.priority, row.tags, row.key) == (0, ["a", "b"], "north")
    assert row.expires_at
    assert timedelta(minutes=119) < row.expires_at - row.submitted_at <= timedelta(hours=2)


def test_a_key_that_is_taken_leads_to_the_job_that_has_it(painter_client: Client) -> None:
    first = painter_client.post(PAGE, {"wall": "north", "order-key": "north"})
    second = painter_client.post(PAGE, {"wall": "south", "order-key": "north"})
    assert first["Location"] == second["Location"]
    assert Job.objects.count() == 1


def test_the_key_that_a_task_declares_counts_on_its_page(
    painter_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app.tasks[PAINT], "unique_key", ("wall",))
    assert "One job until it has ended, for each wall" in painter_client.get(PAGE).content.decode()
    first = painter_client.post(PAGE, {"wall": "north"})
    second = painter_client.post(PAGE, {"wall": "north", "coats": "3"}, follow=True)
    assert second.redirect_chain == [(first["Location"], 302)]
    assert "A job with the same key waits already" in second.content.decode()


def test_bad_input_hands_in_nothing_and_loses_nothing(painter_client: Client) -> None:
    typed = {"wall": "<north>", "coats": "many", "colour": "b", "order-delay": "12", "order-unit": "hours"}
    page = painter_client.post(PAGE, typed).content.decode()
    assert "Enter a whole number." in page
    assert 'value="&lt;north&gt;"' in page
    assert 'value="many"' in page
    assert 'value="12"' in page
    assert '<option value="hours" selected>' in page
    assert not Job.objects.exists()


def test_bad_input_beside_text_of_several_lines_keeps_the_lines(painter_client: Client) -> None:
    page = painter_client.post(PAGE, {"wall": "two\r\nlines", "coats": "many", "colour": "b"})
    assert "\ntwo\nlines</textarea>" in page.content.decode().replace("\r", "")


def test_a_bad_order_hands_in_nothing(painter_client: Client) -> None:
    page = painter_client.post(PAGE, {"wall": "north", "order-delay": "40", "order-unit": "days"})
    assert (
        missing(page.content.decode(), "expected a timedelta of 0 s to 30 days", "Nothing was done yet") == []
    )
    assert not Job.objects.exists()


def test_arguments_may_be_called_like_a_forms_own_parts(admin_client: Client) -> None:
    page = admin_client.get(f"/run/{ERRORS}/").content.decode()
    assert 'id="id_errors"' in page
    assert 'id="id_fields"' in page
    page = admin_client.post(f"/run/{ERRORS}/", {"errors": "x", "fields": "", "items": ""}).content.decode()
    assert "Errors: Enter a whole number." in page


def test_a_link_may_fill_the_form(admin_client: Client) -> None:
    page = admin_client.get(PAGE, {"wall": "south", "coats": "9", "colour": "b"}).content.decode()
    assert 'value="south"' in page
    assert 'value="9"' in page
    assert '<option value="b" selected>Deep blue</option>' in page


def test_a_link_may_give_several_items(admin_client: Client) -> None:
    page = admin_client.get(f"/run/{ERRORS}/", {"items": ["a", "b"]}).content.decode()
    assert "\na\nb</textarea>" in page


def test_an_earlier_job_may_fill_the_form(admin_client: Client) -> None:
    kwargs = {"wall": "two\nlines", "coats": 3, "colour": "b"}
    failure(kwargs=kwargs, priority=0, queue="email", tags=["a", "b"])
    page = admin_client.get(PAGE, {"from-job": "job-0"}).content.decode()
    wanted = ["\ntwo\nlines</textarea>", 'value="3"', '<option value="b" selected>', 'value="a, b"']
    assert missing(page, *wanted, '<option value="email" selected>', '<option value="0" selected>') == []


@pytest.mark.parametrize("job_id", ["job-0", "no-such", "", "\x00"])
def test_a_job_of_another_task_fills_nothing(admin_client: Client, job_id: str) -> None:
    job(task=SECRETIVE)
    answer = admin_client.get(PAGE, {"from-job": job_id})
    assert answer.status_code == 200
    assert "north" not in answer.content.decode()


def again(client: Client, **typed: str) -> Any:
    return client.post(f"{PAGE}?from-job=job-0", {"wall": "south", "coats": "3", "colour": "b", **typed})


def test_an_edited_job_is_a_retry_of_the_one_that_failed(painter_client: Client) -> None:
    failure()
    again(painter_client, **{"order-tags": "mended"})
    row = Job.objects.exclude(id="job-0").get()
    assert (row.retry_of, (row.kwargs or {})["wall"], row.tags) == ("job-0", "south", ["mended"])
    assert (row.source, row.submitter) == ("page", "alice")
    assert "attention-dead" not in painter_client.get("/").content.decode()


def test_a_job_like_one_that_runs_is_no_retry_of_it(painter_client: Client) -> None:
    job("STARTED")
    again(painter_client)
    assert Job.objects.exclude(id="job-0").get().retry_of is None


@pytest.mark.parametrize("columns", [{"task": SECRETIVE}, {"id": "other"}])
def test_a_retry_is_of_a_job_of_this_task_only(painter_client: Client, columns: dict[str, str]) -> None:
    failure(**columns)
    again(painter_client)
    assert Job.objects.get(task=PAINT, state="PENDING").retry_of is None


def test_secrets_of_the_earlier_job_are_not_shown(painter_client: Client) -> None:
    outbox = {"args": [], "kwargs": {"wall": "behind the picture"}}
    failure(kwargs={"wall": "[redacted]"}, redacted=["wall"], outbox=outbox)
    page = painter_client.get(PAGE, {"from-job": "job-0"}).content.decode()
    assert missing(page, "Secrets are not shown: wall", 'value="[redacted]"') == []
    assert "behind the picture" not in page


def test_a_secret_left_alone_is_taken_from_where_it_is_known(painter_client: Client) -> None:
    outbox = {"args": [], "kwargs": {"wall": "behind the picture"}}
    failure(kwargs={"wall": "[redacted]"}, redacted=["wall"], outbox=outbox)
    again(painter_client, wall="[redacted]")
    kwargs = Job.objects.exclude(id="job-0").get().kwargs or {}
    assert kwargs["wall"] == "behind the picture"


def test_a_secret_that_nobody_knows_any_more_has_to_be_typed_in(painter_client: Client) -> None:
    failure(kwargs={"wall": "[redacted]"}, redacted=["wall"])
    page = again(painter_client, wall="[redacted]").content.decode()
    assert "What was secret is not known any more (wall)" in page
    assert Job.objects.count() == 1
