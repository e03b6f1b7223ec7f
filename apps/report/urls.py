from django.urls import path

from apps.report import views

app_name = "report"
urlpatterns = [
    path("", views.home, name="home"),
    path("new/<slug:name>/", views.new, name="new"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/status/", views.status, name="status"),
    path("<int:pk>/again/", views.make_again, name="again"),
    path("<int:pk>/download/", views.download, name="download"),
    path("<int:pk>/view/", views.view, name="view"),
]
