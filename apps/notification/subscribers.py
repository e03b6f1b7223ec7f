"""Failed jobs are told to whom FAILURE_NOTICES_TO names; nobody is named at first."""

from datetime import timedelta
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from apps.jobs import Job, catalog, submit
from apps.jobs.errors import ArgumentError
from apps.messaging.subscribing import Fact, subscribe
from apps.notification.severity import Severity
from apps.notification.wording import SPACING, TITLE_LENGTH, fitting

SEND = "apps.notification.tasks.send_notification_task"
ONCE_IN = timedelta(hours=1)  # a task that fails by the thousand is told of once


def tell_of_failure(event: Fact) -> dict[str, object]:
    """Notifies of a failed job; of several jobs of a task once an hour. Raises ArgumentError for recipients
    that can't be notified, after all others were.
    """
    told: list[str] = []
    problems: dict[str, str] = {}
    for recipient in settings.FAILURE_NOTICES_TO:
        try:
            told.append(tell(recipient, event).id)
        except ArgumentError as error:
            problems[recipient] = str(error)
    if problems:
        raise ArgumentError(problems)
    return {"status": "success", "notices": told}


def tell(recipient: str, event: Fact) -> Job:
    """Raises ArgumentError."""
    job, task = event.facts["job"], event.facts["task"]
    return submit(
        SEND,
        kwargs={
            "recipient": recipient,
            "title": fitting(_("%s failed") % catalog.title(task))[:TITLE_LENGTH],
            "message": fitting(event.facts["error"], SPACING),
            "severity": Severity.ERROR.value,
            "url": f"/jobs/{quote(job, safe='')}/",
        },
        key=f"failure:{task}:{recipient}"[:255],
        key_for=ONCE_IN,
    )


if settings.FAILURE_NOTICES_TO:
    subscribe("job.failed", name="failure_notices")(tell_of_failure)
