"""Addresses of actions and policies, under `/{tenant}/{environment}/`."""

from django.urls import path

from approvals import views

app_name = "approvals"
urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/count/", views.inbox_count, name="inbox_count"),
    path("actions/", views.actions, name="list"),
    path("actions/<slug:action>/", views.detail, name="detail"),
    path("actions/<slug:action>/row/", views.row, name="row"),
    path("actions/<slug:action>/approve/", views.approve, name="approve"),
    path("actions/<slug:action>/reject/", views.reject, name="reject"),
    path("actions/<slug:action>/cancel/", views.cancel, name="cancel"),
    path("kill-switch/", views.kill_switch, name="kill_switch"),
    path("kill-switch/stop/", views.stop, name="stop"),
    path("kill-switch/<slug:switch>/off/", views.go_on, name="go_on"),
    path("policies/", views.policies, name="policies"),
]
