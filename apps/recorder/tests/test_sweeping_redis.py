"""Redis as the broker keeps what a dead worker had for an hour; the sweeper is quicker."""

from pathlib import Path

import pytest

from apps.jobs import submit, submitting
from apps.jobs.models import Job
from apps.jobs.tests.lives import own_recorder, own_worker, running, started
from apps.jobs.tests.loss_tasks import hold_task, lines
from project.servers.valkey import Valkey
from tests.waiting import ended

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("transactional_db", "no_others")]


def test_without_redelivery_a_killed_worker_s_job_is_sent_again(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(submitting, "publish_soon", bool)  # the relay does it, on the broker it knows
    environment = {"CELERY_BROKER_URL": valkey.url}
    first, second = own_worker(environment=environment), own_worker(environment=environment)
    with running(own_recorder(**environment), first):
        job = submit(hold_task, kwargs={"place": str(tmp_path), "key": "once"})
        started(job.id)
        first.kill()
        with running(second):
            started(job.id, attempts=2)
            (tmp_path / "go").touch()
            assert ended(job.id).state == "SUCCESS"
        assert Job.objects.get(id=job.id).resends == 1
    assert len(lines(tmp_path, "effects")) == 1
