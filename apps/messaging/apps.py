from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from apps.jobs import duties


class MessagingConfig(AppConfig):
    name = "apps.messaging"
    verbose_name = _("Messaging")

    def ready(self) -> None:
        autodiscover_modules("subscribers")
        duties.stand("events", "apps.messaging.relaying.EventRelay")
        duties.stand("subscriptions", "apps.messaging.bridging.Bridging")
        duties.stand("broadcasts", "apps.messaging.listening.Listening")
