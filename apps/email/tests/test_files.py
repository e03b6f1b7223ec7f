import re
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, send_mail

from apps.email.files import EmlBackend


def test_each_mail_is_one_readable_file(mail_folder: Path) -> None:
    for subject in ("Grüße an: Ann/Bob?", ""):
        send_mail(subject, "Hello", None, ["Ann <ann.lee@example.com>"])
    names = sorted(file.name for file in mail_folder.iterdir())
    patterns = [
        r"\d{8}-\d{6}-ann-lee-example-com-[0-9a-f]{6}\.eml",
        r"\d{8}-\d{6}-ann-lee-example-com-grue-an-annbob-[0-9a-f]{6}\.eml",
    ]
    assert all(any(re.fullmatch(pattern, name) for name in names) for pattern in patterns), names


def test_names_stay_short_and_inside_the_folder(mail_folder: Path) -> None:
    send_mail("../../etc/passwd " + "x" * 900, "Hello", None, [f"{'../' * 5}a@example.com"])
    (file,) = mail_folder.iterdir()
    assert len(file.name) < 160


def test_a_file_is_a_whole_mail_with_network_line_ends(mail_folder: Path) -> None:
    send_mail("Hello", "One\nTwo", "us@example.com", ["ann@example.com"])
    (file,) = mail_folder.iterdir()
    content = file.read_bytes()
    assert content.startswith(b"Content-Type: text/plain")
    assert content.endswith(b"\r\n\r\nOne\r\nTwo")


def test_the_folder_is_made(mail_folder: Path, settings: object) -> None:
    settings.EMAIL_FILE_PATH = str(mail_folder / "a" / "b")  # type: ignore[attr-defined]
    send_mail("Hello", "x", None, ["ann@example.com"])
    assert len(list((mail_folder / "a" / "b").iterdir())) == 1


def test_a_mail_that_can_not_be_written_leaves_nothing(
    mail_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        send_mail("Hello", "x", None, ["ann@example.com"])
    assert list(mail_folder.iterdir()) == []


def test_the_backend_tells_what_it_wrote(mail_folder: Path) -> None:
    backend = EmlBackend()
    mails = [EmailMessage(f"Hello {n}", "x", to=["ann@example.com"]) for n in range(3)]
    assert backend.send_messages(mails) == 3
    assert sorted(backend.written) == sorted(file.name for file in mail_folder.iterdir())
