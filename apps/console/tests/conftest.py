"""People of the console's tests. Alice (`staff`, from the root) has no permission at all."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from apps.console.tests.cast import PAINT
from apps.jobs.models import RunnableTask
from apps.jobs.permissions import codename


@pytest.fixture
def painter(staff: User) -> User:
    """Alice, who may run the paint task and no other."""
    tasks = ContentType.objects.get_for_model(RunnableTask)
    allowed, _ = Permission.objects.get_or_create(codename=codename(PAINT), content_type=tasks)
    staff.user_permissions.add(allowed)
    return staff


@pytest.fixture
def painter_client(painter: User) -> Client:
    client = Client()
    client.force_login(painter)
    return client


@pytest.fixture
def staff_client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client
