"""From what a task was given to the words of a mail."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.email import texts
from apps.email.models import MailTemplate
from apps.email.substituting import TemplateError, substitute
from apps.jobs.errors import ArgumentError

SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Draft:
    """Either subject and content, or a template and the context it wants."""

    to_email: str = ""
    subject: str = ""
    content: str = ""
    html: str = ""
    reply_to: str = ""
    template: str = ""
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Letter:
    """What goes out, word for word. The names are those of the message's columns."""

    to: str
    reply_to: str
    subject: str
    text: str
    html: str
    template: str


def write(draft: Draft) -> Letter:
    """Raises ArgumentError."""
    return fill(draft, chosen_template(draft))


def write_all(draft: Draft, recipients: Sequence[dict[str, Any]]) -> list[Letter]:
    """One letter for each {"to_email", "context"}. Raises ArgumentError that names the first bad ones."""
    template = chosen_template(draft)
    letters, problems = [], []
    for number, recipient in enumerate(recipients, start=1):
        own = replace(draft, to_email=recipient["to_email"], context=recipient["context"])
        try:
            letters.append(fill(own, template))
        except ArgumentError as error:
            problems.append(f"number {number}, {own.to_email}: {error}")
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        raise ArgumentError({"recipients": f"{len(problems)} can't be written to: {shown}"})
    return letters


def chosen_template(draft: Draft) -> MailTemplate | None:
    own_words = draft.subject.strip() or draft.content or draft.html
    if draft.template and own_words:
        raise ArgumentError({"template": "expected a template, or subject and content, not both"})
    if draft.template:
        return find_template(draft.template)
    if not draft.subject.strip():
        raise ArgumentError({"subject": "expected a subject, or a template"})
    return None


def find_template(name: str) -> MailTemplate:
    found = MailTemplate.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(MailTemplate.objects.values_list("name", flat=True)[:20])
        raise ArgumentError({"template": f"expected one of {known or '(there is none)'}, got {name!r}"})
    return found


def fill(draft: Draft, template: MailTemplate | None) -> Letter:
    words = filled(template, draft.context) if template else own(draft)
    return Letter(to=draft.to_email, reply_to=draft.reply_to, template=draft.template, **words)


def own(draft: Draft) -> dict[str, str]:
    if draft.context:
        raise ArgumentError({"context": "expected a template to fill with it"})
    return {"subject": draft.subject, "text": draft.content, "html": draft.html}


def filled(template: MailTemplate, context: dict[str, Any]) -> dict[str, str]:
    try:
        wanted = template.variables
        missing = [name for name in wanted if name not in context]
        if missing:
            raise ArgumentError({"context": f"{template} wants {', '.join(wanted)}; "
                                 f"missing: {', '.join(missing)}"})  # fmt: skip
        words = {
            "subject": substitute(template.subject, context),
            "text": substitute(template.text, context),
            "html": substitute(template.html, context, html=True),
        }
    except TemplateError as error:
        raise ArgumentError({"template": f"{template}: {error}"}) from error
    try:
        texts.subject(words["subject"])
    except ValueError as error:
        raise ArgumentError({"context": f"makes a wrong subject: {error}"}) from error
    return words
