"""Failed jobs are told to whom FAILURE_NOTICES_TO names; nobody is named at first."""

from datetime import timedelta
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from apps.jobs import catalog, submit
from apps.messaging.subscribing import Fact, subscribe
from apps.notification.severity import Severity
from apps.notification.wording import SPACING, TITLE_LENGTH, fitting

SEND = "apps.notification.tasks.send_notification_task"
ONCE_IN = timedelta(hours=1)  # a task that fails by the thousand is told of once


def tell_of_failure(event: Fact) -> dict[str, object]:
    """Notifies of a failed job; of several jobs of a task once an hour."""
    job, task = event.facts["job"], event.facts["task"]
    told = [
        submit(
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
        for recipient in settings.FAILURE_NOTICES_TO
    ]
    return {"status": "success", "notices": [notice.id for notice in told]}


if settings.FAILURE_NOTICES_TO:
    subscribe("job.failed", name="failure_notices")(tell_of_failure)
