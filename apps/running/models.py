from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 100


class Cursor(models.Model):
    """How far a job's loop is. `value` is plain JSON, `done` counts its steps over all tries.

    `attempt` is the place in the stream of the try that wrote it: an earlier one, which was thought dead,
    writes no more.
    """

    job_id = models.CharField(_("job"), max_length=255, db_collation="C")
    name = models.CharField(_("loop"), max_length=NAME_LENGTH, default="", blank=True)
    value = models.JSONField(_("cursor"), null=True)
    done = models.BigIntegerField(_("steps done"), default=0)
    attempt = models.BigIntegerField(_("attempt"), default=0)
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("cursor")
        verbose_name_plural = _("cursors")
        constraints: ClassVar = [models.UniqueConstraint(fields=["job_id", "name"], name="cursor_once")]
        indexes: ClassVar = [models.Index(fields=["updated_at"], name="cursor_by_time")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.name}".strip()


class RunningJob(models.Model):
    """Has no table: the rights over running jobs hang on it."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("cancel_job", _("Can cancel jobs")),
            ("see_stack", _("Can see the stack of a running job")),
        ]
        verbose_name = _("running job")
        verbose_name_plural = _("running jobs")

    def __str__(self) -> str:
        return str(_("running job"))
