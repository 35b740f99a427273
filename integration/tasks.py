"""What the worker does. A missed run delays and never loses."""

from celery import shared_task

from integration.services import forgetting
from integration.services.notices import owe_notices, send_notices


@shared_task(name="integration.tasks.deliver_notices")  # type: ignore[untyped-decorator]  # celery has no types
def deliver_notices() -> None:
    """Tell hospitals' webhooks what happened, every two seconds."""
    owe_notices()
    send_notices()


@shared_task(name="integration.tasks.forget_messages")  # type: ignore[untyped-decorator]  # celery has no types
def forget_messages() -> None:
    """Once a day."""
    forgetting.forget_messages()
