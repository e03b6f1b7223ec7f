from django.urls import path

from apps.email import views

app_name = "email"
urlpatterns = [
    path("", views.home, name="home"),
    path("compose/", views.compose, name="compose"),
    path("messages/<int:pk>/", views.message, name="message"),
    path("messages/<int:pk>/eml/", views.eml, name="eml"),
    path("messages/<int:pk>/decide/", views.decide, name="decide"),
    path("mailings/", views.mailings, name="mailings"),
    path("mailings/compose/", views.compose_mailing, name="compose_mailing"),
    path("mailings/<str:job_id>/", views.mailing, name="mailing"),
]
