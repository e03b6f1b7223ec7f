"""A row in the user's inbox on this site."""

from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.notification.channel import Answer, ChannelKind, Config, Recipient
from apps.notification.models import Delivery, Notification


class InAppConfig(Config):
    """Nothing to configure."""


class InApp(ChannelKind[InAppConfig]):
    name = "in-app"
    title = gettext_lazy("In-app")
    example: ClassVar = {}
    schema = InAppConfig

    def describe(self, config: InAppConfig) -> str:
        return _("the user's inbox on this site")

    def reaches(self, recipient: Recipient, config: InAppConfig) -> bool:
        return recipient.user_id is not None

    def send(self, delivery: Delivery, recipient: Recipient, config: InAppConfig) -> Answer:
        Notification.objects.filter(pk=delivery.notification_id).update(inbox=recipient.user_id)
        return Answer()
