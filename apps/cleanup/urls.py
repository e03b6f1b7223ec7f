from django.urls import path

from apps.cleanup import views

app_name = "cleanup"
urlpatterns = [
    path("", views.home, name="home"),
    path("run/", views.run, name="run"),
]
