from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.messaging.subscribing import queue_of


class Subscription(models.Model):
    """A subscription of the code, or one that was: `gone_at` is when a recorder first missed it.

    The row goes when its queue is deleted.
    """

    name = models.CharField(_("name"), max_length=60, unique=True, db_collation="C")
    pattern = models.CharField(_("pattern"), max_length=100)
    task = models.CharField(_("task"), max_length=255)
    since = models.DateTimeField(_("since"), auto_now_add=True)
    gone_at = models.DateTimeField(_("gone"), null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        ordering = ("name",)
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        return queue_of(self.name)
