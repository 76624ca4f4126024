"""Addresses of the connections' pages, under `/{tenant}/{environment}/connections/`."""

from django.urls import path

from gateway.connections import views

app_name = "connections"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("callback/", views.callback, name="callback"),
    path("<slug:connection>/", views.detail, name="detail"),
    path("<slug:connection>/edit/", views.edit, name="edit"),
    path("<slug:connection>/rotate/", views.rotate, name="rotate"),
    path("<slug:connection>/check/", views.check, name="check"),
    path("<slug:connection>/connect/", views.connect, name="connect"),
    path("<slug:connection>/disconnect/", views.disconnect, name="disconnect"),
    path("<slug:connection>/archive/", views.archive, name="archive"),
]
