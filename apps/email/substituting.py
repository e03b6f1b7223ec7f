"""The language of mail templates: `{{ name }}` stands for a value, and there is nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.html import escape
from django.utils.translation import gettext as _

from apps.email.addresses import shorten
from apps.email.texts import BODY_BYTES, VARIABLE


class TemplateError(ValueError):
    """The text of a template is wrong, or what it makes is too long."""


def variables(text: str) -> list[str]:
    """The names that the text wants, each once, in order. Raises TemplateError."""
    return list(dict.fromkeys(part for part, is_name in parts(text) if is_name))


def substitute(text: str, values: Mapping[str, Any], *, html: bool = False) -> str:
    """The text with a value for each name, escaped for HTML if asked. Raises TemplateError.

    Every name must have a value: see `variables`.
    """
    made, size = [], 0
    for part, is_name in parts(text):
        piece = written(values[part], html) if is_name else part
        size += len(piece)
        if size > BODY_BYTES:
            raise TemplateError(_("the values make it longer than %d characters") % BODY_BYTES)
        made.append(piece)
    return "".join(made)


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Plain text and names by turns; True marks a name. Takes time in proportion to the text's length."""
    plain, *rest = text.split("{{")
    yield without_statements(plain), False
    for piece in rest:
        tag, closed, plain = piece.partition("}}")
        if not closed:
            raise TemplateError(_("a {{ has no }} after it: %r") % shorten("{{" + tag))
        yield name_in(tag), True
        yield without_statements(plain), False


def name_in(tag: str) -> str:
    name = tag.strip()
    if not VARIABLE.fullmatch(name):
        raise TemplateError(_("expected a name such as {{ name }}, got {{%s}}") % shorten(tag))
    return name


def without_statements(plain: str) -> str:
    if "{%" in plain:
        raise TemplateError(_("only {{ name }} is known, {% … %} is not"))
    return plain


def written(value: Any, html: bool) -> str:
    text = "" if value is None else str(value)
    return escape(text) if html else text
