"""Addresses of the audit explorer, under `/{tenant}/{environment}/audit/`."""

from django.urls import path

from gateway.desk import explorer

app_name = "audit"
urlpatterns = [
    path("", explorer.index, name="records"),
    path("bundle/", explorer.bundle, name="bundle"),
    path("verification/", explorer.verification, name="verification"),
    path("<uuid:record>/", explorer.detail, name="record"),
    path("<uuid:record>/proof/", explorer.proof, name="proof"),
]
