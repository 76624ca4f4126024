"""Addresses of the runs' pages, under `/{tenant}/{environment}/runs/`."""

from django.urls import path

from gateway.runs import views

app_name = "runs"
urlpatterns = [
    path("", views.index, name="list"),
    path("start-demo/", views.start_demo, name="start_demo"),
    path("<slug:run>/", views.detail, name="detail"),
    path("<slug:run>/cancel/", views.cancel, name="cancel"),
    path("<slug:run>/rate/", views.rate, name="rate"),
    path("<slug:run>/retry/", views.retry, name="retry"),
]
