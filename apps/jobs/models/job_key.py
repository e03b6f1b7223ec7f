from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.models.job import ID_LENGTH


class JobKey(models.Model):
    """Who holds a key given to `submit`: one job, while it is alive or until a time."""

    key = models.CharField(_("key"), primary_key=True, max_length=255, db_collation="C")
    job_id = models.CharField(_("job"), max_length=ID_LENGTH)
    until = models.DateTimeField(_("until"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.key
