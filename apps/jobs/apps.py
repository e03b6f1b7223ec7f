from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "apps.jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        # Celery's own discovery runs in workers only: web, beat and shell know the same tasks by this.
        autodiscover_modules("tasks")
        from apps.jobs import checks, forking, joblog, noting  # noqa: F401 - they register themselves
        from apps.jobs.permissions import create_run_permissions

        post_migrate.connect(create_run_permissions, sender=self)
