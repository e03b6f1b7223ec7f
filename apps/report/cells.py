"""One value of a table: as words for people, as data for spreadsheets."""

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.jobs.reporting import Kind

ROUNDED_BELOW, ONE_PLACE_FROM = 10**15, 1000
NUMERIC: frozenset[Kind] = frozenset({"number", "percent", "duration"})

# Where a spreadsheet could begin to read a formula: at the start of the text or of a line in it, blanks
# skipped, and after a separator, as a comma file is cut at semicolons where the comma is the decimal sign.
FORMULA = re.compile(
    r"""\A(?=[\t\r\n])
    |(?:\A|(?<=[\r\n]))(?=[^\S\r\n\t]*[\0\u200b\ufeff]*[=+\-@＝＋－＠]|\t|\r(?!\n))
    |(?<=[;\t])(?=[=+\-@＝＋－＠])""",
    re.VERBOSE,
)


def harmless(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet could run as a formula."""
    return FORMULA.sub("'", text)


def caption(name: str, kind: Kind) -> str:
    """The name of a column of data: with its unit, where the numbers don't say it."""
    return f"{name} (s)" if kind == "duration" else name


def typed(value: Any) -> Any:
    """The value as str, int, float, naive local datetime, date, or None.

    A duration becomes seconds; what is no finite number becomes text.
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return timezone.make_naive(value) if timezone.is_aware(value) else value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | Decimal):
        return value if math.isfinite(value) else str(value)
    return value if isinstance(value, date) else str(value)


def words(value: Any, kind: Kind) -> str:
    """The value as people read it: `1,234`, `12.5 %`, `1.2 s`, `2026-11-22 14:03`."""
    data = typed(value)
    if data is None:
        return ""
    if isinstance(data, datetime):
        return data.strftime("%Y-%m-%d %H:%M")
    if isinstance(data, date | str) or kind == "text":
        return str(data)
    if kind == "percent":
        return f"{grouped(round(float(data) * 100, 1))} %"
    return duration(float(data)) if kind == "duration" else grouped(data)


def duration(seconds: float) -> str:
    """`340 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds == 0:
        return "0 s"
    if seconds < 0.9995:  # noqa: PLR2004 - from there on it reads 1 s
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 59.95:  # noqa: PLR2004 - from there on it reads 1 min
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    amounts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(index for index, (amount, _unit) in enumerate(amounts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in amounts[first : first + 2] if amount)


def grouped(number: float | Decimal) -> str:
    """At most three decimals, fewer for large numbers, thousands set apart."""
    if isinstance(number, int):
        return number_format(number, force_grouping=True)
    exact = Decimal(str(number))
    if abs(exact) >= ROUNDED_BELOW:
        return str(number)
    rounded = round(exact, 1 if abs(exact) >= ONE_PLACE_FROM else 3).normalize()
    return number_format(f"{rounded:f}", force_grouping=True)
