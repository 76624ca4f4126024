"""The app's name and label."""

from django.apps import AppConfig


class ReceiverConfig(AppConfig):
    """One table, made by `migrate --run-syncdb`."""

    name = "bench.peers.drf_receiver"
    label = "receiver"
