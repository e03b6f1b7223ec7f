"""When a schedule would run if its form were saved now: in words, and the next five runs on two clocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.admin import display
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask

from apps.planner.ruleline import LINE_LENGTH, ZONE_LENGTH, read, sentence, written
from apps.schedules import forecasting, pausing, rules, wording
from apps.schedules.checking import NO_CONTROL_CHARACTERS
from apps.schedules.rules import Rule, RuleError

COUNT = 5


@dataclass(frozen=True)
class Clock:
    """A time on the wall of a zone; `changed` if its distance from UTC is not that of the run before.

    `exact`: shown with its seconds.
    """

    zone: str
    moment: datetime
    changed: bool
    exact: bool

    @property
    def text(self) -> str:
        # Translators: date formats of Django's; Sun 3 May 2026 09:00 and Sun 3 May 2026 09:00:00
        form = _("D j M Y H:i:s") if self.exact else _("D j M Y H:i")
        return date_format(self.moment, form)

    @property
    def offset(self) -> str:
        return f"UTC{self.moment.isoformat(timespec='minutes')[16:]}"


@dataclass(frozen=True)
class Run:
    clocks: list[Clock]
    note: str = ""


@dataclass(frozen=True)
class Preview:
    """`problems` are why there is nothing to show; `zones` heads the clocks, that of the schedule first."""

    kind: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    problems: tuple[str, ...] = ()


class PreviewForm(forms.Form):
    """The fields of the schedule's form on which its due times depend, and the zone of the reader."""

    rule = forms.CharField(
        label=gettext_lazy("Rule"), max_length=LINE_LENGTH, required=False, validators=[NO_CONTROL_CHARACTERS]
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=ZONE_LENGTH,
        required=False,
        validators=[NO_CONTROL_CHARACTERS],
    )
    start_time = forms.SplitDateTimeField(label=gettext_lazy("Not before"), required=False)
    expires = forms.SplitDateTimeField(label=gettext_lazy("End"), required=False)
    one_off = forms.BooleanField(required=False)
    reader = forms.CharField(required=False)

    def problems(self) -> Iterator[str]:
        for name, errors in self.errors.items():
            yield from (f"{self.fields[name].label}: {error}" for error in errors)


def preview(data: QueryDict, schedule: PeriodicTask, now: datetime) -> Preview:
    """Of the schedule with what the form says; it is changed by this, but not saved."""
    form = PreviewForm(data)
    kind = rules.kind_of(data.get("rule", "")) if data.get("rule", "").strip() else ""
    if not form.is_valid():
        return Preview(kind, problems=tuple(form.problems()))
    given = form.cleaned_data
    if not given["rule"]:
        return Preview(notes=(_("Type a rule, or choose an example."),))
    try:
        rule = read(given["rule"], given["zone"], written(rules.of(schedule))[1])
        rules.give(schedule, rule)
        schedule.start_time, schedule.expires = given["start_time"], given["expires"]
        schedule.one_off = given["one_off"] or rule.kind == "clocked"
        return look_ahead(schedule, rule, clocks_of(rule, given), now, given["rule"])
    except RuleError as error:
        return Preview(kind, problems=(sentence(error),))


@display(description=gettext_lazy("Next runs"))
def next_runs(schedule: PeriodicTask) -> SafeString:
    """As it is stored, on the site's clock; the script then shows it as the form stands."""
    try:
        if schedule.pk:
            forecasting.next_runs(schedule, timezone.now(), 1)  # says what is wrong with a spoilt row
        rule = rules.of(schedule)
        clocks = clocks_of(rule, {}) if rule else []
        shown = look_ahead(schedule, rule, clocks, timezone.now()) if rule else preview_of_nothing()
    except RuleError as error:
        shown = Preview(problems=(sentence(error),))
    return render_to_string("admin/planner/preview_part.html", {"preview": shown, "pk": schedule.pk or ""})


def preview_of_nothing() -> Preview:
    return Preview(notes=(_("Type a rule, or choose an example."),))


def clocks_of(rule: Rule, given: dict[str, Any]) -> list[ZoneInfo]:
    """The zone of the schedule and that of the reader; once if they are the same."""
    zone = ZoneInfo(settings.CELERY_TIMEZONE)
    if rule.kind == "crontab":
        zone = rule.row.timezone
    elif rule.kind == "clocked" and given.get("zone") and not rules.own_zone(given["rule"]):
        zone = rules.zone_named(given["zone"])
    try:
        reader = rules.zone_named(given.get("reader") or settings.TIME_ZONE)
    except RuleError:
        reader = ZoneInfo(settings.TIME_ZONE)
    return [zone] if reader.key == zone.key else [zone, reader]


def look_ahead(
    schedule: PeriodicTask, rule: Rule, clocks: list[ZoneInfo], now: datetime, line: str = ""
) -> Preview:
    """Raises RuleError."""
    moments = forecasting.runs_if_saved(schedule, now, COUNT)
    with timezone.override(clocks[0]):
        words = wording.words(rule)
    return Preview(
        kind=rule.kind,
        words=words,
        notes=tuple(notes(schedule, moments)),
        zones=tuple(zone.key for zone in clocks),
        runs=tuple(told(schedule, moments, clocks, line)),
    )


def notes(schedule: PeriodicTask, moments: list[datetime]) -> Iterator[str]:
    if not moments:
        yield _("None to come: its time has passed, or its end comes first.")
        return
    if schedule.pk and not schedule.enabled:
        yield _("It is disabled. Enabled now, it would run at:")
    elif why := pausing.words(forecasting.timing_of(schedule)):
        yield _("It is %(paused)s. Then it would run at:") % {"paused": why}


def told(
    schedule: PeriodicTask, moments: Sequence[datetime], clocks: list[ZoneInfo], line: str
) -> Iterator[Run]:
    before: list[datetime] = []
    exact = any(moment.second for moment in moments)
    for moment in moments:
        local = [moment.astimezone(zone) for zone in clocks]
        changed = [old.utcoffset() != new.utcoffset() for old, new in zip(before, local, strict=False)]
        faces = zip(clocks, local, changed or [False] * len(clocks), strict=True)
        skipped = skipped_time(schedule, moment, line, local[0])
        note = _("%(time)s does not exist on this day: the clocks go forward.") % {
            "time": f"{skipped:%H:%M}"
        } if skipped else ""  # fmt: skip
        yield Run([Clock(zone.key, at, change, exact) for zone, at, change in faces], note)
        before = local


def skipped_time(schedule: PeriodicTask, moment: datetime, line: str, local: datetime) -> datetime | None:
    """The local time that a run was moved away from."""
    if schedule.clocked is None:
        return forecasting.skipped(schedule, moment)
    typed = parse_datetime(line.partition(" ")[2].strip()) if line and not rules.own_zone(line) else None
    return typed if typed and typed != local.replace(tzinfo=None) else None
