from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.data.pipeline import start_pipeline, step_ids
from apps.jobs.commanding import BAD_INPUT, FAILED, SubmitCommand
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.states import State
from apps.jobs.submitting import Submission

LAST = "apps.data.tasks.upload_task"


class Command(SubmitCommand):
    help = "Downloads a CSV file, cleans it and imports it: a chain of three jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", help="https://…, or sample:customers")
        parser.add_argument("--dataset", required=True, help="name of the dataset; made if it is new")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            last = start_pipeline(options["url"], options["dataset"])
        except JobError as error:
            code = BAD_INPUT if isinstance(error, ArgumentError) else FAILED
            raise CommandError(str(error), returncode=code) from error
        if not options["wait"]:
            return self.show({"id": last, "task": LAST, "state": State.PENDING.value}, options)
        # A step that fails ends the chain: the steps behind it never start.
        views = (self.wait(Submission(job_id, LAST), options) for job_id in step_ids(last))
        end = next(view for view in views if view.id == last or view.state != State.SUCCESS)
        return self.report_end(end, options)
