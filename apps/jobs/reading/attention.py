"""What a person should look at: nothing of it mends itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, Min, OuterRef
from django.utils import timezone

from apps.jobs.models import DeadLetter, Job, Worker
from apps.jobs.reading.counting import Count, up_to
from apps.jobs.states import State

COUNTED = 99
UNSENT_SECONDS = 10
LOST_SHOWN = timedelta(days=1)


@dataclass(frozen=True)
class Attention:
    """dead: failures that nobody ran again.  letters: dead letters that nobody sent again.

    lost: workers that went silent within the last day.  unsent: jobs that should have been
    published UNSENT_SECONDS ago, the first of them submitted at `unsent_since`.
    """

    dead: Count
    letters: Count
    lost: Count
    unsent: Count
    unsent_since: datetime | None

    def __bool__(self) -> bool:
        return any([self.dead, self.letters, self.lost, self.unsent])


def attention() -> Attention:
    now = timezone.now()
    again = Job.objects.filter(retry_of=OuterRef("id"))
    dead = Job.objects.filter(~Exists(again), state=State.FAILURE).order_by("-finished_at")
    late = now - timedelta(seconds=UNSENT_SECONDS)
    unsent = Job.objects.filter(outbox__isnull=False, submitted_at__lt=late).exclude(eta__gt=late)
    return Attention(
        dead=up_to(COUNTED, dead),
        letters=up_to(COUNTED, DeadLetter.objects.filter(requeued_at__isnull=True)),
        lost=up_to(COUNTED, Worker.objects.filter(lost_at__gte=now - LOST_SHOWN)),
        unsent=up_to(COUNTED, unsent.order_by("submitted_at")),
        unsent_since=unsent.aggregate(first=Min("submitted_at"))["first"],
    )
