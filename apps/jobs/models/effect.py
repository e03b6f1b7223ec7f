from django.db import models
from django.utils.translation import gettext_lazy as _


class Effect(models.Model):
    """A side effect that happened once: what `once(key)` found or did."""

    key = models.CharField(_("key"), primary_key=True, max_length=255, db_collation="C")
    job_id = models.CharField(_("job"), max_length=255, blank=True)
    result = models.JSONField(_("result"), null=True)
    done_at = models.DateTimeField(_("done"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("effect")
        verbose_name_plural = _("effects")

    def __str__(self) -> str:
        return self.key
