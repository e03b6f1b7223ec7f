"""The pages: what they show, and to whom."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.data.importing import TASK, run_import, start
from apps.data.models import Import, Record
from apps.data.tests.making import PEOPLE, received
from apps.jobs import Job
from apps.jobs.permissions import codename
from apps.jobs.states import Source
from tests.waiting import WorkerProcess, ended

pytestmark = pytest.mark.django_db
BAD = "id,name\n1,Ada\n2\n3,=cmd()\n4,a,b\n"


def upload(content: str = PEOPLE, name: str = "people.csv", **fields: str) -> dict[str, Any]:
    file = SimpleUploadedFile(name, content.encode())
    return {"file": file, "dataset": "people", "encoding": "utf-8", "key": "", **fields}


def permit(user: User, *names: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


@pytest.mark.parametrize("name", ["home", "new_import", "new_pipeline"])
def test_pages_are_for_signed_in_staff(client: Client, name: str) -> None:
    response = client.get(reverse(f"data:{name}"))
    assert response.status_code == 302
    assert "login" in response.headers["Location"]


def test_the_first_page_says_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(reverse("data:home")).content.decode()
    assert "No data yet" in page
    assert reverse("data:new_import") in page


def test_the_first_page_lists_datasets_and_imports(admin_client: Client) -> None:
    imported = received(PEOPLE)
    run_import(imported.pk)
    page = admin_client.get(reverse("data:home")).content.decode()
    assert imported.get_absolute_url() in page
    assert imported.dataset.get_absolute_url() in page
    assert "people.csv" in page


def test_staff_without_permission_see_names_but_no_buttons(client: Client, staff: User) -> None:
    received(PEOPLE)
    client.force_login(staff)
    page = client.get(reverse("data:home")).content.decode()
    assert "people.csv" in page
    assert reverse("data:new_import") not in page
    assert reverse("data:new_pipeline") not in page


@pytest.mark.parametrize(
    "path", ["/data/import/", "/data/pipeline/", "/data/datasets/people/", "/data/datasets/people/export.csv"]
)
def test_staff_without_permission_are_told_so(client: Client, staff: User, path: str) -> None:
    received(PEOPLE)
    client.force_login(staff)
    response = client.get(path)
    assert response.status_code == 403
    assert "may not do this with data" in response.content.decode()


def test_an_import_is_shown_to_who_sent_it_and_to_who_may_see_imports(client: Client, staff: User) -> None:
    mine = received(PEOPLE)
    Import.objects.filter(pk=mine.pk).update(submitted_by=staff)
    other = received(PEOPLE)
    client.force_login(staff)
    assert client.get(mine.get_absolute_url()).status_code == 200
    assert client.get(other.get_absolute_url()).status_code == 403
    permit(staff, "view_import")
    client.force_login(User.objects.get(pk=staff.pk))
    assert client.get(other.get_absolute_url()).status_code == 200


def test_who_may_see_an_import_may_not_run_it(client: Client, staff: User) -> None:
    imported = received(PEOPLE)
    permit(staff, "view_import")
    client.force_login(staff)
    url = reverse("data:run_again", args=[imported.pk])
    assert url not in client.get(imported.get_absolute_url()).content.decode()
    assert client.post(url).status_code == 403


def test_a_page_of_nothing_is_not_found(admin_client: Client) -> None:
    assert admin_client.get("/data/imports/9999/").status_code == 404
    assert admin_client.get("/data/datasets/nobody/").status_code == 404


def test_an_upload_becomes_an_import(
    client: Client, staff: User, django_capture_on_commit_callbacks: Any
) -> None:
    permit(staff, codename(TASK))
    client.force_login(staff)
    with django_capture_on_commit_callbacks() as callbacks:
        response = client.post(reverse("data:new_import"), upload(key="id"))
    imported = Import.objects.get()
    assert response.headers["Location"] == imported.get_absolute_url()
    assert (imported.submitted_by, imported.dataset.key_column, len(callbacks)) == (staff, "id", 1)
    job = Job.objects.get(id=imported.job_id)
    assert (job.source, job.submitter) == (Source.PAGE, staff.username)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": "a,a\n1,2\n"}, "more than once"),
        ({"content": "a,b\n"}, "no rows below the header"),
        ({"key": "email"}, "no column &#x27;email&#x27;"),
        ({"dataset": "no spaces"}, "expected 1 to 63 letters"),
        ({"encoding": "klingon"}, "not one of the available choices"),
    ],
)
def test_a_wrong_upload_comes_back_with_the_reason(
    admin_client: Client, fields: dict[str, str], words: str
) -> None:
    response = admin_client.post(reverse("data:new_import"), upload(**fields))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Import.objects.exists()


def test_an_upload_without_a_file_is_refused(admin_client: Client) -> None:
    page = admin_client.post(reverse("data:new_import"), {"dataset": "people"}).content.decode()
    assert "This field is required" in page


def test_an_upload_over_the_limit_is_refused_before_it_is_read(admin_client: Client, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    response = admin_client.post(reverse("data:new_import"), upload("a\n" + "1\n" * 100_000))
    assert response.status_code == 413
    assert "at most 1000" in response.content.decode()


def test_an_upload_needs_the_csrf_token(staff: User) -> None:
    permit(staff, codename(TASK))
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    assert client.post(reverse("data:new_import"), upload()).status_code == 403
    assert not Import.objects.exists()


def test_the_page_of_an_import_shows_counts_and_rejected_rows(admin_client: Client) -> None:
    imported = received(BAD)
    run_import(imported.pk)
    page = admin_client.get(imported.get_absolute_url()).content.decode()
    assert "expected 2 cells, got 1" in page
    assert "Start over" in page
    assert "every 2s" not in page


def test_rejected_rows_come_in_pages(admin_client: Client) -> None:
    imported = received("a,b\n" + "1\n" * 120 + "1,2\n")
    run_import(imported.pk)
    page = admin_client.get(f"{imported.get_absolute_url()}?page=3").content.decode()
    assert page.count("expected 2 cells") == 20


def test_a_waiting_import_asks_again_until_it_has_ended(
    admin_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    imported = received(PEOPLE)
    with django_capture_on_commit_callbacks():
        start(imported)
    page = admin_client.get(imported.get_absolute_url()).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "Waiting" in page
    part = reverse("data:import_state", args=[imported.pk])
    assert "every 2s" in admin_client.get(part).content.decode()
    run_import(imported.pk)
    assert "every 2s" not in admin_client.get(part).content.decode()


def test_a_running_import_shows_how_far_it_is(
    admin_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    imported = received(PEOPLE)
    with django_capture_on_commit_callbacks():
        start(imported)
    Import.objects.filter(pk=imported.pk).update(state="STARTED", rows_total=4, rows_read=1)
    page = admin_client.get(imported.get_absolute_url()).content.decode()
    assert 'value="1" max="4"' in page
    assert "25 %" in page


def test_an_import_that_broke_off_can_go_on(admin_client: Client) -> None:
    imported = received(PEOPLE)
    Import.objects.filter(pk=imported.pk).update(state="FAILURE", lines_done=1500, rows_read=1499)
    page = admin_client.get(imported.get_absolute_url()).content.decode()
    assert "Go on from line 1,501" in page


@pytest.mark.parametrize(("fields", "rows_read"), [({}, 2), ({"whole": "1"}, 0)])
def test_an_import_is_run_again_from_the_cursor_or_the_beginning(
    admin_client: Client, fields: dict[str, str], rows_read: int
) -> None:
    imported = received(PEOPLE)
    Import.objects.filter(pk=imported.pk).update(state="FAILURE", lines_done=3, rows_read=2)
    admin_client.post(reverse("data:run_again", args=[imported.pk]), fields)
    imported.refresh_from_db()
    assert (imported.state, imported.rows_read) == ("PENDING", rows_read)


def test_a_refused_file_can_be_tried_again(admin_client: Client) -> None:
    imported = received("a,b\n1,2\n" + '3,"4\n')
    with pytest.raises(Exception, match="never closed"):
        run_import(imported.pk)
    page = admin_client.get(imported.get_absolute_url()).content.decode()
    assert "line 3: a quote is never closed" in page
    assert "Try again" in page


def test_rejected_rows_are_downloaded_without_formulas(admin_client: Client) -> None:
    imported = received("id,name\n=cmd()\n")
    run_import(imported.pk)
    response = admin_client.get(reverse("data:import_errors", args=[imported.pk]))
    text = response.getvalue().decode("utf-8-sig")
    assert text.splitlines()[1] == '2,cells,,"expected 2 cells, got 1",\'=cmd()'


def test_script_in_data_is_shown_as_text(admin_client: Client) -> None:
    script = "<script>alert(1)</script>"
    imported = received(f"id,{script}\n1,{script}\n{script}\n", name=f"{script}.csv")
    run_import(imported.pk)
    for url in (imported.get_absolute_url(), "/data/datasets/people/", "/data/"):
        assert script not in admin_client.get(url).content.decode()


def test_rows_of_a_dataset_come_in_pages(admin_client: Client) -> None:
    run_import(received("n\n" + "".join(f"row{number:03}\n" for number in range(120)), key="n").pk)
    first = admin_client.get("/data/datasets/people/").content.decode()
    assert "row049<" in first
    assert "row050<" not in first
    after = Record.objects.get(key="row099").pk
    last = admin_client.get(f"/data/datasets/people/?after={after}").content.decode()
    assert "row100<" in last
    assert 'rel="next"' not in last


def test_a_row_is_found_by_its_key(admin_client: Client) -> None:
    run_import(received(PEOPLE, key="id").pk)
    page = admin_client.get("/data/datasets/people/?key=2").content.decode()
    assert "Grace" in page
    assert "Ada" not in page
    assert "No such row" in admin_client.get("/data/datasets/people/?key=7").content.decode()


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=" + "9" * 40, "after=%00", "key=%00", "after=٣"]
)
def test_a_query_that_makes_no_sense_breaks_nothing(admin_client: Client, query: str) -> None:
    run_import(received(PEOPLE, key="id").pk)
    assert admin_client.get(f"/data/datasets/people/?{query}").status_code == 200


def test_a_dataset_is_exported_with_all_its_columns(admin_client: Client) -> None:
    run_import(received(PEOPLE).pk)
    run_import(received("id,age\n9,=1+1\n").pk)
    response = admin_client.get("/data/datasets/people/export.csv")
    lines = response.getvalue().decode("utf-8-sig").splitlines()
    assert lines[0] == "id,name,city,age"
    assert lines[-1] == "9,,,'=1+1"


def test_a_pipeline_that_does_not_fit_comes_back_with_the_reason(admin_client: Client) -> None:
    page = admin_client.post("/data/pipeline/", {"url": "http://10.0.0.1/", "dataset": "x"}).content.decode()
    assert "not a public address" in page


def test_a_pipeline_leads_to_its_last_job(admin_client: Client) -> None:
    response = admin_client.post("/data/pipeline/", {"url": "sample:customers", "dataset": "people"})
    last = Job.objects.get(task="apps.data.tasks.upload_task")
    assert response.headers["Location"] == f"/jobs/{last.id}/"
    assert set(Job.objects.values_list("source", "submitter")) == {(Source.PAGE, "admin")}


@pytest.mark.django_db(transaction=True)
def test_an_upload_goes_the_whole_way(admin_client: Client, worker: WorkerProcess, media: str) -> None:
    url = admin_client.post(reverse("data:new_import"), upload(BAD, key="id")).headers["Location"]
    imported = Import.objects.get()
    assert ended(imported.job_id).state == "SUCCESS"
    page = admin_client.get(url).content.decode()
    assert "expected 2 cells, got 3" in page
    assert Record.objects.count() == 2
