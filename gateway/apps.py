from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

from gateway import database_roles


class GatewayConfig(AppConfig):
    name = "gateway"
    label = "gateway"

    def ready(self) -> None:
        """What a migrate makes belongs to the owner's role, and the others get their rights."""
        pre_migrate.connect(database_roles.become_owner, sender=self)
        post_migrate.connect(database_roles.grant_after_migrate, sender=self)
