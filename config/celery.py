"""The Celery application. Tasks live in `sync.tasks` only."""

import os

from celery import Celery
from celery.loaders.app import AppLoader

from config import checks, embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Loader(AppLoader):
    """What worker and beat do before they connect to anything.

    Celery runs the system checks as well, but starts whatever they find. And what the
    receiver of a signal raises it only logs.
    """

    def on_worker_init(self) -> None:
        checks.refuse_errors()
        embedded.start_if_needed()


app = Celery("config", loader="config.celery:Loader", amqp="config.broker:Amqp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["sync"])
