"""What can be wrong with a rule or a time.

MomentError
├── BadField
├── NeverDue
├── NaiveMoment
├── OutOfCalendar
└── EphemMissing
"""


class MomentError(ValueError):
    """The rule, or the time it was asked about, makes no sense."""


class BadField(MomentError):
    """One field of the rule can't be read; `field` is its name."""

    def __init__(self, field: str, text: object, reason: str) -> None:
        super().__init__(f"{field} can't be “{text}”: {reason}")
        self.field = field


class NeverDue(MomentError):
    """No date is ever like that, such as 30 February."""


class NaiveMoment(MomentError):
    """A time came without its zone."""


class OutOfCalendar(MomentError):
    """The time lies before year 1 or after year 9999 once it is told in UTC."""


class EphemMissing(MomentError):
    """Rules by the sun need the package ephem."""
