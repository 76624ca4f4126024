"""Addresses of the members' pages and of the environment's, under `/{tenant}/{environment}/`."""

from django.urls import path

from gateway.tenants import views

app_name = "tenants"
urlpatterns = [
    path("members/", views.members, name="members"),
    path("members/invite/", views.invite, name="invite"),
    path("members/groups/", views.add_group, name="add_group"),
    path("members/invitations/<slug:invitation>/revoke/", views.revoke, name="revoke"),
    path("members/<slug:member>/", views.change, name="member"),
    path("members/<slug:member>/deactivate/", views.deactivate, name="deactivate"),
    path("settings/", views.environment, name="environment"),
]
