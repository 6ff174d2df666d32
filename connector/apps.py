"""The app of the Connect tab."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from config import checks
from connector import clock, roles


class ConnectorConfig(AppConfig):
    name = "connector"
    verbose_name = "Connect"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register_all()
        clock.follow_database()
        post_migrate.connect(roles.after_migrate, sender=self)
