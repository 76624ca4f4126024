from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "gateway.demo"
    label = "demo"
    verbose_name = "Demo"
