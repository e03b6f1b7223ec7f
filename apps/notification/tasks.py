"""The family's jobs."""

from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import AfterValidator, Field

from apps.notification import lanes, wording
from apps.notification.notifying import Notice, notify, resend, test
from apps.notification.recipients import known_channel, known_recipient

RecipientName = Annotated[wording.Name, AfterValidator(known_recipient)]
ChannelName = Annotated[wording.Name, AfterValidator(known_channel)]
SeverityName = Literal["info", "warning", "error", "critical"]

# A receiver that is down for an hour gets its notices: the tries spread over three hours.
TRIES, LONGEST_WAIT_SECONDS = 8, 3_600
NOTICE: Any = {"notice": lanes.headers}


@shared_task(max_retries=TRIES, retry_backoff_max=LONGEST_WAIT_SECONDS, **NOTICE)
def send_notification_task(  # noqa: PLR0913, PLR0917 - what people fill in
    recipient: RecipientName,
    title: wording.Title,
    message: wording.Message = "",
    channels: Annotated[list[ChannelName], Field(min_length=1)] | None = None,
    severity: SeverityName = "info",
    url: wording.Link | None = None,
    idempotency_key: wording.Key | None = None,
) -> dict[str, Any]:
    """Notifies a person or a team.

    recipient: a user name, a mail address, or the name of a channel.
    channels: names of channels; none: every enabled channel that reaches the recipient.
    severity: a channel that is set to take only worse is left out.
    url: a link that goes with it, such as /jobs/.
    idempotency_key: the same key never notifies twice; none: the job's own id.
    """
    return notify(Notice(recipient, title, message, severity, url or ""), channels, idempotency_key)


@shared_task(max_retries=TRIES, retry_backoff_max=LONGEST_WAIT_SECONDS)
def resend_notification_task(notification_id: int) -> dict[str, Any]:
    """Sends a notification again through the channels on which it failed, and through no other."""
    return resend(notification_id)


@shared_task(max_retries=0)
def test_channel_task(channel: ChannelName, recipient: RecipientName) -> dict[str, Any]:
    """Sends a test notification through one channel, even if it is disabled, and tries once.

    recipient: a user name, a mail address, or the channel's own name.
    """
    return test(channel, recipient)
