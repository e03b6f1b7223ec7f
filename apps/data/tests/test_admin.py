"""The admin of data."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.data.importing import TASK, run_import
from apps.data.models import Import, Source
from apps.data.tests.making import PEOPLE, dataset, received
from apps.jobs import Job
from apps.jobs.permissions import codename

pytestmark = pytest.mark.django_db
MODELS = ["dataset", "record", "import", "rowerror", "source"]


@pytest.fixture
def imported() -> Import:
    """One import with a rejected row, and a source."""
    found = received(PEOPLE + "4\n", key="id")
    run_import(found.pk)
    found.refresh_from_db()
    Source.objects.create(name="crm", url="https://example.com/x.csv", target=found.dataset, etag='"1"')
    return found


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:data_{model}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_every_row_can_be_opened(admin_client: Client, imported: Import, model: str) -> None:
    page = admin_client.get(url(model, "changelist"), {"q": "1"})
    assert page.status_code == 200
    row = page.context["cl"].model.objects.first()
    assert admin_client.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", ["record", "import", "rowerror"])
def test_what_jobs_write_is_read_only(admin_client: Client, imported: Import, model: str) -> None:
    assert admin_client.get(url(model, "add")).status_code == 403


def test_an_import_shows_its_progress(admin_client: Client, imported: Import) -> None:
    page = admin_client.get(url("import", "changelist")).content.decode()
    assert "4 / 4" in page


@pytest.mark.parametrize("model", MODELS)
def test_lists_ask_few_questions(
    admin_client: Client, imported: Import, model: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        run_import(received(f"id,name,city\n{number}\n{number},a,b\n").pk)
    with django_assert_max_num_queries(12):
        admin_client.get(url(model, "changelist"))


def test_an_import_is_run_again(
    admin_client: Client, imported: Import, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        act(admin_client, "import", "run_these_again", imported.pk)
    imported.refresh_from_db()
    assert (imported.state, imported.rows_read, len(callbacks)) == ("PENDING", 0, 1)
    assert submitted_by(imported.job_id) == ("admin", "admin")


def test_a_source_is_fetched_now(
    admin_client: Client, imported: Import, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        act(admin_client, "source", "sync_these_now", Source.objects.get().pk)
    assert len(callbacks) == 1
    assert submitted_by(Job.objects.get().id) == ("admin", "admin")


@pytest.mark.parametrize(("model", "action"), [("import", "run_these_again"), ("source", "sync_these_now")])
def test_actions_need_the_task_s_own_permission(
    client: Client, staff: User, imported: Import, model: str, action: str
) -> None:
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="data"))
    client.force_login(staff)
    page = client.get(url(model, "changelist")).content.decode()
    assert action not in page
    staff.user_permissions.add(
        *Permission.objects.filter(codename__in=[codename(TASK), codename("apps.data.tasks.sync_data_task")])
    )
    assert action in client.get(url(model, "changelist")).content.decode()


def test_the_key_of_a_dataset_can_not_be_changed(admin_client: Client, imported: Import) -> None:
    row = imported.dataset
    admin_client.post(
        url("dataset", "change", row.pk), {"title": "People", "key_column": "name", "name": "x"}
    )
    row.refresh_from_db()
    assert (row.title, row.key_column, row.name) == ("People", "id", "people")


def test_a_dataset_with_records_can_not_be_deleted(admin_client: Client, imported: Import) -> None:
    assert admin_client.get(url("dataset", "delete", imported.dataset.pk)).status_code == 403
    assert admin_client.get(url("dataset", "delete", dataset("empty").pk)).status_code == 200


@pytest.mark.parametrize(
    ("new", "etag"), [("https://example.com/y.csv", ""), ("https://example.com/x.csv", '"1"')]
)
def test_a_new_address_is_not_the_same_file(
    admin_client: Client, imported: Import, new: str, etag: str
) -> None:
    row = Source.objects.get()
    fields = {"name": "crm", "url": new, "target": row.target_id, "format": "csv", "encoding": "utf-8"}
    response = admin_client.post(url("source", "change", row.pk), fields)
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.url, row.etag) == (new, etag)


def test_a_forbidden_address_is_named_in_the_form(admin_client: Client) -> None:
    fields = {
        "name": "crm",
        "url": "http://10.0.0.1/",
        "target": dataset().pk,
        "format": "csv",
        "encoding": "utf-8",
    }
    page = admin_client.post(url("source", "add"), fields).content.decode()
    assert "not a public address" in page


def submitted_by(job_id: str) -> tuple[str, str]:
    """Through which door, and by whom."""
    job = Job.objects.get(id=job_id)
    return job.source, job.submitter


def act(client: Client, model: str, action: str, pk: int) -> None:
    fields = {"action": action, "_selected_action": [pk]}
    assert client.post(url(model, "changelist"), fields).status_code == 302
