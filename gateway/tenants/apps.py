from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "gateway.tenants"
    label = "tenants"
    verbose_name = "Tenants and members"
