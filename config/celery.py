"""The Celery application. Tasks live in `sync.tasks` only."""

import os
from datetime import timedelta

from celery import Celery, beat
from celery.loaders.app import AppLoader

from config import checks, embedded
from config.broker import Waking

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


_FIRST_ROUND = timedelta(minutes=1)


class Loader(AppLoader):
    """What worker and beat do before they connect to anything.

    Celery runs the system checks as well, but starts whatever they find. And what the
    receiver of a signal raises it only logs.
    """

    def on_worker_init(self) -> None:
        checks.refuse_errors()
        embedded.start_if_needed()


class Scheduler(beat.Scheduler):
    """Beat's schedule in memory: no file that could be spoilt or not be written.

    Everything is due a minute after the start. Each task asks the database what is due,
    so that this costs little; else a beat that is started anew each day would never
    send what is due once a day. A beat that dies at once, again and again, has nobody
    called.
    """

    def setup_schedule(self) -> None:
        super().setup_schedule()
        planned = self.app.conf.beat_schedule
        self.merge_inplace(planned)
        for name, plan in planned.items():
            entry = self.schedule[name]
            every = timedelta(seconds=plan["schedule"])
            entry.last_run_at = entry.default_now() + _FIRST_ROUND - every


app = Celery("config", loader="config.celery:Loader", amqp="config.broker:Amqp")
app.steps["consumer"].add(Waking)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["sync"])
