from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.models.job import ID_LENGTH

LINE_LENGTH = 500


class Hold(models.Model):
    """A job whose message the gate keeps, because it is paused or a limit is reached.

    `line` is what it waits for, `turn` its place there: within one `share` turns go up one by one, so that
    shares take turns. `permits` is what it asked for, `message` what will be sent.
    """

    job_id = models.CharField(primary_key=True, max_length=ID_LENGTH, db_collation="C")
    task = models.CharField(_("task"), max_length=255)
    queue = models.CharField(_("queue"), max_length=255)
    line = models.CharField(_("waits for"), max_length=LINE_LENGTH, db_collation="C")
    share = models.CharField(_("share"), max_length=255, default="", blank=True, db_collation="C")
    turn = models.BigIntegerField(_("turn"))
    why = models.TextField(_("why"))
    held_at = models.DateTimeField(_("held"))
    until = models.DateTimeField(_("until"), null=True, blank=True)
    permits = models.JSONField(default=list)
    message = models.JSONField()

    class Meta:
        verbose_name = _("held job")
        verbose_name_plural = _("held jobs")
        indexes = [  # noqa: RUF012
            models.Index(fields=["line", "turn", "held_at"], name="hold_by_turn"),
            models.Index(fields=["line", "share", "-turn"], name="hold_by_share"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.why}"
