"""The one address of the demo's own, under `/{tenant}/{environment}/`."""

from django.urls import path

from gateway.demo import views

app_name = "demo"
urlpatterns = [path("demo/remove/", views.remove, name="remove")]
