from django.apps import AppConfig
from django.db.models.signals import post_migrate

from audit import triggers


class AuditConfig(AppConfig):
    name = "audit"
    label = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        """Put the triggers back after every migrate; AlterField on SQLite drops them silently."""
        post_migrate.connect(triggers.install_after_migrate, sender=self)
