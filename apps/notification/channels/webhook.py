"""A signed JSON POST to an address; signing.py says how its receiver checks it."""

import contextlib
import json
import time
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy
from pydantic import AfterValidator, Field

from apps.jobs.errors import JobError, PermanentError, TemporaryError
from apps.notification.channel import Answer, ChannelKind, Config, Recipient
from apps.notification.models import Delivery
from apps.notification.signing import DELIVERY_HEADER, SIGNATURE_HEADER, signature
from apps.notification.wording import absolute, storable
from apps.outbound.guarding import ForbiddenAddress, check_url, guarded_client

if TYPE_CHECKING:
    import httpx

KEPT_BYTES = 4_096
RETRY_AFTER_MAX_SECONDS = 3_600
TRY_AGAIN = frozenset({408, 409, 425, 429})
USER_AGENT = "Switchyard"


def permitted(url: str) -> str:
    try:
        check_url(url, allowed_hosts())
    except ForbiddenAddress as error:
        raise ValueError(str(error)) from None
    return url


def allowed_hosts() -> Collection[str]:
    """Hosts inside that webhooks may reach."""
    return getattr(settings, "WEBHOOK_ALLOWED_HOSTS", ())


class WebhookConfig(Config):
    """`timeout_seconds` bounds the whole call."""

    url: Annotated[str, AfterValidator(permitted)]
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 10


class Webhook(ChannelKind[WebhookConfig]):
    name = "webhook"
    title = gettext_lazy("Webhook")
    example: ClassVar = {"url": "https://hooks.example.com/…", "timeout_seconds": 10}
    schema = WebhookConfig

    def describe(self, config: WebhookConfig) -> str:
        """The host alone: the rest of such an address is often a secret."""
        scheme, _, rest = config.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}/…"

    def reaches(self, recipient: Recipient, config: WebhookConfig) -> bool:
        return True

    def send(self, delivery: Delivery, recipient: Recipient, config: WebhookConfig) -> Answer:
        body = json.dumps(payload(delivery), ensure_ascii=False).encode()
        key = delivery.channel.secret or settings.WEBHOOK_SECRET
        return post(config, body, {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            DELIVERY_HEADER: str(delivery.uid),
            SIGNATURE_HEADER: signature(key, int(time.time()), body),
        })  # fmt: skip


def payload(delivery: Delivery) -> dict[str, Any]:
    """The same in each attempt."""
    notice = delivery.notification
    return {
        "delivery": str(delivery.uid),
        "notification": notice.pk,
        "recipient": notice.recipient,
        "title": notice.title,
        "message": notice.message,
        "severity": notice.severity,
        "url": absolute(notice.url),
        "created": notice.created.isoformat(),
    }


def post(config: WebhookConfig, body: bytes, headers: dict[str, str]) -> Answer:
    import httpx  # costs 90 ms that most processes never need

    seconds = config.timeout_seconds
    try:
        with (
            guarded_client(allowed_hosts(), deadline_seconds=seconds, timeout=seconds) as client,
            client.stream("POST", config.url, content=body, headers=headers) as response,
        ):
            error = judged(response.status_code, response.headers.get("Retry-After", ""))
            return Answer(excerpt(response), response.status_code, error)
    except httpx.TimeoutException:
        raise TemporaryError(f"no answer within {seconds:g} s") from None
    except httpx.TransportError as error:
        raise TemporaryError(f"{type(error).__name__}: {error}") from error


def judged(status: int, retry_after: str) -> JobError | None:
    """None where the receiver took it."""
    if 200 <= status < 300:  # noqa: PLR2004 - the success class of HTTP
        return None
    words = f"the receiver answered {status}"
    if status in TRY_AGAIN or status >= 500:  # noqa: PLR2004 - the server error class
        return TemporaryError(words, retry_after_seconds=seconds_of(retry_after, datetime.now(UTC)))
    if 300 <= status < 400:  # noqa: PLR2004 - the redirect class
        words += "; redirects are not followed"
    return PermanentError(words)


def seconds_of(retry_after: str, now: datetime) -> int | None:
    """A Retry-After header, seconds or a date, as 1 second to an hour; None where there is none."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = int((zoned - now).total_seconds())
    return min(max(seconds, 1), RETRY_AFTER_MAX_SECONDS)


def excerpt(response: "httpx.Response") -> str:
    """The first 4 KB of the answer. How its body ends no longer matters: the status has come."""
    import httpx

    kept = b""
    with contextlib.suppress(httpx.TransportError):  # broken off: the status said how it went
        for chunk in response.iter_raw():
            kept += chunk
            if len(kept) >= KEPT_BYTES:
                break
    return storable(kept[:KEPT_BYTES].decode(errors="replace"))
