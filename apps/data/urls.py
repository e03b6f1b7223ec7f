from django.urls import path

from apps.data import views

app_name = "data"
urlpatterns = [
    path("", views.home, name="home"),
    path("import/", views.new_import, name="new_import"),
    path("imports/<int:pk>/", views.import_page, name="import"),
    path("imports/<int:pk>/state/", views.import_state, name="import_state"),
    path("imports/<int:pk>/errors.csv", views.import_errors, name="import_errors"),
    path("imports/<int:pk>/run/", views.run_again, name="run_again"),
    path("datasets/<slug:name>/", views.dataset_page, name="dataset"),
    path("datasets/<slug:name>/export.csv", views.dataset_export, name="dataset_export"),
    path("pipeline/", views.new_pipeline, name="new_pipeline"),
]
