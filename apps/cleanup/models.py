"""What people changed about the policies, and what was deleted when."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.cleanup.checking import KEEP_DAYS_MAX, NAME_LENGTH


class RetentionOverride(models.Model):
    """Keeps longer or shorter than the policy says; without days, for ever."""

    policy = models.CharField(_("policy"), max_length=NAME_LENGTH, unique=True)
    keep_days = models.PositiveIntegerField(
        _("keep for days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(KEEP_DAYS_MAX)],
        help_text=_("Empty: keep for ever."),
    )
    note = models.CharField(_("note"), max_length=500, blank=True, help_text=_("Why it is so."))
    changed_by = models.CharField(_("changed by"), max_length=150, blank=True, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        ordering = ("policy",)
        verbose_name = _("retention override")
        verbose_name_plural = _("retention overrides")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(keep_days=None) | models.Q(keep_days__gte=1),
                name="retention_override_days",
            ),
        )

    def __str__(self) -> str:
        return self.policy


class CleanupRun(models.Model):
    """One policy in one job. Without `finished_at` it still runs, or its worker died."""

    policy = models.CharField(_("policy"), max_length=NAME_LENGTH, db_index=True)
    dry_run = models.BooleanField(_("dry run"), default=False)
    deleted = models.PositiveBigIntegerField(_("deleted"), default=0)
    cascaded = models.PositiveBigIntegerField(_("deleted with them"), default=0)
    files_deleted = models.PositiveBigIntegerField(_("files deleted"), default=0)
    complete = models.BooleanField(
        _("complete"), default=False, help_text=_("Otherwise the next run goes on.")
    )
    error = models.TextField(_("error"), blank=True)
    job_id = models.CharField(_("job"), max_length=255, blank=True, db_index=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    took = models.DurationField(_("took"), null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("cleanup run")
        verbose_name_plural = _("cleanup runs")

    def __str__(self) -> str:
        return self.policy
