from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from apps.notification.shipped import create_channels


class NotificationConfig(AppConfig):
    name = "apps.notification"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        post_migrate.connect(create_channels, sender=self)
