"""Mail addresses: exactly one, strictly read, ready for an SMTP envelope."""

import re
import unicodedata
from email.utils import parseaddr
from typing import Annotated

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from pydantic import AfterValidator

TEXT_LIMIT, ADDRESS_LIMIT, LOCAL_LIMIT, NAME_LIMIT = 500, 254, 64, 100
CONTROL = {"Cc", "Zl", "Zp", "Cs"}  # CR, LF, NUL, U+0085, U+2028, U+2029, half a surrogate pair
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
SHAPE = re.compile(rf'(?:(?P<name>{QUOTED.pattern}|[^"<>]*?)\s*<(?P<inside>[^"<>]*)>|(?P<bare>[^"<>]*))')


def parse(text: str) -> str:
    """`ann@example.com` or `Ann Lee <ann@example.com>`, with its domain in ASCII. Raises ValueError."""
    if len(text) > TEXT_LIMIT:
        raise ValueError(_("expected one address of at most %d characters") % TEXT_LIMIT)
    text = one_line(text).strip()
    refuse_list(text)
    found = SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(expected(text))
    address = checked(found["inside"] if found["bare"] is None else found["bare"])
    name = unquoted(found["name"] or "")
    return f"{quoted(name)} <{address}>" if name else address


def bare(address: str) -> str:
    """A parsed address without its name, in the form in which two of the same person are equal."""
    return parseaddr(address)[1].lower()


def one_line(text: str) -> str:
    """The text itself, or ValueError when it holds what could begin another header."""
    for position, character in enumerate(text, start=1):
        if unicodedata.category(character) in CONTROL:
            raise ValueError(
                _("the control character U+%(code)04X at position %(position)d is not allowed")
                % {"code": ord(character), "position": position}
            )
    return text


def refuse_list(text: str) -> None:
    if re.search(r"[,;]", QUOTED.sub("", text)):
        raise ValueError(_("expected one address, not a list; send_bulk_email_task sends to many"))


def checked(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(expected(address))
    if not local.isascii():
        raise ValueError(_("the part before the @ must be ASCII, got %r") % shorten(local))
    whole = f"{local}@{ascii_domain(domain)}"
    if len(whole) > ADDRESS_LIMIT or len(local) > LOCAL_LIMIT:
        raise ValueError(
            _("expected at most %(local)d characters before the @ and %(all)d in all")
            % {"local": LOCAL_LIMIT, "all": ADDRESS_LIMIT}
        )
    try:
        validate_email(whole)
    except ValidationError:
        raise ValueError(expected(address)) from None
    return whole


def ascii_domain(domain: str) -> str:
    """IDNA 2008, because the older rules send mail for straße.de to strasse.de."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError(_("%r is not a valid domain") % shorten(domain)) from None


def unquoted(name: str) -> str:
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if len(name) > NAME_LIMIT:
        raise ValueError(_("expected a name of at most %d characters") % NAME_LIMIT)
    return name.strip()


def quoted(name: str) -> str:
    if all(character.isalnum() or character == " " for character in name):
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def expected(text: str) -> str:
    return _("expected one address such as ann@example.com, got %r") % shorten(text)


def shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


Address = Annotated[str, AfterValidator(parse)]
