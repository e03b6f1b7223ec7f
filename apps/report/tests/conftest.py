from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from apps.jobs.permissions import codename
from apps.report import catalog
from apps.report.ordering import TASK
from apps.report.tests import sample_reports


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reports of sample_reports.py beside the real ones."""
    known = {**catalog.reports(), **{report.name: report() for report in sample_reports.SAMPLES}}
    monkeypatch.setattr(catalog, "reports", lambda: known)
    yield
    sample_reports.Broken.works = False


@pytest.fixture
def reader(staff: User) -> User:
    """Alice, who may make and read reports."""
    staff.user_permissions.add(Permission.objects.get(codename=codename(TASK)))
    return User.objects.get(pk=staff.pk)


@pytest.fixture
def files(settings: Any) -> Callable[[], list[str]]:
    """The names of all stored files."""
    root = Path(settings.MEDIA_ROOT)
    return lambda: sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
