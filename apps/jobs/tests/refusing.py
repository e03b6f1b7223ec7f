"""Tables of bad input, and that nothing is written for any of it."""

from typing import Any

import pytest

from apps.jobs import submitting
from apps.jobs.models import Job, JobKey


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """No broker: what would be published."""
    found: list[Job] = []
    monkeypatch.setattr(submitting, "publish_soon", found.extend)
    return found


@pytest.fixture(autouse=True)
def nothing_written(unpublished: list[Job], db: None) -> Any:
    before = Job.objects.count()
    yield
    assert (Job.objects.count(), JobKey.objects.count(), unpublished) == (before, 0, [])


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name} {place}")
        for name, values in table.items()
        for place, value in enumerate(values)
    ]
