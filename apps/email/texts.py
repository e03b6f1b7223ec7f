"""What a subject, a body, a key and a template's context may be. Each check raises ValueError."""

import math
import re
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import AfterValidator

from apps.email.addresses import one_line

SUBJECT_LIMIT, KEY_LIMIT, NAME_LIMIT = 998, 255, 100
BODY_BYTES = 1_000_000
VALUE_LIMIT = 10_000
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def short(text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(
            _("expected at most %(limit)d characters, got %(count)d") % {"limit": limit, "count": len(text)}
        )
    return one_line(text)


def subject(text: str) -> str:
    return short(text, SUBJECT_LIMIT)


def key(text: str) -> str:
    return short(text, KEY_LIMIT)


def template_name(text: str) -> str:
    return short(text, NAME_LIMIT)


def body(text: str) -> str:
    storable(text)
    size = len(text.encode())
    if size > BODY_BYTES:
        raise ValueError(
            _("expected at most %(limit)d bytes, got %(size)d") % {"limit": BODY_BYTES, "size": size}
        )
    return text


def context(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if not VARIABLE.fullmatch(name):
            raise ValueError(_("%r is no name for a variable: expected letters, digits and _") % name[:60])
        check_value(name, value)
    return values


def check_value(name: str, value: Any) -> None:
    plain = value is None or isinstance(value, str | int | float)
    too_big = isinstance(value, int) and value.bit_length() > 64  # noqa: PLR2004 - bits
    if not plain or too_big or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(_("%s: expected text, a number, true, false or null") % name)
    if isinstance(value, str):
        storable(value)
        if len(value) > VALUE_LIMIT:
            raise ValueError(_("%(name)s: expected at most %(limit)d characters") % {
                "name": name, "limit": VALUE_LIMIT,
            })  # fmt: skip


def storable(text: str) -> None:
    """Neither PostgreSQL nor a mail can hold a NUL or half a surrogate pair."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(_("NUL and halves of surrogate pairs are not allowed"))


Subject = Annotated[str, AfterValidator(subject)]
Body = Annotated[str, AfterValidator(body)]
Key = Annotated[str, AfterValidator(key)]
TemplateName = Annotated[str, AfterValidator(template_name)]
Context = Annotated[dict[str, Any], AfterValidator(context)]
