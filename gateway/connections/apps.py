from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "gateway.connections"
    label = "connections"
    verbose_name = "Connections"
