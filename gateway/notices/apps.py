from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "gateway.notices"
    label = "notices"
    verbose_name = "Notices"
