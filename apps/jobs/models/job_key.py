from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.models.job import ID_LENGTH


class JobKey(models.Model):
    """Who holds a key given to `submit`: one job, as long as its rule says (`rule.Rule`).

    `first_at` is when its job took it; with a debounced one, when that was first asked for.
    """

    key = models.CharField(_("key"), primary_key=True, max_length=255, db_collation="C")
    job_id = models.CharField(_("job"), max_length=ID_LENGTH)
    until = models.DateTimeField(_("until"), null=True, blank=True, db_index=True)
    kind = models.CharField(_("kind"), max_length=20, default="", db_default="")
    first_at = models.DateTimeField(_("first asked for"), null=True, blank=True)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.key
