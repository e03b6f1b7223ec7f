"""Where each page lives. A family's own pages are in its app's `urls.py`."""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("", include("apps.console.urls")),
    path("email/", include("apps.email.urls")),
    path("data/", include("apps.data.urls")),
    path("reports/", include("apps.report.urls")),
    path("notifications/", include("apps.notification.urls")),
    path("cleanup/", include("apps.cleanup.urls")),
    path("health/", include("apps.monitoring.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
