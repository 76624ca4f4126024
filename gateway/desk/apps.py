from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "gateway.desk"
    label = "desk"
    verbose_name = "Desk"
