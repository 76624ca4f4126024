from django.apps import AppConfig


class OutletsConfig(AppConfig):
    name = "gateway.outlets"
    label = "outlets"
    verbose_name = "Outlets"
