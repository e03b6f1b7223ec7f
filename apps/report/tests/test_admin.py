"""Reports in the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.jobs import Job
from apps.report.generating import Wish, generate
from apps.report.models import Report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("samples")]
LIST = "admin:report_report_changelist"


@pytest.fixture
def made() -> Report:
    return generate("job-1", Wish("customers", "html"))


def again(client: Client, *reports: Report) -> str:
    chosen = {"action": "make_again", "_selected_action": [report.pk for report in reports]}
    return client.post(reverse(LIST), chosen, follow=True).content.decode()


def test_the_list_has_state_and_links(admin_client: Client, made: Report) -> None:
    text = admin_client.get(reverse(LIST), {"q": "custom"}).content.decode()
    assert reverse("report:view", args=[made.pk]) in text
    assert reverse("report:download", args=[made.pk]) in text
    assert "success" in text


def test_a_report_can_be_looked_at_but_not_changed(admin_client: Client, made: Report) -> None:
    response = admin_client.get(reverse("admin:report_report_change", args=[made.pk]))
    assert response.status_code == 200
    assert 'name="title"' not in response.content.decode()
    assert admin_client.get(reverse("admin:report_report_add")).status_code == 403
    assert admin_client.post(reverse("admin:report_report_delete", args=[made.pk])).status_code == 403


def test_make_again_hands_in_one_job_for_each(admin_client: Client, made: Report) -> None:
    assert "Customers (html)" in again(admin_client, made)
    new = Report.objects.exclude(pk=made.pk).get()
    assert (new.name, new.state) == ("customers", "PENDING")
    job = Job.objects.get(id=new.job_id)
    assert (job.source, job.submitter) == ("admin", "admin")


def test_make_again_of_a_report_that_is_gone_says_so(admin_client: Client) -> None:
    old = Report.objects.create(job_id="job-1", name="old_name", title="Old", format="csv")
    assert "no report is named" in again(admin_client, old)
    assert Report.objects.count() == 1


def test_make_again_needs_the_permission_of_the_task(client: Client, staff: User, made: Report) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="view_report"))
    client.force_login(staff)
    assert "make_again" not in client.get(reverse(LIST)).content.decode()
    again(client, made)
    assert Report.objects.count() == 1
