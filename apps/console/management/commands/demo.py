"""`manage.py demo`: each app's own `demo.py` says what to load and which jobs to show."""

import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import module_has_submodule

from apps.jobs import catalog, reading, submit
from apps.jobs.states import State

POLL_SECONDS = 0.1
WORD_LIMIT = 30


class Demo(Protocol):
    """What an app's `demo.py` offers.

    `load` may run any number of times. `jobs` gives each job's task and kwargs; it is asked once
    the jobs of the apps before it have ended, so these may build on what those have done.
    """

    def load(self) -> None: ...

    def jobs(self) -> list[tuple[str, dict[str, Any]]]: ...


class Command(BaseCommand):
    help = "Loads the demo data and runs the jobs of each family on it, one after the other."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for all jobs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(demos())
        for demo in found:
            demo.load()
        deadline = time.monotonic() + options["timeout"]
        ids = [run(*job, deadline) for demo in found for job in demo.jobs()]
        views = [view for job_id in ids if (view := reading.find(job_id))]
        self.table(views)
        if len(views) < len(ids) or not all(view.state == State.SUCCESS for view in views):
            raise CommandError("Not every job succeeded; see their pages.")

    def table(self, views: list[reading.JobView]) -> None:
        self.stdout.write(f"\n{'family':13} {'job':26} {'state':8} {'run time':>9}  result")
        for view in views:
            run_time = f"{view.run_time.total_seconds():.2f} s" if view.run_time else "-"
            outcome = view.error or brief(view.result)
            family, title = catalog.family(view.task), catalog.title(view.task)
            self.stdout.write(f"{family:13} {title:26} {view.state:8} {run_time:>9}  {outcome}")


def demos() -> Iterator[Demo]:
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "demo") and config.name.startswith("apps."):
            yield cast("Demo", import_module(f"{config.name}.demo"))


def run(task: str, kwargs: dict[str, Any], deadline: float) -> str:
    """Hands the job in and waits until it has ended or the time is over; its id."""
    job = submit(task, kwargs=kwargs)
    while not has_ended(job.id) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return job.id


def has_ended(job_id: str) -> bool:
    view = reading.find(job_id)
    return view is not None and view.ended


def brief(result: Any, limit: int = 60) -> str:
    """The figures and short words of a result, without its status, which has a column already."""
    if isinstance(result, dict):
        told = {name: value for name, value in result.items() if name != "status" and is_short(value)}
        result = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())
    text = str(result)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def is_short(value: Any) -> bool:
    return value is not None and not isinstance(value, (dict, list)) and 0 < len(str(value)) <= WORD_LIMIT
