"""Deleting in batches: bounded statements, cascades, protected rows, files."""

import tracemalloc
from collections import Counter
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction

from apps.cleanup.deleting import BATCH_ROWS, Swept, sweep
from apps.cleanup.due import due
from apps.cleanup.policies import find
from apps.cleanup.retention import SESSIONS
from apps.cleanup.tests.conftest import Register, add_sessions, add_user, days_ago
from apps.jobs.retention import RetentionPolicy


def swept(policy: RetentionPolicy) -> Swept:
    return sum(sweep(due(policy), policy.files), Swept())


class Deletes:
    """Rows of each DELETE statement, by table."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.tables: Counter[str] = Counter()

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("DELETE"):
            self.rows.append(context["cursor"].rowcount)
            self.tables[sql.split('"')[1]] += context["cursor"].rowcount
        return result


@pytest.mark.django_db
def test_25_000_rows_go_in_batches_with_flat_memory() -> None:
    add_sessions(25_000)
    add_sessions(10, days=0.5)
    deletes = Deletes()
    tracemalloc.start()
    with connection.execute_wrapper(deletes):
        assert swept(find(SESSIONS)) == Swept(rows=25_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert deletes.rows == [BATCH_ROWS] * 25
    assert Session.objects.count() == 10
    assert peak < 10_000_000


def log_entries(user: User, count: int) -> None:
    LogEntry.objects.bulk_create(
        LogEntry(user=user, action_flag=1, object_repr=str(number)) for number in range(count)
    )


@pytest.mark.django_db
def test_what_points_to_a_row_goes_with_it_in_batches_too(register: Register) -> None:
    ann, bob = add_user("ann", 40), add_user("bob", 1)
    ann.groups.add(Group.objects.create(name="g"))
    log_entries(ann, 2_500)
    log_entries(bob, 3)
    deletes = Deletes()
    with connection.execute_wrapper(deletes):
        assert swept(register()) == Swept(rows=1, cascaded=2_501)
    assert max(deletes.rows) <= BATCH_ROWS
    assert deletes.tables["django_admin_log"] == 2_500
    assert (LogEntry.objects.count(), User.objects.get()) == (3, bob)


@pytest.fixture
def protecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log entries protect their user, as a foreign key with PROTECT does."""
    monkeypatch.setattr(LogEntry._meta.get_field("user").remote_field, "on_delete", models.PROTECT)


@pytest.mark.django_db
def test_a_protected_row_stays_and_the_others_go(register: Register, protecting: None) -> None:
    for name in ("ann", "bob", "eve"):
        add_user(name, 40)
    log_entries(User.objects.get(username="bob"), 1)
    assert swept(register()) == Swept(rows=2)
    assert User.objects.get().username == "bob"


@pytest.mark.django_db
def test_a_row_whose_dependents_are_protected_stays(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    content_type = apps.get_model("contenttypes.ContentType")
    permission = apps.get_model("auth.Permission")
    through = Group.permissions.through._meta.get_field("permission")
    monkeypatch.setattr(through.remote_field, "on_delete", models.PROTECT)
    kept = content_type.objects.create(app_label="old", model="kept")
    gone = content_type.objects.create(app_label="old", model="gone")
    for row in (kept, gone):
        permission.objects.create(content_type=row, codename="x", name="x")
    Group.objects.create(name="g").permissions.add(permission.objects.get(content_type=kept))
    rows = content_type.objects.filter(app_label="old").order_by("pk")
    assert sum(sweep(rows, ()), Swept()) == Swept(rows=1, cascaded=1)
    assert rows.get() == kept


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_left_for_the_next_run(register: Register) -> None:
    held, _ = add_user("ann", 40), add_user("bob", 40)
    policy = register()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            other.set_autocommit(False)
            cursor.execute("SELECT 1 FROM auth_user WHERE id = %s FOR UPDATE", [held.pk])
            assert swept(policy) == Swept(rows=1)
    finally:
        other.close()
    assert swept(policy) == Swept(rows=1)


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_committed_before_the_next(register: Register) -> None:
    add_sessions(2_500)
    steps = sweep(due(find(SESSIONS)), ())
    next(steps)
    assert not transaction.get_connection().in_atomic_block
    steps.close()
    assert Session.objects.count() == 1_500
    assert swept(find(SESSIONS)) == Swept(rows=1_500)


@pytest.fixture
def reports(db: None) -> RetentionPolicy:
    """Three reports with a file each, two of them old; ann.csv belongs to an old and the new one."""
    report = apps.get_model("report.Report")
    for number, (name, days) in enumerate([("ann.csv", 400), ("bob.csv", 400), ("ann.csv", 1)]):
        row = report.objects.create(job_id=f"job-{number}", file=f"reports/{name}")
        report.objects.filter(pk=row.pk).update(created=days_ago(days))
    for name in ("ann.csv", "bob.csv"):
        default_storage.save(f"reports/{name}", ContentFile(b"a,b"))
    return RetentionPolicy("test reports", "report.Report", "created", keep_days=90, files=("file",))


def test_files_go_with_their_rows_unless_another_row_uses_them(reports: RetentionPolicy) -> None:
    assert swept(reports) == Swept(rows=2, files=1)
    assert not default_storage.exists("reports/bob.csv")
    assert default_storage.exists("reports/ann.csv")


def test_files_stay_when_their_rows_stay(reports: RetentionPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the database says no")

    monkeypatch.setattr(models.QuerySet, "delete", fail)
    with pytest.raises(RuntimeError):
        swept(reports)
    assert default_storage.exists("reports/bob.csv")


def test_a_file_that_is_gone_already_is_no_error(reports: RetentionPolicy) -> None:
    default_storage.delete("reports/bob.csv")
    assert swept(reports).rows == 2
