"""The app of the Sync tab."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from sync import roles


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(roles.after_migrate, sender=self)
