"""What became of a dead message: where and why it died, and what it was."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import current_app
from celery.app.task import Context
from django.conf import settings
from django.utils import timezone

from apps.jobs.content import Content, content_of, is_short
from apps.jobs.resending import Parcel
from apps.jobs.results import order
from apps.jobs.routing import DELAY
from apps.jobs.states import Reason
from apps.jobs.wire import routing_keys

UNROUTED = "unrouted"
# The broker's words for what befell a message.
REASONS: dict[str, str] = {
    UNROUTED: Reason.UNROUTED,
    "delivery_limit": Reason.DELIVERY_LIMIT,
    "expired": Reason.EXPIRED,
}
DELAY_EXCHANGES = "celery_delayed_"
RECOUNTED = ("x-delivery-count", "x-acquired-count")  # a second delivery of the same message changes them
OLDEST = timedelta(days=3650)
# Headers in which a message carries what it takes to count, so that no count is lost.
RESENDS, UNKNOWN_SINCE = "resends", "unknown_since"


@dataclass(frozen=True)
class Death:
    """`exchange` and `routing_key` are where it would be sent again; `word` is the broker's reason."""

    queue: str
    exchange: str
    routing_key: str
    word: str
    at: datetime


@dataclass(frozen=True)
class Finding:
    parcel: Parcel
    death: Death
    content: Content

    @property
    def reason(self) -> str:
        """As far as the message itself tells."""
        if self.death.word in REASONS:
            return REASONS[self.death.word]
        if self.content.problem:
            return Reason.UNREADABLE
        return Reason.REJECTED if self.content.task in current_app.tasks else Reason.UNKNOWN_TASK

    @property
    def order(self) -> int:
        return order(self.request())

    def request(self, **known: Any) -> Context:
        """The job as the result backend wants to know it."""
        small = len(self.parcel.body) <= settings.LEDGER_DOCUMENT_MAX_BYTES
        given = {
            **self.content.headers,
            **self.content.links,
            "id": self.content.job_id,
            "args": self.content.args if small else None,
            "kwargs": self.content.kwargs if small else None,
            "delivery_info": {"routing_key": self.death.queue},
            "called_directly": False,
            "is_eager": False,
        }
        return Context({**given, **known})

    def digest(self) -> str:
        """The same for each delivery of one message; another one when it was sent again and died again."""
        kept = {name: value for name, value in self.parcel.headers.items() if name not in RECOUNTED}
        headers = dict(sorted(kept.items(), key=str))
        whole = Parcel(self.parcel.body, self.parcel.properties, headers).envelope() + self.parcel.body
        place = f"{self.death.word} {self.death.queue} {self.death.exchange} {self.death.routing_key} "
        return hashlib.sha256(place.encode("utf-8", "replace") + whole).hexdigest()


def examine(parcel: Parcel, *, unrouted: bool) -> Finding:
    death = unrouted_death(parcel) if unrouted else death_of(parcel)
    return Finding(parcel, death, content_of(parcel))


def unrouted_death(parcel: Parcel) -> Death:
    exchange, key = home(parcel.exchange, parcel.routing_key)
    return Death("", exchange, key, UNROUTED, timezone.now())


def death_of(parcel: Parcel) -> Death:
    """By what the broker says of the work queue it died in, whose name it comes with."""
    queue = parcel.routing_key
    told = [entry for entry in listed(parcel.headers.get("x-death")) if isinstance(entry, Mapping)]
    entry = next((entry for entry in told if entry.get("queue") == queue), {})
    exchange, keys = entry.get("exchange"), listed(entry.get("routing-keys"))
    if not is_short(exchange) or not keys or not is_short(keys[0]):
        known = routing_keys()
        keys = [known.get(queue) or known[settings.CELERY_TASK_DEFAULT_QUEUE]]
        exchange = settings.CELERY_TASK_DEFAULT_EXCHANGE
    reason = entry.get("reason")
    return Death(
        queue,
        *home(str(exchange), keys[0]),
        reason if isinstance(reason, str) else "",
        moment(entry.get("time")),
    )


def home(exchange: str, key: str) -> tuple[str, str]:
    """Where a message belongs, without the delay that has passed.

    One that came past the exchange goes through it: nobody else may publish to a queue directly.
    """
    if not exchange or exchange.startswith(DELAY_EXCHANGES):
        exchange = settings.CELERY_TASK_DEFAULT_EXCHANGE
    return exchange, DELAY.sub("", key, count=1)


def moment(value: Any) -> datetime:
    """The broker's time of death, in whole seconds; ours where that can't be."""
    now = timezone.now()
    if not isinstance(value, datetime):
        return now
    told = value.replace(tzinfo=UTC)
    return told if timedelta(0) <= now - told < OLDEST else now


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
