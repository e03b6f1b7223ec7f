"""Rules, when a schedule fires, as one line of text, and back.

every 10 minutes
0 6 * * 1-5                     minute, hour, day of month, month, day of week (Sunday is 0)
0 6 * * 1-5 Europe/Berlin
once 2026-05-03T09:00:00+02:00
sunset 52.52 13.405
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from celery.exceptions import ImproperlyConfigured
from celery.schedules import BaseSchedule, ParseException, crontab
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import (
    DAYS,
    HOURS,
    MICROSECONDS,
    MINUTES,
    SECONDS,
    SOLAR_SCHEDULES,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)

from apps.schedules.fartimes import is_far
from apps.schedules.moments.clock import change_at
from apps.schedules.zones import UnknownZone

KINDS = {
    "interval": gettext_lazy("Interval"),
    "crontab": gettext_lazy("Crontab"),
    "clocked": gettext_lazy("Once"),
    "solar": gettext_lazy("Sun"),
}
PERIODS = (DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS)
EVENTS = {name for name, _label in SOLAR_SCHEDULES}
CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
EXPECTED = {
    "minute": gettext_lazy("the minute to be within 0 to 59"),
    "hour": gettext_lazy("the hour to be within 0 to 23"),
    "day_of_month": gettext_lazy("the day of the month to be within 1 to 31"),
    "month_of_year": gettext_lazy("the month to be within 1 to 12, or jan to dec"),
    "day_of_week": gettext_lazy("the day of the week to be within 0 to 6, Sunday is 0, or sun to sat"),
}
STEP, NO_STEP = gettext_lazy("a step of 1 or more"), re.compile(r"/0+(?!\d)")
INTERVAL = re.compile(r"every (\d+) ([a-z]+)")
SIXTH_FIELD = re.compile(r"[\d*?]|(sun|mon|tue|wed|thu|fri|sat)\b", re.IGNORECASE)  # where a zone may be
INTERVAL_DIGITS = 9  # its column takes no more
SHOWN_LENGTH = 60  # of what somebody typed, in a complaint about it
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=3660)


class RuleError(ValueError):
    """The rule can't be read, or would never fire; `field` is the bad part of a crontab, or "zone"."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Rule:
    """`kind` is the name of PeriodicTask's field, `row` a row of that model, perhaps not saved yet."""

    kind: str
    row: Any


def of(schedule: Any) -> Rule | None:
    """The rule of a PeriodicTask, perhaps not saved yet, or None. Which one it is costs no query."""
    for kind in KINDS:
        row = getattr(schedule, kind)  # where the column is null, Django doesn't ask
        if row is not None:
            return Rule(kind, row)
    return None


def give(schedule: Any, rule: Rule) -> None:
    """Makes it the only rule of the PeriodicTask, which is not saved by this."""
    for kind in KINDS:
        setattr(schedule, kind, rule.row if kind == rule.kind else None)


def kind_of(text: str) -> str:
    """What the line begins like."""
    first = text.split(maxsplit=1)[0].lower() if text.strip() else ""
    return "solar" if first in EVENTS else KIND_BY_WORD.get(first, "crontab")


def parse(text: str, zone: str = "") -> Rule:
    """A rule whose row is not saved. `zone` holds where the line names none. Raises RuleError."""
    rule = READERS[kind_of(text)](text.split(), zone)
    build(rule.row)
    return rule


def own_zone(text: str) -> str:
    """The zone in the line, of a single time its distance from UTC; "" if it has none."""
    words, kind = text.split(), kind_of(text)
    if kind == "crontab":
        return next((word for word in words[len(CRON_FIELDS) :][:1] if not SIXTH_FIELD.match(word)), "")
    moment = typed_time(words) if kind == "clocked" else None
    return moment.strftime("%z") if moment else ""


def text(rule: Rule) -> str:
    """The one line that `parse` reads."""
    return WRITERS[rule.kind](rule.row)


def build(row: Any) -> BaseSchedule:
    """Celery's schedule for the row. Raises RuleError where the rule can't be, or never fires."""
    try:
        if isinstance(row, IntervalSchedule):
            check_interval(row)
        if isinstance(row, CrontabSchedule):
            check_crontab(row)
        schedule: BaseSchedule = row.schedule
    except ImproperlyConfigured:
        raise RuleError(_("rules by the sun need the Python package ephem, not installed here")) from None
    except RuleError:
        raise
    except (ParseException, ValueError, OverflowError) as error:
        raise RuleError(str(error)) from error
    return schedule


def saved(rule: Rule) -> Rule:
    """The same rule with a row in the database: an equal one if there is any, else a new one."""
    model: type[Model] = type(rule.row)
    values = {
        field.attname: getattr(rule.row, field.attname)
        for field in model._meta.concrete_fields  # noqa: SLF001 - Django's documented API
        if not field.primary_key
    }
    found = model._default_manager.filter(**values).order_by("pk").first()  # noqa: SLF001
    return Rule(rule.kind, found or model._default_manager.create(**values))  # noqa: SLF001


def check_interval(row: IntervalSchedule) -> None:
    if row.period not in PERIODS:
        raise RuleError(_("expected one of %s") % ", ".join(PERIODS), "period")
    try:
        every = timedelta(**{row.period: row.every})
    except OverflowError:
        every = timedelta.max
    if not SHORTEST <= every <= LONGEST:
        raise RuleError(_("expected an interval of 1 second to 10 years"), "every")


def check_crontab(row: CrontabSchedule) -> None:
    """Beat's own validators let pass what celery can't read, such as 7 for Sunday: it never ran."""
    check_zone(row)
    parts = {name: getattr(row, name) for name in CRON_FIELDS}
    for name, value in parts.items():
        try:
            crontab(**{name: value})
        except (ParseException, ValueError) as error:
            expected = STEP if NO_STEP.search(value) else EXPECTED[name]
            said = {"expected": expected, "value": value[:SHOWN_LENGTH]}
            raise RuleError(_("expected %(expected)s, got “%(value)s”") % said, name) from error
    try:
        crontab(**parts)
    except ValueError:
        raise RuleError(_("no such date exists, so this would never run"), "day_of_month") from None


def check_zone(row: CrontabSchedule) -> None:
    if isinstance(row.timezone, UnknownZone):
        raise RuleError(_("there is no time zone “%s”") % row.timezone, "timezone")


def parse_interval(words: list[str], _zone: str) -> Rule:
    line = " ".join(words).lower()
    found = INTERVAL.fullmatch(line)
    period = f"{found[2].removesuffix('s')}s" if found else ""
    if not found or period not in PERIODS:
        raise RuleError(_("expected a rule such as “every 10 minutes”, got “%s”") % line[:SHOWN_LENGTH])
    if len(found[1]) > INTERVAL_DIGITS:
        raise RuleError(_("expected an interval of 1 second to 10 years"), "every")
    return Rule("interval", IntervalSchedule(every=int(found[1]), period=period))


def parse_once(words: list[str], zone: str) -> Rule:
    moment = typed_time(words)
    if moment is None:
        raise RuleError(_("expected a time such as “once 2026-05-03T09:00:00+02:00”"))
    found = aware(moment, zone)
    check_times(found)
    return Rule("clocked", ClockedSchedule(clocked_time=found))


def check_times(*moments: datetime | None) -> None:
    """Those of a schedule, its start and its end too. Raises RuleError."""
    if any(map(is_far, moments)):
        raise RuleError(_("expected a time before the year 9999"))


def typed_time(words: list[str]) -> datetime | None:
    """The time after “once” as it was written, perhaps without zone; None if it can't be read."""
    try:
        return parse_datetime(" ".join(words[1:]))
    except ValueError:
        return None


def aware(moment: datetime, zone_name: str = "") -> datetime:
    """In that zone or the site's, unless it has one. A time that the clocks skip is the first moment after,
    as with crontabs. Raises RuleError.
    """
    if not is_naive(moment):
        return moment
    zone = zone_named(zone_name or settings.TIME_ZONE)
    change = change_at(moment, zone)
    return change.at.replace(tzinfo=UTC) if change and change.skips else moment.replace(tzinfo=zone)


def zone_named(name: str) -> ZoneInfo:
    """Whatever the case of its letters. Raises RuleError."""
    known = zones().get(name.lower())
    if known is None:
        raise RuleError(_("there is no time zone “%s”") % name[:SHOWN_LENGTH], "zone")
    return ZoneInfo(known)


@cache
def zones() -> dict[str, str]:
    """The names of all time zones that a crontab can have, by the same in small letters."""
    names = sorted(str(zone) for zone, _label in CrontabSchedule._meta.get_field("timezone").choices)  # noqa: SLF001
    return {name.lower(): name for name in names}


def parse_solar(words: list[str], _zone: str) -> Rule:
    try:
        event, latitude, longitude = words
        row = SolarSchedule(event=event.lower(), latitude=Decimal(latitude), longitude=Decimal(longitude))
        row.clean_fields()
    except (ValueError, InvalidOperation, ValidationError):
        raise RuleError(_("expected a rule such as “sunset 52.52 13.405”")) from None
    return Rule("solar", row)


def parse_crontab(words: list[str], zone: str) -> Rule:
    if SIXTH_FIELD.match("".join(words[len(CRON_FIELDS) :])):
        raise RuleError(_("a crontab has five fields and no seconds; use an interval: “every 10 seconds”"))
    if len(words) not in {len(CRON_FIELDS), len(CRON_FIELDS) + 1}:
        raise RuleError(
            _("expected “every 10 minutes”, “once” with a time, or a crontab such as “0 6 * * *”")
        )
    named = words[len(CRON_FIELDS)] if len(words) > len(CRON_FIELDS) else zone or settings.CELERY_TIMEZONE
    # A row made without its zone looks for a default one first: in every file of zones there is.
    row = CrontabSchedule(**dict(zip(CRON_FIELDS, words, strict=False)), timezone=zone_named(named))
    try:
        row.clean_fields()
    except ValidationError as error:
        check_crontab(row)  # says it better where it can
        raise RuleError("; ".join(error.messages)) from None
    return Rule("crontab", row)


def crontab_text(row: CrontabSchedule) -> str:
    fields = [getattr(row, name).replace(" ", "") for name in CRON_FIELDS]
    return " ".join([*fields, str(row.timezone)])


def degrees(number: Any) -> str:
    """As short as can be: the database adds zeros, and 52.52 and 52.520000 are one place."""
    return f"{Decimal(str(number)).normalize() + 0:f}"


KIND_BY_WORD = {"every": "interval", "once": "clocked"}
READERS: dict[str, Callable[[list[str], str], Rule]] = {
    "interval": parse_interval,
    "crontab": parse_crontab,
    "clocked": parse_once,
    "solar": parse_solar,
}
WRITERS: dict[str, Callable[[Any], str]] = {
    "interval": lambda row: f"every {int(row.every)} {row.period}",
    "crontab": crontab_text,
    "clocked": lambda row: f"once {row.clocked_time.astimezone(UTC).isoformat()}",
    "solar": lambda row: f"{row.event} {degrees(row.latitude)} {degrees(row.longitude)}",
}
