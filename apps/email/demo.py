"""The sample that `manage.py demo` loads: one template, and one mail made from it."""

from typing import Any

from apps.email.models import MailTemplate

TEXT = """Hello {{ name }},

welcome to {{ team }}. Your background jobs have a home now:
you can see them run, try them again, and plan them.

Until soon
"""
HTML = """<p>Hello <strong>{{ name }}</strong>,</p>
<p>welcome to {{ team }}. Your background jobs have a home now:
you can see them run, try them again, and plan them.</p>
<p>Until soon</p>
"""
CONTEXT = {"name": "Ann Lee", "team": "the harbour team"}


def load() -> None:
    words = {"subject": "Welcome, {{ name }}", "text": TEXT, "html": HTML, "sample": CONTEXT}
    MailTemplate.objects.get_or_create(name="welcome", defaults=words)


def jobs() -> list[tuple[str, dict[str, Any]]]:
    arguments = {"to_email": "Ann Lee <ann@example.com>", "template": "welcome", "context": CONTEXT}
    return [("apps.email.tasks.send_email_task", arguments)]
