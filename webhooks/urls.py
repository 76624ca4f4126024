"""Addresses of events and sources, under `/{tenant}/{environment}/`."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("events/", views.events, name="events"),
    path("events/<slug:event>/", views.event, name="event"),
    path("events/<slug:event>/replay/", views.replay, name="replay"),
    path("events/<slug:event>/release/", views.release, name="release"),
    path("events/<slug:event>/explain/", views.explain, name="explain"),
    path("sources/", views.sources, name="sources"),
    path("sources/<slug:source>/", views.source, name="source"),
    path("sources/<slug:source>/debug/", views.debug, name="debug"),
]
