from django.apps import AppConfig
from django.core.checks import register


class ProjectConfig(AppConfig):
    name = "project"

    def ready(self) -> None:
        from project import checks

        for check in (checks.unknown_names, checks.routes_lead_somewhere):
            register(check)
