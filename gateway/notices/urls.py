"""Addresses of the notices' pages, under `/{tenant}/{environment}/notices/`."""

from django.urls import path

from gateway.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.log, name="log"),
    path("preferences/", views.preferences, name="preferences"),
    path("preferences/code/<slug:kind>/", views.code, name="code"),
    path("preferences/unlink/<slug:identity>/", views.unlink, name="unlink"),
    path("preferences/browsers/", views.add_browser, name="add_browser"),
    path(
        "preferences/browsers/<slug:browser>/remove/", views.remove_browser, name="remove_browser"
    ),
    path("chats/", views.chats, name="chats"),
    path("chats/<slug:kind>/", views.chat, name="chat"),
    path("chats/<slug:kind>/try/", views.try_chat, name="try"),
]
