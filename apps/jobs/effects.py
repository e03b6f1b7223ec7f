"""Side effects that happen once, however often a job is delivered."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from apps.jobs.models import Effect
from apps.jobs.progress import current_job_id

KEY_LENGTH = 255


def once(key: str, effect: Callable[[], Any]) -> Any:
    """The effect's result: of this call, or of the first one that ever completed under this key.

    A second caller waits while the first one is at it. What the effect writes to PostgreSQL commits
    together with the key, so it can't be doubled; an effect outside (a mail, a payment) happens again
    only if the process dies between the effect and the commit: hand the key on to the other side,
    where it takes one. The result must be plain JSON. Nothing is kept of an effect that raises. Raises
    ValueError for a key that is empty or has more than 255 characters.
    """
    if not 0 < len(key) <= KEY_LENGTH or "\x00" in key:  # found out after the effect it would be too late
        raise ValueError(f"expected a key of 1 to {KEY_LENGTH} characters without NUL, got {key[:100]!r}")
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Held until this transaction ends: a second delivery waits here for the first.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"once:{key}"])
        done = Effect.objects.filter(key=key).first()
        if done:
            return done.result
        result = effect()
        Effect.objects.create(key=key, job_id=current_job_id() or "", result=result)
        return result
