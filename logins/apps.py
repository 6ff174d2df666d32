"""The app of logins."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from logins import roles


class LoginsConfig(AppConfig):
    name = "logins"
    verbose_name = "Logins"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(roles.after_migrate, sender=self)
