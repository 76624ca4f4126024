"""Addresses of the members' pages, under `/{tenant}/{environment}/members/`."""

from django.urls import path

from gateway.tenants import views

app_name = "tenants"
urlpatterns = [
    path("", views.members, name="members"),
    path("invite/", views.invite, name="invite"),
    path("groups/", views.add_group, name="add_group"),
    path("invitations/<slug:invitation>/revoke/", views.revoke, name="revoke"),
    path("<slug:member>/", views.change, name="member"),
    path("<slug:member>/deactivate/", views.deactivate, name="deactivate"),
]
