from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.report.catalog import reports


class ReportConfig(AppConfig):
    name = "apps.report"
    verbose_name = _("Reports")

    def ready(self) -> None:
        reports()  # a report that breaks the contract stops the start, not the first job
