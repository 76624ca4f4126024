"""Addresses of the audit explorer, under `/{tenant}/{environment}/audit/`."""

from django.urls import path

from gateway.desk import explorer, kept_elsewhere

app_name = "audit"
urlpatterns = [
    path("", explorer.index, name="records"),
    path("bundle/", explorer.bundle, name="bundle"),
    path("outlets/", kept_elsewhere.index, name="outlets"),
    path("outlets/<str:outlet>/send/", kept_elsewhere.send, name="send_outlet"),
    path("verification/", explorer.verification, name="verification"),
    path("<uuid:record>/", explorer.detail, name="record"),
    path("<uuid:record>/proof/", explorer.proof, name="proof"),
]
