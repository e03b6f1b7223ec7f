from django.urls import path, register_converter
from django.urls.converters import StringConverter

from apps.console import views


class JobId(StringConverter):
    """Celery takes any text as an id; PostgreSQL any but NUL."""

    regex = r"[^\x00]{1,255}"


register_converter(JobId, "job_id")

app_name = "console"
urlpatterns = [
    path("", views.home, name="home"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<job_id:job_id>/again/", views.again, name="again"),
    path("jobs/<job_id:job_id>/cancel/", views.cancel, name="cancel"),
    path("jobs/<job_id:job_id>/stack/", views.stack, name="stack"),
    path("jobs/<job_id:job_id>.json", views.job_json, name="job_json"),
    path("jobs/<job_id:job_id>/", views.job, name="job"),
    path("run/", views.run, name="run"),
    path("run/<str:name>/", views.run_task, name="run_task"),
]
