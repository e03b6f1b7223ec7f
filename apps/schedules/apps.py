from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.jobs import duties
from apps.schedules.fartimes import read_far
from apps.schedules.zones import read_unknown

WATCHES = ("late", "missed", "failing", "beat")
WATCH_SECONDS = 5


class SchedulesConfig(AppConfig):
    name = "apps.schedules"
    verbose_name = _("Schedules")

    def ready(self) -> None:
        read_unknown()
        read_far()
        for name in WATCHES:
            work = f"apps.schedules.watching.look_for_{name}"
            duties.register(f"schedules.{name}", every_seconds=WATCH_SECONDS, work=work)
