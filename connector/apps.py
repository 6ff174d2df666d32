"""The app of the Connect tab."""

from django.apps import AppConfig


class ConnectorConfig(AppConfig):
    name = "connector"
    verbose_name = "Connect"
    default_auto_field = "django.db.models.BigAutoField"
