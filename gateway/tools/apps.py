from django.apps import AppConfig


class ToolsConfig(AppConfig):
    name = "gateway.tools"
    label = "tools"
    verbose_name = "Tools"
