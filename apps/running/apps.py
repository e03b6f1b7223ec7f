from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.jobs import duties
from apps.running import checks  # noqa: F401 - it registers itself


class RunningConfig(AppConfig):
    name = "apps.running"
    verbose_name = _("Running jobs")

    def ready(self) -> None:
        duties.register("running.wishes", every_seconds=2, work="apps.running.asking.remind")
        duties.register("running.cursors", every_seconds=30, work="apps.running.cursors.forget")
