from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.gate import checks  # noqa: F401 - it registers itself
from apps.jobs import duties


class GateConfig(AppConfig):
    name = "apps.gate"
    verbose_name = _("Gate")

    def ready(self) -> None:
        duties.stand("holds", "apps.gate.releasing.Releasing")
