from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Beat(models.Model):
    """One life of a beat process, by its latest sign of life."""

    instance = models.CharField(primary_key=True, max_length=255)
    started_at = models.DateTimeField(_("started"))
    ticked_at = models.DateTimeField(_("last seen"), db_index=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("beat")
        verbose_name_plural = _("beats")

    def __str__(self) -> str:
        return self.instance


class Absence(models.Model):
    """A time in which no beat was alive: what was due in it was missed."""

    began_at = models.DateTimeField(_("from"), unique=True)
    ended_at = models.DateTimeField(_("until"), db_index=True)

    class Meta:
        default_permissions = ()
        ordering: ClassVar = ["-began_at"]
        verbose_name = _("absence of beat")
        verbose_name_plural = _("absences of beat")

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S} – {self.ended_at:%H:%M:%S}"
