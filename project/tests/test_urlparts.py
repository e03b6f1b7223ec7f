from pathlib import Path

import pytest

from project.urlparts import database_settings, email_settings


def test_a_database_url_is_taken_apart() -> None:
    found = database_settings("postgresql://app:p%40ss@db:5433/jobs?sslmode=require")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("app", "p@ss", "db", "5433")
    assert found["NAME"] == "jobs"
    assert found["OPTIONS"]["sslmode"] == "require"


def test_without_a_url_mail_becomes_files(tmp_path: Path) -> None:
    assert email_settings(None, tmp_path)["EMAIL_FILE_PATH"] == str(tmp_path)


@pytest.mark.parametrize(
    ("url", "port", "flag"),
    [
        ("smtp://mail", 25, None),
        ("smtp+tls://me:pw@mail", 587, "EMAIL_USE_TLS"),
        ("smtps://me:pw@mail:4650", 4650, "EMAIL_USE_SSL"),
    ],
)
def test_the_scheme_says_how_mail_is_encrypted(url: str, port: int, flag: str | None) -> None:
    found = email_settings(url, Path())
    assert found["EMAIL_PORT"] == port
    assert [name for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL") if found.get(name)] == [flag] * bool(flag)
