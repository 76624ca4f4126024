"""Addresses of the tools' pages, under `/{tenant}/{environment}/tools/`."""

from django.urls import path

from gateway.tools import views

app_name = "tools"
urlpatterns = [
    path("", views.index, name="list"),
    path("<slug:tool>/", views.detail, name="detail"),
]
