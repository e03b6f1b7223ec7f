"""The project of the documents: its tasks, and the schedules that its code and its settings declare.

The tasks of django-celery-beat's README, and the schedules of Celery's user guide, "Periodic Tasks".
`celery -A tests.beats.documented beat` runs with them.
"""

from typing import Any

from celery import shared_task
from celery.schedules import crontab, solar

from project.celery import app


@shared_task(name="proj.tasks.import_contacts")
def import_contacts(*sources: str, be_careful: bool = False) -> dict[str, Any]:
    """Tells how it was called."""
    return {"sources": sources, "be_careful": be_careful}


@shared_task(name="tasks.add")
def add(x: int, y: int) -> int:
    """Adds."""
    return x + y


@shared_task(name="tasks.test")
def test(arg: str) -> str:
    """Gives back what it got."""
    return arg


@app.on_after_configure.connect
def setup_periodic_tasks(sender: Any, **_: Any) -> None:
    """ "Entries": in code, with and without a name."""
    sender.add_periodic_task(10.0, test.s("hello"), name="add every 10")
    sender.add_periodic_task(30.0, test.s("world"), expires=10)
    sender.add_periodic_task(
        crontab(hour=7, minute=30, day_of_week=1),
        test.s("Happy Mondays!"),
    )


app.conf.beat_schedule = {
    **app.conf.beat_schedule,
    # "Entries", "Crontab schedules", "Solar schedules"
    "add-every-30-seconds": {
        "task": "tasks.add",
        "schedule": 30.0,
        "args": (16, 16),
    },
    "add-every-monday-morning": {
        "task": "tasks.add",
        "schedule": crontab(hour=7, minute=30, day_of_week=1),
        "args": (16, 16),
    },
    "add-at-melbourne-sunset": {
        "task": "tasks.add",
        "schedule": solar("sunset", -37.81753, 144.96715),
        "args": (16, 16),
    },
    # "Available Fields"
    "add-with-options": {
        "task": "tasks.add",
        "schedule": 5.0,
        "kwargs": {"x": 1, "y": 2},
        "options": {"queue": "report", "priority": 7, "headers": {"tenant": "a"}, "expire_seconds": 60},
    },
    "not-a-schedule": {
        "task": "tasks.add",
        "schedule": object(),
    },
}
