"""Addresses of the agents' pages, under `/{tenant}/{environment}/agents/`."""

from django.urls import path

from gateway.agents import views

app_name = "agents"
urlpatterns = [
    path("", views.index, name="list"),
    path("new/", views.new, name="new"),
    path("<slug:agent>/", views.detail, name="detail"),
    path("<slug:agent>/edit/", views.edit, name="edit"),
    path("<slug:agent>/switch/", views.switch, name="switch"),
]
