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

KINDS = {
    "interval": gettext_lazy("Interval"),
    "crontab": gettext_lazy("Crontab"),
    "clocked": gettext_lazy("Once"),
    "solar": gettext_lazy("Sun"),
}
PERIODS = (DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS)
EVENTS = {name for name, _label in SOLAR_SCHEDULES}
CRON_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
INTERVAL = re.compile(r"every (\d{1,9}) ([a-z]+)")
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=3660)


class RuleError(ValueError):
    """The rule can't be read, or would never fire; `field` names the part of a crontab that is bad."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Rule:
    """`kind` is the name of PeriodicTask's field, `row` a row of that model, perhaps not saved yet."""

    kind: str
    row: Any


def of(schedule: Any) -> Rule | None:
    """The rule of a PeriodicTask, or None. Which one it is costs no query."""
    for kind in KINDS:
        if getattr(schedule, f"{kind}_id") is not None:
            return Rule(kind, getattr(schedule, kind))
    return None


def parse(text: str) -> Rule:
    """A rule whose row is not saved. Raises RuleError."""
    words = text.split()
    first = words[0] if words else ""
    reader = READERS.get("solar" if first in EVENTS else first, parse_crontab)
    rule = reader(words)
    build(rule.row)
    return rule


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
    try:
        every = timedelta(**{row.period: row.every})
    except OverflowError:
        every = timedelta.max
    if not SHORTEST <= every <= LONGEST:
        raise RuleError(_("expected an interval of 1 second to 10 years"), "every")


def check_crontab(row: CrontabSchedule) -> None:
    """Beat's own validators let pass what celery can't read, such as 7 for Sunday: it never ran."""
    parts = {name: getattr(row, name) for name in CRON_FIELDS}
    for name, value in parts.items():
        try:
            crontab(**{name: value})
        except (ParseException, ValueError) as error:
            raise RuleError(str(error) or _("expected a crontab value"), name) from error
    try:
        crontab(**parts)
    except ValueError:
        raise RuleError(_("no such date exists, so this would never run"), "day_of_month") from None


def parse_interval(words: list[str]) -> Rule:
    found = INTERVAL.fullmatch(" ".join(words))
    period = f"{found[2].removesuffix('s')}s" if found else ""
    if not found or period not in PERIODS:
        raise RuleError(_("expected a rule such as “every 10 minutes”, got “%s”") % " ".join(words))
    return Rule("interval", IntervalSchedule(every=int(found[1]), period=period))


def parse_once(words: list[str]) -> Rule:
    try:
        moment = parse_datetime(" ".join(words[1:]))
    except ValueError:
        moment = None
    if moment is None:
        raise RuleError(_("expected a time such as “once 2026-05-03T09:00:00+02:00”"))
    return Rule("clocked", ClockedSchedule(clocked_time=aware(moment)))


def aware(moment: datetime) -> datetime:
    zone = ZoneInfo(settings.TIME_ZONE)
    return moment.replace(tzinfo=zone) if is_naive(moment) else moment


def parse_solar(words: list[str]) -> Rule:
    try:
        event, latitude, longitude = words
        row = SolarSchedule(event=event, latitude=Decimal(latitude), longitude=Decimal(longitude))
        row.clean_fields()
    except (ValueError, InvalidOperation, ValidationError):
        raise RuleError(_("expected a rule such as “sunset 52.52 13.405”")) from None
    return Rule("solar", row)


def parse_crontab(words: list[str]) -> Rule:
    if len(words) not in {len(CRON_FIELDS), len(CRON_FIELDS) + 1}:
        raise RuleError(
            _("expected “every 10 minutes”, “once” with a time, or a crontab such as “0 6 * * *”")
        )
    zone = words[5] if len(words) > len(CRON_FIELDS) else settings.CELERY_TIMEZONE
    row = CrontabSchedule(**dict(zip(CRON_FIELDS, words, strict=False)))
    try:
        row.timezone = ZoneInfo(zone)
        row.clean_fields()
    except ValidationError as error:
        raise RuleError("; ".join(error.messages)) from None
    except (KeyError, ValueError):
        raise RuleError(_("there is no time zone “%s”") % zone) from None
    return Rule("crontab", row)


def crontab_text(row: CrontabSchedule) -> str:
    fields = [getattr(row, name).replace(" ", "") for name in CRON_FIELDS]
    return " ".join([*fields, str(row.timezone)])


READERS: dict[str, Callable[[list[str]], Rule]] = {
    "every": parse_interval,
    "once": parse_once,
    "solar": parse_solar,
}
WRITERS: dict[str, Callable[[Any], str]] = {
    "interval": lambda row: f"every {row.every} {row.period}",
    "crontab": crontab_text,
    "clocked": lambda row: f"once {row.clocked_time.astimezone(UTC).isoformat()}",
    "solar": lambda row: f"{row.event} {row.latitude} {row.longitude}",
}
