"""One address."""

from django.urls import path

from bench.peers.drf_receiver.views import WebhookView

urlpatterns = [path("webhooks/<str:name>", WebhookView.as_view())]
