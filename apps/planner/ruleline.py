"""The rule of a schedule as the form has it: a line, and the zone in a field of its own."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.schedules import rules
from apps.schedules.rules import Rule, RuleError

LINE_LENGTH, ZONE_LENGTH = 1000, 63
EXAMPLES = {
    "interval": [
        ("every 10 minutes", gettext_lazy("Every 10 minutes")),
        ("every 1 hour", gettext_lazy("Every hour")),
        ("every 30 seconds", gettext_lazy("Every 30 seconds")),
    ],
    "crontab": [
        ("0 6 * * 1-5", gettext_lazy("Weekdays at 06:00")),
        ("*/15 8-18 * * *", gettext_lazy("Every 15 minutes by day")),
        ("30 2 * * *", gettext_lazy("Every night at 02:30")),
        ("0 4 1 * *", gettext_lazy("First of the month at 04:00")),
    ],
    "solar": [
        ("sunset 52.52 13.405", gettext_lazy("Sunset in Berlin")),
        ("sunrise 40.71 -74.01", gettext_lazy("Sunrise in New York")),
    ],
}


def read(line: str, zone: str, zone_before: str) -> Rule:
    """The rule that line and zone make together; `zone_before` is what the form had when it was opened.

    Raises RuleError, whose `field` is "zone" if it is the zone's field that is wrong.
    """
    own = rules.own_zone(line)
    if own and zone and zone.lower() not in {own.lower(), zone_before.lower()}:
        raise RuleError(_("the zone is given twice: here “%s”, and in the rule") % zone[:ZONE_LENGTH], "zone")
    try:
        return rules.parse(line, zone or settings.CELERY_TIMEZONE)
    except RuleError as error:
        if error.field == "zone" and own:
            raise RuleError(str(error)) from None
        raise


def written(rule: Rule | None) -> tuple[str, str]:
    """The line and the zone that the form shows for a rule."""
    zone = str(settings.CELERY_TIMEZONE)
    if rule is None:
        return "", zone
    if rule.kind == "crontab":
        line, _space, zone = rules.text(rule).rpartition(" ")
        return line, zone
    if rule.kind == "clocked":
        return f"once {clock(rule.row.clocked_time.astimezone(ZoneInfo(zone)))}", zone
    return rules.text(rule), zone


def clock(moment: datetime) -> str:
    whole = not (moment.second or moment.microsecond)
    return moment.isoformat(" ", timespec="minutes" if whole else "auto")


def sentence(error: RuleError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def examples(zone: str) -> dict[str, list[tuple[str, Any]]]:
    """By kind: a line that may be chosen, and what it means; single times are told in the zone."""
    try:
        local = now().astimezone(rules.zone_named(zone)).replace(second=0, microsecond=0, tzinfo=None)
    except RuleError:
        return examples(str(settings.CELERY_TIMEZONE))
    morning = local.replace(hour=9, minute=0) + timedelta(days=1)
    once = [
        (f"once {clock(local + timedelta(hours=1))}", _("In an hour")),
        (f"once {clock(morning)}", _("Tomorrow at 09:00")),
    ]
    return {kind: once if kind == "clocked" else EXAMPLES[kind] for kind in rules.KINDS}


class RuleInput(UnfoldAdminTextInputWidget):
    """The line, with the kinds to choose from and examples of each; the kind is only help."""

    zone = ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        shown = {
            "line": super().render(name, value, attrs, renderer),
            "chosen": rules.kind_of(value or ""),
            "kinds": rules.KINDS.items(),
            "examples": examples(self.zone or str(settings.CELERY_TIMEZONE)).items(),
        }
        return render_to_string("admin/planner/rule.html", shown)


class ZoneInput(UnfoldAdminTextInputWidget):
    """Any text; the browser offers the names of all time zones."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        attrs = {**(attrs or {}), "list": "switchyard-zones"}
        line = super().render(name, value, attrs, renderer)
        return render_to_string("admin/planner/zone.html", {"line": line, "zones": rules.zones().values()})
