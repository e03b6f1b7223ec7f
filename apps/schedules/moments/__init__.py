"""When a rule is due: pure arithmetic on UTC times, without database, settings or a look at the clock.

Offers: the rules Every, Once, Crontab and Sun; `moments` and `between`, which walk along any of them;
    the errors, all of them MomentError.
"""

from apps.schedules.moments.crontab import Crontab
from apps.schedules.moments.errors import (
    BadField,
    EphemMissing,
    MomentError,
    NaiveMoment,
    NeverDue,
    OutOfCalendar,
)
from apps.schedules.moments.every import Every
from apps.schedules.moments.once import Once
from apps.schedules.moments.rule import Rule, between, moments
from apps.schedules.moments.sun import Sun

__all__ = [
    "BadField",
    "Crontab",
    "EphemMissing",
    "Every",
    "MomentError",
    "NaiveMoment",
    "NeverDue",
    "Once",
    "OutOfCalendar",
    "Rule",
    "Sun",
    "between",
    "moments",
]
