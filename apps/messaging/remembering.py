"""Which subscriptions there have been: one that is gone from the code leaves its queue behind."""

import logging
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from apps.messaging.models import Subscription
from apps.messaging.subscribing import Declared

logger = logging.getLogger(__name__)


@transaction.atomic
def remember(declared: Iterable[Declared]) -> None:
    """The rows become what the code says; those of others are marked as gone, once."""
    rows = [Subscription(name=each.name, pattern=each.pattern, task=each.task) for each in declared]
    Subscription.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["name"], update_fields=["pattern", "task", "gone_at"]
    )
    gone = Subscription.objects.filter(gone_at=None).exclude(name__in=[row.name for row in rows])
    gone.update(gone_at=timezone.now())
    for row in orphans():
        logger.warning("nobody takes the events of %s any more: manage.py queue delete %s", row, row.queue)


def orphans() -> list[Subscription]:
    return list(Subscription.objects.exclude(gone_at=None))
