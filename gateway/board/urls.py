"""Addresses of the board, under `/{tenant}/{environment}/`."""

from django.urls import path

from gateway.board import views

app_name = "board"
urlpatterns = [
    path("dashboard/", views.dashboard, name="dashboard"),
    path("welcome/", views.welcome, name="welcome"),
    path("welcome/source/", views.make_source, name="make_source"),
    path("welcome/send/", views.send, name="send"),
    path("welcome/key/", views.make_key, name="make_key"),
    path("attention/", views.attention, name="attention"),
    path("attention/count/", views.attention_count, name="attention_count"),
]
