"""Addresses of the tools' pages, under `/{tenant}/{environment}/tools/`."""

from django.urls import path

from gateway.tools import views

app_name = "tools"
urlpatterns = [
    path("", views.index, name="list"),
    path("import/", views.import_document, name="import"),
    path("<slug:tool>/", views.detail, name="detail"),
    path("<slug:tool>/switch/", views.switch, name="switch"),
    path("<slug:tool>/drift/", views.drift, name="drift"),
]
