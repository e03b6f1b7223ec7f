import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.email.models import Mailing, MailTemplate
from apps.email.tests.calls import call
from apps.jobs import Job

pytestmark = pytest.mark.django_db


def submitted(*arguments: str, **options: Any) -> Any:
    out = io.StringIO()
    call_command(*arguments, json=True, stdout=out, **options)
    return call(json.loads(out.getvalue())["id"])


def refused(*arguments: str, **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, **options)
    assert caught.value.returncode == 2
    assert not Job.objects.exists()
    return str(caught.value)


def test_a_mail_by_words() -> None:
    words = {"subject": "Hi", "content": "There", "reply_to": "bob@example.com", "key": "k"}
    assert submitted("send_email", "ann@example.com", **words) == {
        "to_email": "ann@example.com", "subject": "Hi", "content": "There",
        "reply_to": "bob@example.com", "idempotency_key": "k",
    }  # fmt: skip


def test_a_mail_by_template() -> None:
    kwargs = submitted("send_email", "ann@example.com", template="welcome", context='{"name": "Ann"}')
    assert kwargs == {"to_email": "ann@example.com", "template": "welcome", "context": {"name": "Ann"}}


def test_the_text_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("\ufeffGrüße\n", encoding="utf-8")
    assert submitted("send_email", "a@b.cc", subject="Hi", content_file=str(file))["content"] == "Grüße\n"


def test_the_text_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("piped"))
    assert submitted("send_email", "a@b.cc", subject="Hi", content_file="-")["content"] == "piped"


def test_bad_input_ends_with_code_2_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "to_email: expected one address" in refused("send_email", "ann", subject="Hi")
    assert "--context: Expecting" in refused("send_email", "a@b.cc", template="x", context="{")
    assert "context: Input should be a valid dict" in refused("send_email", "a@b.cc", context="[]")
    assert "No such file" in refused("send_email", "a@b.cc", content_file=str(tmp_path / "none"))
    assert "binary: 'utf-8' codec" in refused("send_email", "a@b.cc", content_file=str(tmp_path / "binary"))
    both = {"content": "x", "content_file": "y"}
    assert "not both" in refused("send_email", "a@b.cc", **both)


def test_a_mailing_from_a_file(tmp_path: Path, welcome: MailTemplate) -> None:
    file = tmp_path / "team.csv"
    file.write_text("to_email,name,link\nann@example.com,Ann,x\n")
    found = submitted("send_bulk_email", str(file), template="welcome", priority=3)
    mailing = Mailing.objects.get()
    assert found == {"mailing_id": mailing.pk}
    assert mailing.messages.get().subject == "Welcome, Ann"
    job = Job.objects.get(id=mailing.job_id)
    assert (job.priority, job.source) == (3, "command")


def test_a_bad_file_of_recipients_ends_with_code_2(tmp_path: Path) -> None:
    file = tmp_path / "team"
    file.write_text("ann@example.com\nbob\n")
    assert "recipients: number 2" in refused("send_bulk_email", str(file), subject="Hi")
    file.write_text("to_email,name\nann@example.com\n")
    assert "line 2 has another number" in refused("send_bulk_email", str(file), subject="Hi")
    assert "No such file" in refused("send_bulk_email", str(tmp_path / "none"), subject="Hi")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subject": "Hi\nBcc: eve@example.com"}, "subject: the control character"),
        ({"subject": "Hi", "content": "x" * 1_000_001}, "content: expected at most 1000000 bytes"),
        ({"subject": "Hi", "reply_to": "bob"}, "reply_to: expected one address"),
        ({"template": "none"}, "template: expected one of"),
        ({"subject": "Hi", "priority": 12}, "priority: expected 0"),
        ({"subject": "Hi", "queue": "nowhere"}, "queue: expected one of"),
    ],
)
def test_a_bad_mailing_ends_with_code_2_and_stores_nothing(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    file = tmp_path / "team"
    file.write_text("ann@example.com\n")
    assert words in refused("send_bulk_email", str(file), **options)
    assert not Mailing.objects.exists()
