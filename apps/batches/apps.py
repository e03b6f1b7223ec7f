from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.jobs import duties


class BatchesConfig(AppConfig):
    name = "apps.batches"
    verbose_name = _("Batches")

    def ready(self) -> None:
        duties.follow("batches", "apps.batches.noting.note")
        duties.stand("batches", "apps.batches.settling.Settling")
