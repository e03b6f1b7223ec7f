"""Schedules for tests."""

import json
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection
from django_celery_beat.models import PeriodicTask

from apps.jobs.tests import sample_tasks
from apps.schedules import rules

ADD = str(sample_tasks.add_task.name)
LIST = "/admin/django_celery_beat/periodictask/"


def make_schedule(name: str = "nightly", rule: str = "0 2 * * *", **fields: Any) -> PeriodicTask:
    found = rules.saved(rules.parse(rule))
    arguments = {
        "kwargs": json.dumps(fields.pop("kwargs", {"left": 1})),
        "args": json.dumps(fields.pop("args", [])),
    }
    fields = {"task": ADD, "one_off": found.kind == "clocked", found.kind: found.row, **arguments, **fields}
    return PeriodicTask.objects.create(name=name, **fields)


MANY = """
INSERT INTO django_celery_beat_periodictask (name, task, interval_id, args, kwargs, headers, one_off, enabled,
    total_run_count, date_changed, description)
SELECT 'schedule ' || n, %s, %s, '[]', '{"left": 1}', '{}', false, %s, 0, now(), ''
FROM generate_series(1, %s) AS n
"""


def make_many(count: int, *, enabled: bool = True) -> None:
    """Schedules for each hour, with statistics as autovacuum would have gathered them."""
    rule = rules.saved(rules.parse("every 1 hours")).row
    with connection.cursor() as cursor:
        cursor.execute(MANY, [ADD, rule.pk, enabled, count])
        cursor.execute("ANALYZE django_celery_beat_periodictask, schedules_timing")


def change_url(schedule: PeriodicTask) -> str:
    return f"{LIST}{schedule.pk}/change/"


def filled_in(page: Any, **changes: Any) -> dict[str, Any]:
    """What a browser would send back from this page's form, with these fields changed."""
    form = page.context["adminform"].form
    data: dict[str, Any] = {}
    for name, field in form.fields.items():
        value = field.prepare_value(form.get_initial_for_field(field, name))
        if hasattr(field.widget, "decompress"):
            parts = field.widget.decompress(value)
            texts = [
                f"{part:%Y-%m-%d}" if at == 0 else f"{part:%H:%M:%S}" for at, part in enumerate(parts) if part
            ]
            data |= {f"{name}_{at}": text for at, text in enumerate(texts)}
        elif value not in {None, False}:
            data[name] = "on" if value is True else value
    data |= of_arguments(form, changes)
    for inline in page.context["inline_admin_formsets"]:
        data |= of_formset(inline.formset)
    data |= changes
    return {name: value for name, value in data.items() if value is not None}


def of_arguments(form: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """The fields of the task's own form, if the page shows it; JSON is chosen where JSON is changed."""
    if {"args", "kwargs"} & changes.keys():
        return {"arguments_as": "json"}
    inside = form.fields["arguments"].widget.part["form"] if "arguments" in form.fields else None
    if inside is None:
        return {}
    given = {field.html_name: field.value() for field in inside}
    return {"arguments_of": inside.task.name} | {name: v for name, v in given.items() if v is not None}


def of_formset(formset: Any) -> dict[str, Any]:
    data = {f"{formset.prefix}-{name}_FORMS": len(formset.forms) for name in ("TOTAL", "INITIAL")}
    for form in formset.forms:
        for name, field in form.fields.items():
            data[form.add_prefix(name)] = field.prepare_value(form.get_initial_for_field(field, name))
    return data


def errors(page: Any) -> dict[str, list[str]]:
    """The complaints of the form by field; "__all__" are those about the whole."""
    return dict(page.context["adminform"].form.errors) if page.context else {}


def allow(user: Any, *permissions: str) -> None:
    """Gives permissions such as `schedules.run_schedule`; they count from the user's next request."""
    for permission in permissions:
        app, codename = permission.split(".", 1)
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
