"""Rules in words, in the reader's language."""

from collections.abc import Callable
from typing import Any

from celery.schedules import ParseException, crontab
from cron_descriptor import (  # type: ignore[import-untyped]
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
    get_description,
)
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext as _
from django_celery_beat.models import (
    DAYS,
    HOURS,
    MICROSECONDS,
    MINUTES,
    SECONDS,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
)

from apps.schedules.rules import Rule, text

DESCRIBER_LOCALES = {
    "cs": "cs_CZ", "de": "de_DE", "es": "es_ES", "fa": "fa_IR", "fr": "fr_FR", "it": "it_IT",
    "ja": "ja_JP", "ko": "ko_KR", "nb": "nb_NO", "nl": "nl_NL", "pt": "pt_PT", "ru": "ru_RU",
    "sk": "sk_SK", "sv": "sv_SE", "tr": "tr_TR", "uk": "uk_UA", "vi": "vi_VN", "zh": "zh_CN",
}  # fmt: skip
CANT_DESCRIBE = (FormatException, MissingFieldException, WrongArgumentException)


def words(rule: Rule | None) -> str:
    """`Every day at 02:00 (Europe/Berlin)`. Never raises: a rule that can't be is shown as written."""
    return WORDINGS[rule.kind](rule.row) if rule else _("no rule")


def interval_words(row: IntervalSchedule) -> str:
    wordings = {
        DAYS: ngettext("Every day", "Every %(count)d days", row.every),
        HOURS: ngettext("Every hour", "Every %(count)d hours", row.every),
        MINUTES: ngettext("Every minute", "Every %(count)d minutes", row.every),
        SECONDS: ngettext("Every second", "Every %(count)d seconds", row.every),
        MICROSECONDS: ngettext("Every microsecond", "Every %(count)d microseconds", row.every),
    }
    return wordings.get(row.period, text(Rule("interval", row))) % {"count": row.every}


def clocked_words(row: ClockedSchedule) -> str:
    # Translators: a date format of Django's; 3 May 2026 09:00
    moment = date_format(localtime(row.clocked_time), _("j F Y H:i"))
    return _("Once on %(moment)s") % {"moment": moment}


def solar_words(row: SolarSchedule) -> str:
    place = f"{row.latitude.normalize():f}, {row.longitude.normalize():f}"
    return _("%(event)s at %(place)s") % {"event": row.get_event_display(), "place": place}


def crontab_words(row: CrontabSchedule) -> str:
    return f"{plain_words(row) or described(row)} ({row.timezone})"


def plain_words(row: CrontabSchedule) -> str:
    """Own words for the everyday rules; "" for the rest."""
    whole_days = row.day_of_month == row.month_of_year == "*"
    if not whole_days:
        return ""
    if row.hour == row.day_of_week == "*":
        return within_an_hour(row.minute)
    if not (row.minute.isdecimal() and row.hour.isdecimal()):
        return ""
    time = f"{int(row.hour):02}:{int(row.minute):02}"
    if row.day_of_week == "*":
        return _("Every day at %(time)s") % {"time": time}
    if row.day_of_week in set("0123456"):
        day = WEEKDAYS[(int(row.day_of_week) - 1) % 7]  # Django counts from Monday
        return _("Every %(day)s at %(time)s") % {"day": day, "time": time}
    return ""


def within_an_hour(minute: str) -> str:
    if minute == "*":
        return _("Every minute")
    if minute.isdecimal():
        return _("Every hour at minute %(minute)d") % {"minute": int(minute)}
    step = minute.removeprefix("*/")
    if step.isdecimal() and step != minute and int(step) and 60 % int(step) == 0:
        return ngettext("Every minute", "Every %(count)d minutes", int(step)) % {"count": int(step)}
    return ""


def described(row: CrontabSchedule) -> str:
    expression = " ".join(
        field.replace(" ", "")
        for field in (row.minute, row.hour, row.day_of_month, row.month_of_year, week_days(row))
    )
    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = describer_locale()
    try:
        return str(get_description(expression, options))
    except CANT_DESCRIBE:
        return expression


def week_days(row: CrontabSchedule) -> str:
    """Names and ranges as numbers, which the describer reads in every language."""
    try:
        week: Any = crontab(day_of_week=row.day_of_week)
    except (ParseException, ValueError):
        return str(row.day_of_week)
    days = sorted(week.day_of_week)
    if days == list(range(7)):
        return "*"
    if days == list(range(days[0], days[-1] + 1)) and len(days) > 1:
        return f"{days[0]}-{days[-1]}"
    return ",".join(map(str, days))


def describer_locale() -> str:
    language = to_locale(get_language() or "en").split("_")[0]
    return DESCRIBER_LOCALES.get(language, "en_US")


WORDINGS: dict[str, Callable[[Any], str]] = {
    "interval": interval_words,
    "crontab": crontab_words,
    "clocked": clocked_words,
    "solar": solar_words,
}
