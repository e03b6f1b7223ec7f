"""`celery beat` as a process of a test's own, on the test database."""

import sys

from tests.waiting import OwnProcess

FOREIGN = {"CELERY_TASK_STRICT": "false"}  # the tests' tasks are not beat's, only the worker's


class BeatProcess(OwnProcess):
    """Extra arguments go to its command line."""

    def __init__(self, *arguments: str, app: str = "project") -> None:
        argv = [
            sys.executable, "-m", "celery", "-A", app, "beat", "-l", "INFO", "--pidfile=", *arguments,
        ]  # fmt: skip
        super().__init__(argv, "beat: Starting", FOREIGN)
