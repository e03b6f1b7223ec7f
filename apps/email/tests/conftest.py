from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.email.models import MailTemplate
from apps.email.tests.smtp_server import MailServer


@pytest.fixture
def mail_folder(settings: Settings, tmp_path: Path) -> Path:
    """Mail becomes .eml files in this folder."""
    settings.EMAIL_BACKEND = "apps.email.files.EmlBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return tmp_path


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """Mail goes to a real server in this process."""
    server = MailServer()
    server.start()
    settings.EMAIL_BACKEND = "apps.email.smtp.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    yield server
    server.stop()


@pytest.fixture
def welcome(db: None) -> MailTemplate:
    return MailTemplate.objects.create(
        name="welcome",
        subject="Welcome, {{ name }}",
        text="Hello {{ name }}, see {{link}}.",
        html="<p>Hello {{ name }}</p>",
        sample={"name": "Ann", "link": "https://example.com"},
    )
