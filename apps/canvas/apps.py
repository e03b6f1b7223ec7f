from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.jobs import duties


class CanvasConfig(AppConfig):
    name = "apps.canvas"
    verbose_name = _("Canvas")

    def ready(self) -> None:
        duties.register("canvas.chords", every_seconds=5, work="apps.canvas.mending.mend")
