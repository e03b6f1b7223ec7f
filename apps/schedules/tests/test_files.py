"""Schedules to YAML and back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.schedules import documents, exporting, importing, reading, yamltext
from apps.schedules.exporting import CannotExport
from apps.schedules.importing import BadFile
from apps.schedules.models import Timing
from apps.schedules.tests.making import ADD, make_schedule
from apps.schedules.timetable.renewing import renew_stale

NIGHTLY = f"""
nightly:
  task: {ADD}
  rule: 0 2 * * *
  kwargs: {{left: 1}}
"""


def exported() -> str:
    return exporting.text(reading.schedules())


def bring(text: str, **how: Any) -> dict[str, str]:
    return {one.name: one.outcome for one in importing.bring(text.encode(), **how)}


def problems(text: str) -> list[str]:
    with pytest.raises(BadFile) as error:
        bring(text)
    assert not PeriodicTask.objects.exclude(name="here").exists()
    return error.value.problems


def test_an_entry_says_what_differs_from_the_defaults(db: None) -> None:
    make_schedule("nightly", rule="0 2 * * * Europe/Berlin")
    make_schedule(
        "busy", rule="every 5 minutes", enabled=False, queue="data", priority=3, headers='{"a": 1}',
        description="Zwölf 十二", start_time=datetime(2026, 5, 3, 9, tzinfo=UTC), expire_seconds=60,
        exchange="", routing_key=None,
    )  # fmt: skip
    Timing.objects.filter(periodic_task__name="busy").update(overlap="skip", owner="data team")
    assert exported() == (
        f"""busy:
  task: {ADD}
  rule: every 5 minutes
  kwargs:
    left: 1
  queue: data
  priority: 3
  headers:
    a: 1
  start: '2026-05-03T09:00:00+00:00'
  expire_seconds: 60
  enabled: false
  description: Zwölf 十二
  owner: data team
  overlap: skip
nightly:
  task: {ADD}
  rule: 0 2 * * * Europe/Berlin
  kwargs:
    left: 1
"""
    )


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
tricky = st.sampled_from(["yes", "null", "~", "1e5", "1_000", "012", "12:30", "2026-05-03", "<<", "=", "- a"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts | tricky
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | tricky, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
moments = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
degrees = st.decimals(-66, 66, places=6)
rule_lines = st.one_of(
    st.builds("every {} {}".format, st.integers(1, 3000), st.sampled_from(["days", "hours", "seconds"])),
    st.builds("{} {} * * {} {}".format, st.integers(0, 59), st.integers(0, 23),
              st.sampled_from(["*", "1-5", "mon,wed"]), zones),
    st.builds("once {}".format, moments.map(datetime.isoformat)),
    st.builds("{} {} {}".format, st.sampled_from(["sunset", "solar_noon"]), degrees, degrees),
)  # fmt: skip
schedules = st.fixed_dictionaries({
    "name": names, "rule": rule_lines, "kwargs": st.dictionaries(texts | tricky, plain, max_size=3),
    "args": st.lists(plain, max_size=2), "queue": st.sampled_from([None, "data"]),
    "priority": st.none() | st.integers(0, 9), "enabled": st.booleans(), "description": texts | tricky,
    "start_time": st.none() | moments, "expires": st.none() | moments,
})  # fmt: skip
policies = st.fixed_dictionaries({
    "missed": st.sampled_from(["skip", "once", "all"]), "overlap": st.sampled_from(["allow", "cancel"]),
    "jitter_seconds": st.integers(0, 99), "late_seconds_max": st.none() | st.integers(0, 99),
    "owner": texts | tricky,
})  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(st.tuples(schedules, policies), max_size=5, unique_by=lambda pair: pair[0]["name"]))
def test_what_was_exported_is_imported_without_a_change(db: None, found: Any) -> None:
    PeriodicTask.objects.all().delete()
    for fields, policy in found:
        made = make_schedule(**fields)
        Timing.objects.filter(pk=made.pk).update(**policy)
    text, before = exported(), every_document()
    assert set(bring(text).values()) <= {"unchanged"}
    assert every_document() == before
    assert exported() == text


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(st.tuples(schedules, policies), max_size=4, unique_by=lambda pair: pair[0]["name"]))
def test_an_emptied_database_is_filled_from_the_file(db: None, found: Any) -> None:
    PeriodicTask.objects.all().delete()
    for fields, policy in found:
        ours = {**fields, "kwargs": {"left": 1}, "args": [], "enabled": False}
        made = make_schedule(**{**ours, "expires": None})
        Timing.objects.filter(pk=made.pk).update(**policy)
    text, before = exported(), every_document()
    PeriodicTask.objects.all().delete()
    assert set(bring(text).values()) <= {"created"}
    assert every_document() == before


def every_document() -> str:
    found = [documents.of(schedule) for schedule in reading.schedules().order_by("name")]
    return json.dumps(found, sort_keys=True)


def test_what_is_not_in_the_file_stays_and_a_field_left_out_is_as_by_default(db: None) -> None:
    make_schedule("other", priority=1)
    make_schedule("nightly", priority=1, description="Old.")
    assert bring(NIGHTLY) == {"nightly": "changed"}
    assert dict(PeriodicTask.objects.values_list("name", "priority")) == {"other": 1, "nightly": None}


def test_each_change_is_told(db: None) -> None:
    make_schedule("nightly", rule="every 5 minutes", kwargs={"left": 1, "right": 2}, enabled=False)
    (found,) = importing.bring(NIGHTLY.encode())
    assert [f"{one.field}: {one.change}" for one in found.differences] == [
        "rule: every 5 minutes → 0 2 * * * UTC", "kwargs.right: 2 → –", "enabled: no → yes",
    ]  # fmt: skip


def test_a_dry_run_tells_the_same_and_writes_nothing(db: None) -> None:
    make_schedule("other", rule="every 5 minutes")
    text = NIGHTLY + exported().replace("every 5", "every 7")
    before = every_document()
    told = importing.bring(text.encode(), dry_run=True)
    assert every_document() == before
    assert importing.bring(text.encode()) == told
    assert {one.name: one.outcome for one in told} == {"nightly": "created", "other": "changed"}


def test_importing_fires_nothing_by_surprise(db: None) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    make_schedule("nightly", rule="every 1 hours", enabled=False, last_run_at=long_ago, start_time=long_ago)
    make_schedule("edited", rule="every 1 hours", start_time=long_ago)
    renew_stale()
    bring(exported().replace("  enabled: false\n", "").replace("every 1 hours", "every 2 hours"))
    assert PeriodicTask.objects.filter(enabled=True).count() == 2
    renew_stale()
    assert Timing.objects.filter(next_run_at__gt=timezone.now()).count() == 2


def test_secrets_are_not_shown(db: None) -> None:
    make_schedule("nightly", headers='{"token": "abc"}')
    (found,) = importing.bring(exported().replace("abc", "xyz").encode(), dry_run=True)
    assert "abc" not in str(found)
    assert "xyz" not in str(found)
    assert [one.field for one in found.differences] == ["headers"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rule": "0 0 30 2 *"}, "nightly: rule: no such date exists, so this would never run"),
        ({"rule": "0 2 * * * Mars/Olympus"}, "nightly: rule: there is no time zone “Mars/Olympus”"),
        ({"rule": "once 2020-01-01T00:00:00+00:00"}, "nightly: rule: This time has passed"),
        ({"rule": None}, "nightly: rule: Input should be a valid string"),
        ({"task": ADD.replace("add", "ad")}, "nightly: task: no task is named"),
        ({"kwargs": {}}, "nightly: kwargs: left: missing"),
        ({"kwargs": {"left": "many"}}, "nightly: kwargs: left: Input should be a valid integer"),
        ({"kwargs": [1]}, "nightly: kwargs: Input should be a valid dictionary"),
        ({"kwargs": {1: 1}}, "nightly: kwargs: Input should be a valid string"),
        ({"args": [1, 2, 3], "kwargs": {}}, "nightly: args: too many positional arguments"),
        ({"queue": "nowhere"}, "nightly: queue: expected one of"),
        ({"routing_key": "nowhere"}, "nightly: routing_key: expected that of a queue"),
        ({"priority": 10}, "nightly: priority: expected 0 (first) to 9, got 10"),
        ({"priority": True}, "nightly: priority: Input should be a valid integer"),
        ({"headers": {"task": 1}}, "nightly: headers: expected other names than task"),
        ({"start": "2026-13-01"}, "nightly: start: expected a time such as"),
        ({"start": "2031-01-02T00:00Z", "end": "2031-01-01T00:00Z"}, "nightly: end: The end comes before"),
        ({"end": "2020-01-01T00:00Z"}, "nightly: end: This time has passed"),
        ({"end": "2031-01-01T00:00Z", "expire_seconds": 5}, "nightly: expire_seconds: Give an end or"),
        ({"expire_seconds": 2**31}, "nightly: expire_seconds: Input should be less than"),
        ({"overlap": "maybe"}, "nightly: overlap: Input should be 'allow', 'skip', 'queue' or 'cancel'"),
        ({"overlpa": "skip"}, "nightly: overlpa: there is no such field; did you mean overlap?"),
        ({"name": "other"}, "nightly: name: there is no such field"),
        ({"enabled": "on"}, "nightly: enabled: Input should be a valid boolean"),
        ({"description": "nul \0"}, "nightly: description: expected text without the character NUL"),
        ({"owner": "o" * 151}, "nightly: owner: String should have at most 150 characters"),
    ],
)
def test_a_bad_value_is_named_with_its_entry_and_field(
    db: None, change: dict[str, Any], expected: str
) -> None:
    entry = {"task": ADD, "rule": "0 2 * * *", "kwargs": {"left": 1}, **change}
    (problem,) = problems(yamltext.dump({"nightly": entry}))
    assert problem.startswith(expected)


def test_all_that_is_wrong_is_told_at_once(db: None) -> None:
    bad = NIGHTLY + f"other: {{task: {ADD}, rule: sometimes, kwargs: {{}}, queue: nowhere}}\n"
    assert [line.split(": ")[:2] for line in problems(bad)] == [
        ["other", "kwargs"], ["other", "queue"], ["other", "rule"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected the names of schedules"),
        ("- a", "expected the names of schedules"),
        ("nightly: 5", "nightly: expected its fields"),
        ("5: {}", "5: name: expected a text; quote it"),
        (NIGHTLY.replace("nightly", '"two\\abells"'), "'two\\x07bells': name: Expected text without control"),
        (NIGHTLY.replace("nightly", '""'), ": name: String should have at least 1 character"),
        (NIGHTLY.replace("nightly", "n" * 201), "n: name: String should have at most 200 characters"),
        (NIGHTLY + NIGHTLY, "line 7, column 1: the name “nightly” is there twice"),
        (NIGHTLY + "  rule: every 5 minutes", "line 6, column 3: the name “rule” is there twice"),
        ("a: &x {}\nb: *x", "line 1, column 4: aliases and anchors are not taken"),
        ("a: !!python/object/apply:os.system [ls]", "line 1, column 4: could not determine a constructor"),
        ("a: !!timestamp 2026-05-03", "line 1, column 4: could not determine a constructor"),
        ("a: [", "line 2, column 1: did not find expected node content"),
        ("a: " + "[" * 100_000, "line 1, column 53: expected at most 50 levels"),
        ("a: \x01", "control characters are not allowed"),
        ("? [1]\n: 2", "line 1, column 3: found unhashable key"),
        ("--- {}\n--- {}\n", "line 2, column 1: but found another document"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a" * 5_000_001, "expected at most 5 MB"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_schedules_is_refused(db: None, text: str, expected: str) -> None:
    assert expected in problems(text)[0]


def test_what_is_no_utf8_is_refused(db: None) -> None:
    with pytest.raises(BadFile, match="UTF-8"):
        importing.bring(b"\xff\xfe")


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    with pytest.raises(yamltext.BadYaml, match="aliases"):
        yamltext.load("\n".join(lines).encode())


def test_a_schedule_that_cannot_run_and_is_not_touched_does_not_hold_up_the_others(db: None) -> None:
    make_schedule("here", task="old.tasks.gone_task")
    assert bring(exported() + NIGHTLY) == {"here": "unchanged", "nightly": "created"}
    changed = exported().replace("here:\n", "here:\n  priority: 3\n")
    with pytest.raises(BadFile, match="here: task: no task is named"):
        bring(changed)


def test_arguments_that_are_no_json_are_named(db: None) -> None:
    make_schedule("nightly")
    PeriodicTask.objects.update(kwargs="{broken")
    with pytest.raises(CannotExport, match="nightly: kwargs: expected JSON, got {broken"):
        exported()
