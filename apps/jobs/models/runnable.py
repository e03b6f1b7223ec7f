from django.db import models
from django.utils.translation import gettext_lazy as _


class RunnableTask(models.Model):
    """Has no table: the permissions to run each task hang on it."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("task")
        verbose_name_plural = _("tasks")

    def __str__(self) -> str:
        return str(_("task"))
