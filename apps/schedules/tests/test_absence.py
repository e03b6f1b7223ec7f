"""The only beat is killed: the recorders say so, once, and the site too; a new beat ends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.jobs.models import Event
from apps.jobs.tests.lives import running
from apps.jobs.tests.making import job
from apps.schedules.models import Beat
from apps.schedules.tests.making import make_schedule
from tests.beats.processes import BeatProcess
from tests.waiting import RecorderProcess, wait_until

ABSENT_SECONDS = 5
BOUND_SECONDS = 30  # the absence, a round of the recorder, and a slow machine


@pytest.fixture
def recorders(broker: str, transactional_db: None, settings: Any) -> Iterator[None]:
    """Two of them, quick to find beat absent, and a site that is as quick."""
    settings.BEAT_ABSENT_SECONDS = ABSENT_SECONDS
    quick = {"BEAT_ABSENT_SECONDS": str(ABSENT_SECONDS)}
    with running(*(RecorderProcess("--only", "watch", environment=quick) for _ in range(2))):
        yield


def topics() -> list[str]:
    return list(Event.objects.order_by("id").values_list("topic", flat=True))


@pytest.mark.faults
@pytest.mark.slow
def test_the_absence_of_beat_is_told_and_its_end_too(recorders: None, admin_client: Client) -> None:
    job()  # a site without any shows the first steps
    beat = BeatProcess()
    beat.start()
    try:
        wait_until(Beat.objects.exists, BOUND_SECONDS, "the beat to tick")
        make_schedule()  # not before: without one nobody misses a beat that is slow to start
        assert topics() == []
        assert "No beat is alive" not in admin_client.get("/").content.decode()
    finally:
        beat.kill()

    wait_until(lambda: topics() == ["schedule.beat_absent"], BOUND_SECONDS, "the absence to be told")
    assert "No beat is alive" in admin_client.get("/").content.decode()
    assert admin_client.get("/health/ready").json()["beat"].startswith("no beat has been alive for ")

    again = BeatProcess()
    again.start()
    try:
        wait_until(lambda: len(topics()) > 1, BOUND_SECONDS, "the new beat to be told")
        assert topics() == ["schedule.beat_absent", "schedule.beat_back"]
        assert "No beat is alive" not in admin_client.get("/").content.decode()
        assert admin_client.get("/health/ready").json()["beat"] == "ok"
    finally:
        again.stop()
