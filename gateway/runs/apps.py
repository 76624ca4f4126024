from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "gateway.runs"
    label = "runs"
    verbose_name = "Runs"
