from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "gateway.agents"
    label = "agents"
    verbose_name = "Agents"
