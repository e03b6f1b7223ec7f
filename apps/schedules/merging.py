"""Three ways to say one schedule, field by field: the code before, the code now, and what is here."""

from dataclasses import dataclass

from apps.schedules import checking
from apps.schedules.documents import DEFAULTS, FIELDS, Document, same

# A rule of a person's own doesn't become a one-off because the code's did.
RULE = ("rule", "one_off")
CALL = ("task", "args", "kwargs")


@dataclass(frozen=True)
class Merge:
    """`written` is new from the code; in the fields of `kept` a person's value stays."""

    written: Document
    kept: tuple[str, ...]


def merge(base: Document, code: Document, here: Document) -> Merge:
    """`base` may lack fields that the code of its time didn't know: they were the defaults."""
    differing = [field for field in FIELDS if not same(here[field], code[field])]
    kept = {field for field in differing if not same(here[field], base.get(field, DEFAULTS.get(field)))}
    if kept & set(RULE):
        kept |= set(differing) & set(RULE)
    if kept & set(CALL) and not fits({**code, **{field: here[field] for field in kept}}):
        kept |= set(differing) & set(CALL)
    written = {field: code[field] for field in differing if field not in kept}
    return Merge(written, tuple(field for field in FIELDS if field in kept))


def fits(document: Document) -> bool:
    """Whether a person's arguments still fit the code's task, or the other way round."""
    return not checking.call_complaints(document["task"], document["args"], document["kwargs"])
