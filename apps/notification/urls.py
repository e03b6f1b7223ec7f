from django.urls import path

from apps.notification import views

app_name = "notification"
urlpatterns = [
    path("", views.home, name="home"),
    path("unread/", views.unread, name="unread"),
    path("read/", views.read_all, name="read-all"),
    path("<int:notification_id>/read/", views.read, name="read"),
    path("send/", views.send, name="send"),
    path("channels/", views.channels, name="channels"),
    path("channels/<slug:name>/test/", views.test, name="test"),
    path("deliveries/", views.deliveries, name="deliveries"),
    path("<int:notification_id>/resend/", views.resend, name="resend"),
]
