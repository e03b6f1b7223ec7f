from typing import Any

from django.core.management.base import CommandParser

from apps.data.pipeline import start_pipeline
from apps.jobs.commanding import SubmitCommand, complaints, how
from apps.jobs.states import State


class Command(SubmitCommand):
    help = "Downloads a CSV file, cleans it and imports it: a chain of three jobs."
    takes_key = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="https://…, or sample:customers")
        parser.add_argument("--dataset", required=True, help="name of the dataset; made if it is new")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with complaints():
            jobs = start_pipeline(options["url"], options["dataset"], **how(options))
        if not options["wait"]:
            return self.report(jobs[-1], options)
        # A step that doesn't succeed ends the chain: those behind it never start.
        views = (self.wait(job.id, options) for job in jobs)
        end = next(view for view in views if view.id == jobs[-1].id or view.state != State.SUCCESS)
        return self.report_end(end, options)
