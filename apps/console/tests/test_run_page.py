"""The pages under /run/."""

from typing import Any

import pytest
from django.test import Client
from django_celery_results.models import TaskResult
from kombu.exceptions import OperationalError

from apps.console.tests.cast import ERRORS, PAINT, SECRETIVE, job, missing
from apps.jobs import reading
from apps.jobs.task import JobTask

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
    row = TaskResult.objects.get()
    assert answer["Location"] == f"/jobs/{row.task_id}/"
    view = reading.view(row)
    assert (view.state, view.task) == ("PENDING", PAINT)
    assert view.kwargs == {"wall": "north", "coats": 3, "colour": "b"}


def test_bad_input_hands_in_nothing_and_loses_nothing(painter_client: Client) -> None:
    typed = {"wall": "<north>", "coats": "many", "colour": "b", "order-delay": "12", "order-unit": "hours"}
    page = painter_client.post(PAGE, typed).content.decode()
    assert "Enter a whole number." in page
    assert 'value="&lt;north&gt;"' in page
    assert 'value="many"' in page
    assert 'value="12"' in page
    assert '<option value="hours" selected>' in page
    assert not TaskResult.objects.exists()


def test_bad_input_beside_text_of_several_lines_keeps_the_lines(painter_client: Client) -> None:
    page = painter_client.post(PAGE, {"wall": "two\r\nlines", "coats": "many", "colour": "b"})
    assert "\ntwo\nlines</textarea>" in page.content.decode().replace("\r", "")


def test_a_bad_order_hands_in_nothing(painter_client: Client) -> None:
    page = painter_client.post(PAGE, {"wall": "north", "order-delay": "40", "order-unit": "days"})
    assert missing(page.content.decode(), "expected 0 s to 30 days", "Nothing was done yet") == []
    assert not TaskResult.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_broker_out_of_reach_is_an_error_on_the_form(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(JobTask, "apply_async", refuse)
    page = admin_client.post(PAGE, {"wall": "north", "coats": "7"}).content.decode()
    assert "The job was not handed in: the broker did not take the job: connection refused" in page
    assert 'value="north"' in page
    assert 'value="7"' in page
    assert not TaskResult.objects.exists()


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
    admin_client.post(PAGE, {"wall": "two\nlines", "coats": "3", "colour": "b"})
    earlier = TaskResult.objects.get()
    page = admin_client.get(PAGE, {"from-job": earlier.task_id}).content.decode()
    assert "\ntwo\nlines</textarea>" in page
    assert 'value="3"' in page
    assert '<option value="b" selected>' in page


@pytest.mark.parametrize("job_id", ["job-0", "no-such", "", "\x00"])
def test_a_job_of_another_task_fills_nothing(admin_client: Client, job_id: str) -> None:
    job(task_name=SECRETIVE)
    answer = admin_client.get(PAGE, {"from-job": job_id})
    assert answer.status_code == 200
    assert "north" not in answer.content.decode()
