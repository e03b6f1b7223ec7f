"""The tasks at the door, and the whole way through broker and worker."""

import pytest
from django.contrib.sessions.models import Session

from apps.cleanup import demo
from apps.cleanup.models import CleanupRun
from apps.cleanup.tasks import cleanup_data_task, cleanup_files_task, cleanup_sessions_task
from apps.cleanup.tests.conftest import Register, add_sessions, add_user
from apps.jobs import submit
from apps.jobs.errors import ArgumentError
from tests.waiting import WorkerProcess, ended

DATA = "apps.cleanup.tasks.cleanup_data_task"


@pytest.mark.parametrize(
    ("kwargs", "name", "words"),
    [
        ({"policy": "expired sesions"}, "policy", "did you mean 'expired sessions'"),
        ({"policy": "xyz"}, "policy", "there are "),
        ({"policy": 5}, "policy", "string"),
        ({"dry_run": "perhaps"}, "dry_run", "boolean"),
        ({"polcy": "x"}, "polcy", "did you mean policy"),
    ],
)
def test_bad_arguments_are_refused_at_the_door(
    db: None, kwargs: dict[str, object], name: str, words: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        submit(DATA, kwargs=kwargs)
    assert words in error.value.problems[name]


def test_the_sessions_task_touches_sessions_alone(db: None, register: Register) -> None:
    register()
    add_user("ann", 40)
    add_sessions(5)
    add_sessions(2, days=0.5)
    result = cleanup_sessions_task.apply().get()
    assert result["policies"] == {"expired sessions": 5}
    assert Session.objects.count() == 2


def test_the_files_task_runs(db: None) -> None:
    assert cleanup_files_task.apply(kwargs={"dry_run": True}).get()["status"] == "success"


def test_a_run_knows_its_job(db: None) -> None:
    cleanup_data_task.apply(kwargs={"policy": "expired sessions"}, task_id="job-1")
    assert CleanupRun.objects.get().job_id == "job-1"


def test_the_demo_deletes_nothing(db: None) -> None:
    demo.load()
    assert demo.jobs() == [(DATA, {"dry_run": True})]


def test_the_whole_way_through_broker_and_worker(worker: WorkerProcess) -> None:
    add_sessions(1_200)
    job = submit(DATA, kwargs={"policy": "expired sessions"})
    view = ended(job.id)
    assert (view.state, view.result["deleted"]) == ("SUCCESS", 1_200)
    assert Session.objects.count() == 0
    assert CleanupRun.objects.get(job_id=job.id).deleted == 1_200
