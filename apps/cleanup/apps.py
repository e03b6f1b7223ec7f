from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _

from apps.cleanup.checking import check_policies


class CleanupConfig(AppConfig):
    name = "apps.cleanup"
    verbose_name = _("Cleanup")

    def ready(self) -> None:
        checks.register(check_policies)
