"""What the page and the command show of each policy."""

from dataclasses import dataclass

from django.apps import apps

from apps.cleanup.due import due
from apps.cleanup.models import CleanupRun, RetentionOverride
from apps.cleanup.policies import policies
from apps.cleanup.tables import meta

COUNTED_ROWS = 10_000


@dataclass(frozen=True)
class PolicyView:
    """`keep_days` is None for ever; `due` stops counting at COUNTED_ROWS and one.

    `last` is the last run that deleted; a dry run only where there was none.
    """

    name: str
    what: str
    keep_days: int | None
    override: RetentionOverride | None
    due: int
    last: CleanupRun | None

    @property
    def due_text(self) -> str:
        return f"{self.due:,}" if self.due <= COUNTED_ROWS else f"{COUNTED_ROWS:,}+"


def overview() -> list[PolicyView]:
    overrides = {row.policy: row for row in RetentionOverride.objects.all()}
    runs = CleanupRun.objects.order_by("policy", "dry_run", "-id").distinct("policy")
    last = {run.policy: run for run in runs}
    return [
        PolicyView(
            name=name,
            what=str(meta(apps.get_model(policy.model)).verbose_name_plural),
            keep_days=overrides[name].keep_days if name in overrides else policy.keep_days,
            override=overrides.get(name),
            due=due(policy)[: COUNTED_ROWS + 1].count(),
            last=last.get(name),
        )
        for name, policy in sorted(policies().items())
    ]
