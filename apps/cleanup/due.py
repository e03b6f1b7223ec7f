"""Which rows may go now."""

from datetime import date, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import DateTimeField, Field
from django.utils import timezone

from apps.cleanup.models import RetentionOverride
from apps.cleanup.tables import Rows, everything, meta, unprotected
from apps.jobs.retention import RetentionPolicy


def kept_days(policy: RetentionPolicy) -> int | None:
    """As the policy says, unless a person said otherwise; None is for ever."""
    override = RetentionOverride.objects.filter(policy=policy.name).first()
    return override.keep_days if override else policy.keep_days


def due(policy: RetentionPolicy, now: datetime | None = None) -> Rows:
    """Rows older than the policy keeps them, in the order of their keys."""
    days = kept_days(policy)
    model = apps.get_model(policy.model)
    if days is None:
        return everything(model).none()
    before = boundary(meta(model).get_field(policy.timestamp), now or timezone.now(), days)
    rows = everything(model).filter(*policy.where(), **policy.only)
    return unprotected(rows.filter(**{f"{policy.timestamp}__lt": before}))


def boundary(field: Field[Any, Any], now: datetime, days: int) -> date:
    """What lies before it is due: a moment, or a day in the site's time zone for a field of days."""
    moment = now - timedelta(days=days)
    return moment if isinstance(field, DateTimeField) else timezone.localdate(moment)
