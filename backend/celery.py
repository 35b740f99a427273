"""The worker's and beat's application: ``celery -A backend.celery``."""

import os

from celery import Celery
from celery.signals import worker_init

from backend import roles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("wardline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_owner(**_: object) -> None:
    roles.refuse_owner()
