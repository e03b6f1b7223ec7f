from pathlib import Path

import pytest
from django.apps import apps

from apps.email import demo
from apps.email.models import MailTemplate, Message
from apps.email.retention import POLICIES
from apps.email.tasks import send_email_task

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_policies_name_what_exists(policy: object) -> None:
    model = apps.get_model(policy.model)  # type: ignore[attr-defined]
    rows = model.objects.filter(**policy.only).order_by(policy.timestamp)  # type: ignore[attr-defined]
    assert list(rows) == []
    for name in policy.files:  # type: ignore[attr-defined]
        assert model._meta.get_field(name)


def test_a_file_can_be_deleted_with_its_row(mail_folder: Path) -> None:
    send_email_task("ann@example.com", "Hello")
    message = Message.objects.get()
    assert message.eml.open().read().startswith(b"Content-Type")
    message.eml.close()
    message.eml.delete()
    assert list(mail_folder.iterdir()) == []


def test_the_demo_loads_any_number_of_times_and_keeps_changes(mail_folder: Path) -> None:
    demo.load()
    MailTemplate.objects.update(subject="Hello, {{ name }}")
    demo.load()
    ((_, kwargs),) = demo.jobs()
    result = send_email_task.apply(kwargs=kwargs).get()
    assert Message.objects.get(pk=result["message"]).subject == "Hello, Ann Lee"
    MailTemplate.objects.get().full_clean()
