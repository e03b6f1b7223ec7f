"""Who may run which task: one Django permission for each task, made by `migrate`."""

import hashlib
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Permission, PermissionsMixin
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS

from apps.jobs import catalog
from apps.jobs.models import RunnableTask

CODENAME_LIMIT = 100  # of auth.Permission


def may_run(user: AbstractBaseUser | AnonymousUser, task_name: str) -> bool:
    """Signed-in staff with the task's permission; superusers always."""
    if not isinstance(user, PermissionsMixin) or not user.is_active:
        return False
    return bool(getattr(user, "is_staff", False)) and user.has_perm(f"jobs.{codename(task_name)}")


def codename(task_name: str) -> str:
    name = f"run_{task_name}"
    if len(name) <= CODENAME_LIMIT:
        return name
    return f"{name[:80]}_{hashlib.sha256(task_name.encode()).hexdigest()[:16]}"


def create_run_permissions(app_config: AppConfig, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """After `migrate`: adds what is missing, removes what belongs to a task that is gone."""
    create_contenttypes(app_config, using=using, verbosity=0)  # ours may not exist yet; forgets old ids
    content_type = ContentType.objects.db_manager(using).get_for_model(RunnableTask)
    wanted = {codename(name): f"Can run {name}"[:255] for name in catalog.tasks()}
    held = Permission.objects.using(using).filter(content_type=content_type)
    held.exclude(codename__in=wanted).delete()
    existing = set(held.values_list("codename", flat=True))
    Permission.objects.using(using).bulk_create(
        Permission(content_type=content_type, codename=code, name=name)
        for code, name in wanted.items()
        if code not in existing
    )
