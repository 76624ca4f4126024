"""Addresses of the tools' pages, under `/{tenant}/{environment}/tools/`."""

from django.urls import path

from gateway.tools import views
from gateway.tools.views import define

app_name = "tools"
urlpatterns = [
    path("", views.index, name="list"),
    path("import/", views.import_document, name="import"),
    path("new/", define.choose, name="choose"),
    path("new/<str:offer>/", define.new, name="new"),
    path("<slug:tool>/", views.detail, name="detail"),
    path("<slug:tool>/edit/", define.edit, name="edit"),
    path("<slug:tool>/switch/", views.switch, name="switch"),
    path("<slug:tool>/drift/", views.drift, name="drift"),
]
