"""Addresses of events and sources, under `/{tenant}/{environment}/`."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("events/", views.events, name="events"),
    # No id has a tilde.
    path("events/~replay/", views.replay_many, name="replay_many"),
    path("events/<slug:event>/", views.event, name="event"),
    path("events/<slug:event>/replay/", views.replay, name="replay"),
    path("events/<slug:event>/release/", views.release, name="release"),
    path("events/<slug:event>/dry-run/", views.dry_run, name="dry_run"),
    path("events/<slug:event>/explain/", views.explain, name="explain"),
    path("sources/", views.sources, name="sources"),
    # No slug has a tilde.
    path("sources/~new/", views.new, name="new"),
    path("sources/<slug:source>/", views.source, name="source"),
    path("refusals/", views.unknown, name="unknown"),
    path("sources/<slug:source>/refusals/", views.refusals, name="refusals"),
    path("sources/<slug:source>/debug/", views.debug, name="debug"),
    path("sources/<slug:source>/edit/", views.edit, name="edit"),
    path("sources/<slug:source>/setup/", views.setup, name="setup"),
    path("sources/<slug:source>/routes/", views.routes, name="routes"),
    path("sources/<slug:source>/test/", views.test, name="test"),
    path("sources/<slug:source>/switch/", views.switch, name="switch"),
    path("sources/<slug:source>/archive/", views.archive, name="archive"),
    path("sources/<slug:source>/secrets/", views.secrets, name="secrets"),
    path("sources/<slug:source>/secrets/rotate/", views.rotate_secret, name="rotate_secret"),
    path("sources/<slug:source>/secrets/add/", views.add_secret, name="add_secret"),
    path("sources/<slug:source>/secrets/end/", views.end_secret, name="end_secret"),
]
