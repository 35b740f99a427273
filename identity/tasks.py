"""What the worker does for people and devices. A missed run delays and never loses."""

from celery import shared_task

from identity.services import tidying


@shared_task(name="identity.tasks.tidy_up")  # type: ignore[untyped-decorator]  # celery has no types
def tidy_up() -> None:
    """Once a day: offers, sign-ins, sessions and stored answers that nothing can come of any more."""
    tidying.tidy_up()
