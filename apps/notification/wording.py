"""What the texts of a notification may look like: types that the engine checks at the door."""

import unicodedata
from typing import Annotated
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import AfterValidator, Field

TITLE_LENGTH, MESSAGE_LENGTH, LINK_LENGTH, KEY_LENGTH, NAME_LENGTH = 200, 20_000, 2_000, 200, 254
UNFIT = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of a surrogate pair, line separators
SPACING = "\n\r\t"


def one_line(text: str) -> str:
    """The text without blanks around it. Raises ValueError if it isn't one visible line."""
    if found := unfit(text):
        raise ValueError(f"expected one line without control characters, found {found}")
    if not text.strip():
        raise ValueError("expected at least one visible character")
    return text.strip()


def plain_text(text: str) -> str:
    """Raises ValueError for control characters other than line breaks and tabs."""
    if found := unfit(text, SPACING):
        raise ValueError(f"expected text without control characters, found {found}")
    return text


def link(text: str) -> str:
    """Raises ValueError unless it is an http or https address, or a path of this site."""
    if unfit(text) or any(character in text for character in ' \\"<>'):
        raise ValueError("expected an address without blanks, quotes, backslashes and control characters")
    if text.startswith("/") and not text.startswith("//"):
        return text
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected an http or https address, or a path of this site such as /jobs/")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without a user name and password in it")
    return text


def absolute(url: str) -> str:
    """A path of this site with the site's address before it, where that is known."""
    return f"{settings.SITE_URL.rstrip('/')}{url}" if url.startswith("/") else url


def storable(text: str) -> str:
    """PostgreSQL's text knows neither NUL nor halves of a surrogate pair."""
    return text.encode(errors="replace").decode().replace("\x00", "\\x00")


def fitting(text: str, allowed: str = "") -> str:
    """Blanks for what doesn't fit: for words that came from elsewhere."""
    return "".join(" " if unfit(character, allowed) else character for character in text)


def unfit(text: str, allowed: str = "") -> str:
    """The first character that doesn't fit, as `U+0007`; or nothing."""
    for character in text:
        if character not in allowed and unicodedata.category(character) in UNFIT:
            return f"U+{ord(character):04X}"
    return ""


Title = Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH), AfterValidator(one_line)]
Message = Annotated[str, Field(max_length=MESSAGE_LENGTH), AfterValidator(plain_text)]
Link = Annotated[str, Field(min_length=1, max_length=LINK_LENGTH), AfterValidator(link)]
Key = Annotated[str, Field(min_length=1, max_length=KEY_LENGTH), AfterValidator(one_line)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), AfterValidator(one_line)]
