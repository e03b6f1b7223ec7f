"""Mail as .eml files, for a machine without a mail server: any mail program opens them."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.utils import timezone
from django.utils.deconstruct import deconstructible
from django.utils.text import slugify

from apps.email.addresses import bare


class EmlBackend(BaseEmailBackend):
    """Writes each message to a file of its own under `settings.EMAIL_FILE_PATH`.

    A file appears whole or not at all. `written` lists the names of those written so far.
    """

    handed_over = False  # an error always means that there is no file

    def __init__(self, fail_silently: bool = False, **options: object) -> None:
        super().__init__(fail_silently=fail_silently)
        self.written: list[str] = []

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            name = readable_name(message)
            write_whole(folder / name, as_eml(message))
            self.written.append(name)
        return len(email_messages)


def as_eml(message: EmailMessage) -> bytes:
    made: Any = message.message()  # of Django's own class, which knows line ends
    return bytes(made.as_bytes(linesep="\r\n"))


def readable_name(message: EmailMessage) -> str:
    """`20261122-150405-ann-example-com-welcome-to-the-team-3f9a1c.eml`"""
    words = [
        timezone.now().strftime("%Y%m%d-%H%M%S"),
        slugify(bare(message.to[0]).replace("@", "-").replace(".", "-"))[:60],
        slugify(message.subject)[:60],
        secrets.token_hex(3),
    ]
    return "-".join(word for word in words if word) + ".eml"


def write_whole(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@deconstructible
class EmlStorage(FileSystemStorage):
    """Where the backend writes, also after the setting has changed."""

    @property
    def base_location(self) -> str:
        return str(getattr(settings, "EMAIL_FILE_PATH", "") or settings.MEDIA_ROOT)

    @property
    def location(self) -> str:
        return os.path.abspath(self.base_location)  # noqa: PTH100 - as Django's own does
