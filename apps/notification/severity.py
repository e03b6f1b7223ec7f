"""How bad it is. The order of the members is the order of the severities."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Severity(TextChoices):
    INFO = "info", _("info")
    WARNING = "warning", _("warning")
    ERROR = "error", _("error")
    CRITICAL = "critical", _("critical")


def reaches(severity: str, minimum: str) -> bool:
    order = Severity.values
    return order.index(severity) >= order.index(minimum)
