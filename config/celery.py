"""The Celery application. Tasks live in `sync.tasks` only."""

import os

from celery import Celery
from celery.loaders.app import AppLoader

from config import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class Loader(AppLoader):
    """What worker and beat do before they connect to anything.

    Not in a signal's receiver: Celery logs what that raises, and starts nevertheless.
    """

    def on_worker_init(self) -> None:
        embedded.start_if_needed()


def broker_url(redis_url: str) -> str:
    """The same address; Celery's name for a Redis behind a unix socket is its own."""
    return redis_url.replace("unix://", "redis+socket://", 1)


app = Celery("config", loader="config.celery:Loader")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["sync"])
