"""What the worker does for feeds. A missed run delays and never loses."""

from celery import shared_task

from integration.services import forgetting


@shared_task(name="integration.tasks.forget_messages")  # type: ignore[untyped-decorator]  # celery has no types
def forget_messages() -> None:
    """Once a day."""
    forgetting.forget_messages()
