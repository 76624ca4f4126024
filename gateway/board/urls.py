"""Addresses of the board, under `/{tenant}/{environment}/`."""

from django.urls import path

from gateway.board import views

app_name = "board"
urlpatterns = [
    path("dashboard/", views.dashboard, name="dashboard"),
    path("attention/", views.attention, name="attention"),
    path("attention/count/", views.attention_count, name="attention_count"),
]
