import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.core.management import call_command

from apps.jobs.permissions import CODENAME_LIMIT, codename, may_run

pytestmark = pytest.mark.django_db

TASK = "apps.cleanup.tasks.cleanup_data_task"


def allow(user: User, task: str = TASK) -> User:
    user.user_permissions.add(Permission.objects.get(codename=codename(task)))
    return User.objects.get(pk=user.pk)


def test_migrate_makes_one_permission_for_each_task() -> None:
    assert Permission.objects.get(codename=f"run_{TASK}").name == f"Can run {TASK}"


def test_staff_may_run_what_they_were_given(staff: User) -> None:
    assert not may_run(staff, TASK)
    assert may_run(allow(staff), TASK)


def test_one_permission_opens_one_task(staff: User) -> None:
    assert not may_run(allow(staff), "apps.cleanup.tasks.other_task")


def test_a_superuser_may_run_everything(admin_user: User) -> None:
    assert may_run(admin_user, "any.task")


def test_nobody_else_may(staff: User) -> None:
    assert not may_run(AnonymousUser(), TASK)
    allowed = allow(staff)
    allowed.is_staff = False
    assert not may_run(allowed, TASK)


def test_the_permission_of_a_task_that_is_gone_goes_too() -> None:
    kept = Permission.objects.get(codename=codename(TASK))
    gone = Permission.objects.create(
        codename="run_old_task", name="Can run old_task", content_type=kept.content_type
    )
    call_command("migrate", verbosity=0)
    assert not Permission.objects.filter(pk=gone.pk).exists()
    assert Permission.objects.filter(pk=kept.pk).exists()


def test_a_long_name_still_has_a_codename_of_its_own() -> None:
    first, second = codename("x" * 200), codename("x" * 201)
    assert len(first) <= CODENAME_LIMIT
    assert first != second
